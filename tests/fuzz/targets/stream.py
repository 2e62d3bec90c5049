"""Stream records and rejected records."""

import base64
import json

from express_batch.chunks import MAX_PLACE
from express_batch.errors import InvalidEventError
from express_batch.stream_record import (
    MAX_POSITIONS,
    RECORD_VERSION,
    StreamRecord,
    check_versions,
    decode_record,
    encode_records,
)
from express_batch.trace_documents import read_trace_header
from express_batch.upsert import VersionedRow, newest_by_key

from batchctl.failures.rejected import PREFIX, RejectedRecord, read_rejected
from batchctl.failures.stuck import Stuck, describe_rejected
from tests.fakes.deliveries import make_record, points_row
from tests.fuzz.target import Target
from tests.fuzz.targets.bucket import OneObject

ARRIVED_AT = 1_795_336_202.0
RECORD = make_record(
    [points_row(position, 1_795_336_200_000_000 + position) for position in (3, 4, 9)],
    start=2,
    trace_header="Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1",
)
# A short one of every kind of value, which mutations take further.
PLAIN = json.dumps(
    {
        "version": RECORD_VERSION,
        "run_id": "20261122T083000Z-r1",
        "chunk": 0,
        "start": 0,
        "record_id": "0-0-a-0",
        "trace": None,
        "columns": ["user_id", "value"],
        "rows": [[0, 1, "a", 1.5], [7, 2, None, True]],
    }
).encode()


def _decode(data: bytes) -> StreamRecord:
    record = decode_record(data)
    check_versions(record, ARRIVED_AT)
    return record


def _check(record: StreamRecord) -> None:
    """It fits the ledger, a key, a statement and an S3 key, and says the same when it is encoded again."""
    assert len({row.position for row in record.rows}) == len(record.rows) <= MAX_POSITIONS
    assert all(0 <= row.position - record.start < MAX_POSITIONS for row in record.rows)
    assert record.chunk <= MAX_PLACE
    assert all(row.answer_version <= (ARRIVED_AT + 301) * 1_000_000 for row in record.rows)
    assert not set(record.record_id) & set("/\\. %")
    read_trace_header(record.trace_header)
    keys = range(len(record.columns))
    assert len(
        newest_by_key([VersionedRow(tuple(row.values), row.answer_version) for row in record.rows], keys)
    ) <= len(record.rows)
    pieces = encode_records(
        record.rows,
        run_id=record.run_id,
        chunk=record.chunk,
        start=record.start,
        attempt_id="again",
        trace_header=record.trace_header,
        columns=record.columns,
        limit_bytes=10**9,
    )
    for piece in pieces:
        again = decode_record(piece)
        assert (again.rows, again.columns, again.trace_header) == (record.rows, record.columns, record.trace_header)


def _read_rejected(data: bytes) -> list[Stuck]:
    return [describe_rejected(rejected) for rejected in read_rejected(OneObject(f"{PREFIX}shard/1.json", data))]


def _check_rejected(stuck: list[Stuck]) -> None:
    if not stuck:  # an empty object
        return
    (one,) = stuck
    assert isinstance(one.source, RejectedRecord)
    assert one.remedy or one.pieces


TARGETS = (
    Target(
        "stream-record",
        _decode,
        (RECORD, PLAIN),
        (InvalidEventError,),
        (
            "express_batch.stream_record:decode_record",
            "express_batch.stream_record:check_versions",
            "express_batch.trace_documents:read_trace_header",
        ),
        _check,
    ),
    Target(
        "rejected-record",
        _read_rejected,
        (
            json.dumps(
                {"reason": "InvalidEventError", "detail": "why", "data": base64.b64encode(PLAIN).decode()}
            ).encode(),
            json.dumps({"reason": "Error", "detail": "why", "data": "not base64"}).encode(),
        ),
        (),
        ("batchctl.failures.rejected:_parse", "batchctl.failures.rejected:RejectedRecord.decode"),
        _check_rejected,
    ),
)
