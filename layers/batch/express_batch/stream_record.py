"""Stream records: the rows of a slice, as SyncUsers sends and WriteRows reads them.

{"version": 1, "run_id", "chunk", "start", "record_id", "trace", "columns": [...],
 "rows": [[position, answer_version, value, ...], ...]}

One record holds a whole slice, since a shard takes 1,000 records/s but 1 MB/s; it is split where it would pass the
record limit. `record_id` names this piece of this attempt, so that a redelivery is recognised.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from express_batch.errors import InvalidEventError, RecordTooLargeError
from express_batch.job_contract import Row
from express_batch.run_layout import check_run_id

RECORD_VERSION = 1
# A record may have 1 MiB, partition key included
# (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html). The mapping hands WriteRows at most
# 6 MB of base64, so records are kept well below the limit and several still fit one batch.
MAX_RECORD_BYTES = 900_000
ROW_OVERHEAD = 2  # position and answer_version stand before the row's values


@dataclass(frozen=True)
class SyncedRow:
    """A row made out of one user's answer."""

    position: int  # in its chunk
    answer_version: int  # microseconds since 1970 when the answer came
    values: Row


@dataclass(frozen=True)
class StreamRecord:
    """A decoded record."""

    run_id: str
    chunk: int
    start: int  # of the slice, in its chunk
    record_id: str
    trace_header: str | None
    columns: tuple[str, ...]
    rows: tuple[SyncedRow, ...]


def encode_records(
    rows: Sequence[SyncedRow],
    *,
    run_id: str,
    chunk: int,
    start: int,
    attempt_id: str,
    trace_header: str | None,
    columns: Sequence[str],
    limit_bytes: int = MAX_RECORD_BYTES,
) -> Iterator[bytes]:
    """Records that hold all rows in their order, each at most `limit_bytes`. Raises RecordTooLargeError."""

    def head(part: int) -> bytes:
        document = {
            "version": RECORD_VERSION,
            "run_id": run_id,
            "chunk": chunk,
            "start": start,
            "record_id": f"{chunk}-{start}-{attempt_id}-{part}",
            "trace": trace_header,
            "columns": list(columns),
        }
        return json.dumps(document, separators=(",", ":")).encode()[:-1] + b',"rows":['

    part = 0
    pieces: list[bytes] = []
    size = room = len(head(part)) + 16  # the part's number may grow, and the closing brackets
    for row in rows:
        piece = json.dumps(
            [row.position, row.answer_version, *row.values], ensure_ascii=False, separators=(",", ":")
        ).encode()
        if room + len(piece) + 1 > limit_bytes:
            raise RecordTooLargeError(
                f"the row at position {row.position} of chunk {chunk} has {len(piece)} bytes, "
                f"a stream record holds {limit_bytes}: keep large values out of the job's row"
            )
        if size + len(piece) + 1 > limit_bytes:
            yield head(part) + b",".join(pieces) + b"]}"
            part, pieces, size = part + 1, [], room
        pieces.append(piece)
        size += len(piece) + 1
    if pieces:
        yield head(part) + b",".join(pieces) + b"]}"


def decode_record(data: bytes) -> StreamRecord:
    """The record. Raises InvalidEventError that says what is wrong, without the record's content."""
    try:
        document: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidEventError(
            f"a stream record of {len(data)} bytes is not JSON: only SyncUsers may write to the stream"
        ) from error
    version = document.get("version") if isinstance(document, dict) else None
    if version != RECORD_VERSION:
        raise InvalidEventError(
            f"a stream record has version {version!r}, this function reads {RECORD_VERSION}: "
            "deploy SyncUsers and WriteRows together"
        )
    try:
        columns = tuple(str(column) for column in document["columns"])
        rows = tuple(SyncedRow(_whole(row[0]), _whole(row[1]), tuple(row[2:])) for row in document["rows"])
        if any(len(row.values) != len(columns) for row in rows):
            raise ValueError("a row that does not fit its columns")
        return StreamRecord(
            run_id=check_run_id(document["run_id"]),
            chunk=_whole(document["chunk"]),
            start=_whole(document["start"]),
            record_id=str(document["record_id"])[:120],
            trace_header=document["trace"],
            columns=columns,
            rows=rows,
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InvalidEventError(
            f"a stream record of version {version} lacks its fields ({type(error).__name__})"
        ) from error


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("expected a whole number from 0")
