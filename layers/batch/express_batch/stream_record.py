"""Stream records: the rows of a slice, as SyncUsers sends and WriteRows reads them.

{"version": 1, "run_id", "chunk", "start", "record_id", "trace", "columns": [...],
 "rows": [[position, answer_version, value, ...], ...]}

One record holds a whole slice, since a shard takes 1,000 records/s but 1 MB/s; it is split where it would pass the
record limit. `record_id` names this piece of this attempt, so that a redelivery is recognised.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from express_batch.chunks import read_place
from express_batch.errors import InvalidEventError, RecordTooLargeError
from express_batch.job_contract import Row
from express_batch.outside_json import decode_json
from express_batch.run_layout import check_run_id

RECORD_VERSION = 1
# A record may have 1 MiB, partition key included
# (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html). The mapping hands WriteRows at most
# 6 MB of base64, so records are kept well below the limit and several still fit one batch.
MAX_RECORD_BYTES = 900_000
# What the ledger's columns hold (migrations/0002_batch_write.sql): a record beyond it would block its shard.
MAX_POSITIONS = 8 * 1024
MAX_ANSWER_VERSION = 2**64 - 1
# How far the clock of a sender may be ahead of the stream's: less than the time between two runs, or answers of the
# next run would lose to those of the one before (docs/adr/0014).
MAX_CLOCK_AHEAD_SECONDS = 300.0
# MySQL's own limit of a table's columns (https://dev.mysql.com/doc/refman/8.4/en/column-count-limit.html).
MAX_COLUMNS = 4096
MAX_TRACE_CHARACTERS = 1024
# It becomes part of an S3 key and of the ledger's primary key.
_RECORD_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,119}")


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


def check_value(value: object) -> None:
    """Return when `value` can travel and MySQL can take it. Raises ValueError that names its type, not its content."""
    if isinstance(value, str):
        if value.isascii():  # by far the most; no copy is made
            return
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError("text with half a surrogate pair, which UTF-8 has not") from error
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number that MySQL has not (infinite, or none)")
    elif value is not None and not isinstance(value, int):
        raise ValueError(f"a value of type {type(value).__name__}: only text, numbers and None travel")


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
        document: Any = decode_json(data)
    except ValueError as error:
        raise InvalidEventError(
            f"a stream record of {len(data)} bytes is not JSON: only SyncUsers may write to the stream"
        ) from error
    version = document.get("version") if isinstance(document, dict) else None
    if version != RECORD_VERSION:
        shown = version if isinstance(version, int) else f"of type {type(version).__name__}"
        raise InvalidEventError(
            f"a stream record has version {shown}, this function reads {RECORD_VERSION}: "
            "deploy SyncUsers and WriteRows together"
        )
    try:
        columns = tuple(_text(column) for column in _list(document["columns"], MAX_COLUMNS))
        start = read_place(document["start"])
        trace = document["trace"]
        return StreamRecord(
            run_id=check_run_id(document["run_id"]),
            chunk=read_place(document["chunk"]),
            start=start,
            record_id=_record_id(document["record_id"]),
            trace_header=None if trace is None else _text(trace, MAX_TRACE_CHARACTERS),
            columns=columns,
            rows=_decode_rows(document["rows"], start, len(columns)),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InvalidEventError(
            f"a stream record of version {RECORD_VERSION} lacks its fields ({type(error).__name__})"
        ) from error


def check_versions(record: StreamRecord, arrived_at: float) -> None:
    """Return when no answer is newer than the record itself. Raises InvalidEventError.

    A version from the future would keep every later answer of its user out of the table.
    """
    newest = max((row.answer_version for row in record.rows), default=0)
    if newest > (arrived_at + MAX_CLOCK_AHEAD_SECONDS) * 1_000_000:
        raise InvalidEventError(
            f"a stream record has an answer of {newest / 1_000_000 - arrived_at:.0f} s after its arrival, "
            f"{MAX_CLOCK_AHEAD_SECONDS:.0f} s are allowed: a clock is wrong, or the record is not of SyncUsers"
        )


def _decode_rows(rows: Any, start: int, column_count: int) -> tuple[SyncedRow, ...]:
    decoded = tuple(_decode_row(row, start, column_count) for row in _list(rows, MAX_POSITIONS))
    if len({row.position for row in decoded}) != len(decoded):
        raise ValueError("two rows of one position")
    return decoded


def _decode_row(row: Any, start: int, column_count: int) -> SyncedRow:
    position = read_place(row[0])
    values = tuple(row[2:])
    if not 0 <= position - start < MAX_POSITIONS:
        raise ValueError("a position outside its slice")
    if len(values) != column_count:
        raise ValueError("a row that does not fit its columns")
    for value in values:
        check_value(value)
    return SyncedRow(position, read_place(row[1], MAX_ANSWER_VERSION), values)


def _list(value: object, greatest: int) -> list[Any]:
    if isinstance(value, list) and len(value) <= greatest:
        return value
    raise ValueError(f"expected a list of at most {greatest}")


def _text(value: object, longest: int = MAX_RECORD_BYTES) -> str:
    if isinstance(value, str) and len(value) <= longest:
        check_value(value)
        return value
    raise ValueError("expected text")


def _record_id(value: object) -> str:
    if isinstance(value, str) and _RECORD_ID.fullmatch(value):
        return value
    raise ValueError("expected 1 to 120 letters, digits, - and _")
