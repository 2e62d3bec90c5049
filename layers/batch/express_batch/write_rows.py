"""WriteRows: the rows of a batch of stream records and their ledger entries, in one transaction."""

import base64
import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from express_batch import ledger
from express_batch.chunks import read_chunk
from express_batch.database import Database, DatabaseActivity, TableMismatchError, Transaction
from express_batch.errors import ChunkUnreadableError, InvalidEventError
from express_batch.failures import UserFailure, write_user_failures
from express_batch.job_contract import Table, User, Value
from express_batch.kinesis_event import read_arrived
from express_batch.observability import OK, Observer
from express_batch.ports import ObjectStore
from express_batch.positions import pack_positions
from express_batch.run_layout import rejected_key
from express_batch.stream_record import StreamRecord, SyncedRow, check_versions, decode_record
from express_batch.upsert import VersionedRow, build_upsert, newest_by_key, upsert_rows


@dataclass(frozen=True)
class RefusedRow:
    """A row that the database would not take."""

    record: StreamRecord
    position: int
    reason: str
    detail: str


@dataclass(frozen=True)
class RunShare:
    """What a batch holds of one run."""

    run_id: str
    records: list[StreamRecord]
    oldest_arrival: float  # of its records in the stream, seconds since 1970

    @property
    def chunks(self) -> list[int]:
        """The chunks that the records are of."""
        return sorted({record.chunk for record in self.records})

    @property
    def rows(self) -> int:
        """How many rows the records hold."""
        return sum(len(record.rows) for record in self.records)


def write_rows(
    event: Any,
    *,
    tenant_group: str,
    table: Table,
    database: Database,
    store: ObjectStore,
    observer: Observer,
) -> dict[str, list[dict[str, str]]]:
    """The mapping's answer, {"batchItemFailures": []}: a batch is written whole, or the function raises.

    A record that cannot be read is stored under rejected/ and passed over; a row that the table refuses becomes a
    failure record. Neither blocks the shard. Raises InvalidEventError for an event of anybody but the mapping, and
    DatabaseUnavailableError, StorageUnavailableError, SchemaError; the mapping then repeats the batch, which is
    harmless since rows and ledger are idempotent.
    """
    started_at = time.time()
    arrived = _read_records(event, store, observer)
    if arrived:
        shares = _share_by_run(arrived)
        observer.annotate(run_id=" ".join(share.run_id for share in shares), records=len(arrived))
        outcome = OK
        refused: list[RefusedRow] = []
        try:
            records = [record for record, _ in arrived]
            with observer.span("write rows") as span:
                refused = database.run_transaction(lambda tx: _write_records(tx, records, tenant_group, table, store))
                span.annotate(rows=sum(share.rows for share in shares), refused=len(refused))
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            activity = database.take_activity()
            for share in shares:
                _tell_run(share, started_at, outcome, activity, observer)
        _tell_batch(shares, refused, started_at, activity, observer)
    # https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    return {"batchItemFailures": []}


def _share_by_run(arrived: Sequence[tuple[StreamRecord, float]]) -> list[RunShare]:
    by_run: dict[str, list[tuple[StreamRecord, float]]] = defaultdict(list)
    for record, arrival in arrived:
        by_run[record.run_id].append((record, arrival))
    return [
        RunShare(run_id, [record for record, _ in items], min(arrival for _, arrival in items))
        for run_id, items in sorted(by_run.items())
    ]


def _tell_run(share: RunShare, started_at: float, outcome: str, activity: DatabaseActivity, observer: Observer) -> None:
    """Into the run's own trace, below the SyncUsers that sent the first of its records here."""
    observer.tell_trace(
        share.records[0].trace_header,
        "WriteRows",
        started_at,
        outcome,
        part="database",
        summary={"borrow_seconds": round(activity.borrow_seconds, 3), "statements": activity.statements.summary()},
        run_id=share.run_id,
        records=len(share.records),
        rows=share.rows,
    )


def _tell_batch(
    shares: Sequence[RunShare],
    refused: Sequence[RefusedRow],
    started_at: float,
    activity: DatabaseActivity,
    observer: Observer,
) -> None:
    ended_at = time.time()
    refused_by_run = Counter(row.record.run_id for row in refused)
    batch_rows = sum(share.rows for share in shares) - len(refused)
    for share in shares:
        observer.log(
            "rows written",
            run_id=share.run_id,
            chunks=share.chunks,
            records=len(share.records),
            rows=share.rows - refused_by_run[share.run_id],
            refused=refused_by_run[share.run_id],
            batch_records=sum(len(other.records) for other in shares),
            batch_rows=batch_rows,
            iterator_age_seconds=round(max(0.0, started_at - share.oldest_arrival), 3),
            borrow_seconds=round(activity.borrow_seconds, 6),
            write_seconds=round(max(0.0, ended_at - started_at - activity.borrow_seconds), 6),
            started_at=started_at,
            ended_at=ended_at,
        )
    observer.measure("Count", BatchRows=batch_rows)
    observer.measure("Seconds", BorrowSeconds=round(activity.borrow_seconds, 6))


