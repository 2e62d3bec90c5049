"""Kinesis events as the event source mapping hands them to WriteRows."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from express_batch.stream_record import SyncedRow, encode_records

RUN = "20261122T083000Z"
POINTS_COLUMNS = ("user_id", "points", "tier", "updated_at")


def make_event(records: Iterable[bytes], *, arrived_at: float = 0.0) -> dict[str, Any]:
    """An event of these records' data; each arrived in the stream a second after the one before."""
    return {
        "Records": [
            {
                "eventID": f"shardId-000000000000:{number}",
                "kinesis": {
                    "data": base64.b64encode(data).decode(),
                    "sequenceNumber": str(number),
                    "approximateArrivalTimestamp": arrived_at + number,
                },
            }
            for number, data in enumerate(records)
        ]
    }


def make_record(
    rows: Sequence[SyncedRow],
    *,
    attempt_id: str = "attempt",
    chunk: int = 0,
    start: int = 0,
    columns: Sequence[str] = POINTS_COLUMNS,
    run_id: str = RUN,
    trace_header: str | None = None,
) -> bytes:
    """One record of these rows."""
    (record,) = encode_records(
        rows,
        run_id=run_id,
        chunk=chunk,
        start=start,
        attempt_id=attempt_id,
        trace_header=trace_header,
        columns=columns,
    )
    return record


def points_row(position: int, version: int = 1, **changes: Any) -> SyncedRow:
    """A good row of loyalty_points; its points tell its position and version."""
    values = {
        "user_id": f"user-{position:05d}",
        "points": position * 1000 + version,
        "tier": "gold",
        "updated_at": "2026-11-22 08:30:00.000",
        **changes,
    }
    return SyncedRow(position, version, tuple(values[column] for column in POINTS_COLUMNS))