def _read_records(event: Any, store: ObjectStore, observer: Observer) -> list[tuple[StreamRecord, float]]:
    """The records that can be read, each with its arrival in the stream."""
    records = []
    for arrived in read_arrived(event):
        try:
            record = decode_record(base64.b64decode(arrived.data, validate=True))
            check_versions(record, arrived.arrived_at)
        except (InvalidEventError, ValueError) as error:  # ValueError: what is no base64
            key = rejected_key(arrived.shard_id, arrived.sequence_number)
            document = {"reason": type(error).__name__, "detail": str(error), "data": arrived.data}
            store.put(key, json.dumps(document).encode())
            observer.warn("stream record rejected", key=key, reason=str(error))
        else:
            records.append((record, arrived.arrived_at))
    return records


def _write_records(
    tx: Transaction, records: Sequence[StreamRecord], tenant_group: str, table: Table, store: ObjectStore
) -> list[RefusedRow]:
    refused: list[RefusedRow] = []
    by_columns: dict[tuple[str, ...], list[StreamRecord]] = defaultdict(list)
    for record in records:
        by_columns[record.columns].append(record)
    # While a deployment changes the job's columns, records of both versions are in the stream.
    for columns, group in sorted(by_columns.items()):
        refused.extend(_write_group(tx, columns, group, table))
    if refused:
        # Before the commit: a crash between the two repeats the batch and stores the same objects again.
        _store_refused(store, refused)
    lost: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in refused:
        lost[row.record.run_id, row.record.record_id].add(row.position)
    ledger.record_writes(
        tx,
        tenant_group,
        [
            ledger.WriteEntry(
                record.run_id,
                record.record_id,
                record.chunk,
                record.start,
                pack_positions(
                    row.position - record.start
                    for row in record.rows
                    if row.position not in lost[record.run_id, record.record_id]
                ),
            )
            for record in records
        ],
    )
    return refused


def _write_group(
    tx: Transaction, columns: tuple[str, ...], records: Sequence[StreamRecord], table: Table
) -> list[RefusedRow]:
    try:
        statement = build_upsert(table, columns)
    except ValueError as error:
        return [
            RefusedRow(record, row.position, "JobTableMismatchError", str(error))
            for record in records
            for row in record.rows
        ]
    key_positions = [columns.index(name) for name in table.key]
    origins: dict[VersionedRow, list[tuple[StreamRecord, SyncedRow]]] = defaultdict(list)
    for record in records:
        for row in record.rows:
            origins[VersionedRow(tuple(row.values), row.answer_version)].append((record, row))
    refused: list[RefusedRow] = []
    waiting = list(origins)
    while waiting:
        rows = newest_by_key(waiting, key_positions)
        refusals = {rows[index]: refusal for index, refusal in upsert_rows(tx, statement, rows).items()}
        for versioned, refusal in refusals.items():
            reason = "JobTableMismatchError" if isinstance(refusal, TableMismatchError) else "RowRefusedError"
            detail = f"table {table.name} refuses the row ({refusal}): make the job's make_row fit the table's columns"
            refused.extend(RefusedRow(record, row.position, reason, detail) for record, row in origins[versioned])
        # A refused row does not stand for the older ones of its key: what becomes of a row must not depend on which
        # others came in its batch, or a record that is delivered again would not meet its own entry in the ledger.
        keys = {_key_of(versioned, key_positions) for versioned in refusals}
        waiting = [each for each in waiting if each not in refusals and _key_of(each, key_positions) in keys]
    return refused


def _key_of(versioned: VersionedRow, key_positions: Sequence[int]) -> tuple[Value, ...]:
    return tuple(versioned.values[position] for position in key_positions)


def _store_refused(store: ObjectStore, refused: Sequence[RefusedRow]) -> None:
    by_record: dict[tuple[str, str], list[RefusedRow]] = defaultdict(list)
    for row in refused:
        by_record[row.record.run_id, row.record.record_id].append(row)
    for (run_id, record_id), rows in by_record.items():
        chunk = rows[0].record.chunk
        try:
            users = read_chunk(store, run_id, chunk)
        except ChunkUnreadableError:
            users = []  # an expired run: the position still says which user it was
        failures = []
        for row in rows:
            user = users[row.position] if row.position < len(users) else User("", "")
            failures.append(UserFailure(row.position, user.user_id, user.tenant_id, row.reason, row.detail))
        write_user_failures(store, run_id, chunk, function="WriteRows", name=record_id, failures=failures)
