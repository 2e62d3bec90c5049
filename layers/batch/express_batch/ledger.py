"""The ledger: the account of each run, in the tables batch_run and batch_write (migrations/).

batch_write has one row for each stream record that was written, with the positions it held as a bit mask. A record
delivered twice meets its own primary key and changes nothing; two attempts at one slice overlap in their masks and
their union still counts each user once.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from express_batch.database import RowRefusedError, TableMismatchError, Transaction
from express_batch.errors import SchemaError
from express_batch.positions import mask_from_bytes, mask_to_bytes


@dataclass(frozen=True)
class WriteEntry:
    """The account of one stream record."""

    run_id: str
    record_id: str
    chunk: int
    start: int  # position in the chunk that the mask's bit 0 stands for
    mask: int


@dataclass(frozen=True)
class RunAccount:
    """A run in numbers: users_listed = rows_written + users_failed + users_missing."""

    users_listed: int
    rows_written: int
    users_failed: int
    users_missing: int

    @property
    def status(self) -> str:
        """COMPLETE: all written. PARTIAL: some failed, all accounted for. INCOMPLETE: some are missing."""
        if self.users_missing:
            return "INCOMPLETE"
        return "PARTIAL" if self.users_failed else "COMPLETE"


@dataclass(frozen=True)
class RunRow:
    """What batch_run says of a run; the last three numbers are None until it is closed."""

    status: str
    users_listed: int
    rows_written: int | None
    users_failed: int | None
    users_missing: int | None
    is_closed: bool


def open_run(tx: Transaction, tenant_group: str, run_id: str, scheduled_time: str, users_listed: int) -> None:
    """Note that the run has been listed. Repeating it is harmless."""
    _guarded_execute(
        tx,
        "INSERT INTO batch_run (tenant_group, run_id, scheduled_time, status, users_listed, listed_at)"
        " VALUES (%s, %s, %s, 'RUNNING', %s, UTC_TIMESTAMP(3))"
        " ON DUPLICATE KEY UPDATE users_listed = VALUES(users_listed)",
        (tenant_group, run_id, scheduled_time, users_listed),
    )


def record_writes(tx: Transaction, tenant_group: str, entries: Iterable[WriteEntry]) -> None:
    """Account for records, each once however often it comes."""
    rows = [
        (tenant_group, entry.run_id, entry.record_id, entry.chunk, entry.start, mask_to_bytes(entry.mask))
        for entry in sorted(entries, key=lambda entry: (entry.run_id, entry.record_id))
    ]
    if not rows:
        return
    try:
        tx.execute_many(
            "INSERT INTO batch_write (tenant_group, run_id, record_id, chunk, start_position, positions)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE record_id = record_id",
            rows,
        )
    except (TableMismatchError, RowRefusedError) as error:
        raise _schema_error("batch_write", error) from error


def read_written(tx: Transaction, tenant_group: str, run_id: str) -> dict[int, int]:
    """For each chunk of the run the mask of the positions that are written."""
    written: dict[int, int] = defaultdict(int)
    for chunk, start, positions in _guarded_query(
        tx,
        "SELECT chunk, start_position, positions FROM batch_write WHERE tenant_group = %s AND run_id = %s",
        (tenant_group, run_id),
    ):
        written[chunk] |= mask_from_bytes(positions) << start
    return dict(written)


def count_unwritten(tx: Transaction, tenant_group: str, since_run_id: str, closed_within_seconds: int) -> int:
    """Users of runs closed INCOMPLETE of late who are neither failed nor, by now, written.

    `since_run_id` keeps the look short, since the accounts of runs stay for months.
    """
    try:
        runs = tx.query(
            "SELECT run_id, users_listed, users_failed FROM batch_run WHERE tenant_group = %s AND run_id >= %s"
            " AND status = 'INCOMPLETE' AND closed_at >= UTC_TIMESTAMP(3) - INTERVAL %s SECOND",
            (tenant_group, since_run_id, closed_within_seconds),
        )
    except TableMismatchError as error:
        raise _schema_error("batch_run", error) from error
    unwritten = 0
    for run_id, listed, failed in runs:
        written = sum(mask.bit_count() for mask in read_written(tx, tenant_group, run_id).values())
        unwritten += max(0, listed - failed - written)
    return unwritten


def close_run(tx: Transaction, tenant_group: str, run_id: str, account: RunAccount) -> None:
    """Note how the run ended. A later, more complete account replaces an earlier one."""
    _guarded_execute(
        tx,
        "UPDATE batch_run SET status = %s, users_listed = %s, rows_written = %s, users_failed = %s, users_missing = %s,"
        " closed_at = UTC_TIMESTAMP(3) WHERE tenant_group = %s AND run_id = %s",
        (
            account.status,
            account.users_listed,
            account.rows_written,
            account.users_failed,
            account.users_missing,
            tenant_group,
            run_id,
        ),
    )


def link_redrive(tx: Transaction, tenant_group: str, run_id: str, original: str) -> None:
    """Note which run an opened run runs again."""
    _guarded_execute(
        tx,
        "UPDATE batch_run SET redrive_of = %s WHERE tenant_group = %s AND run_id = %s",
        (original, tenant_group, run_id),
    )


def read_runs(tx: Transaction, tenant_group: str, original: str) -> dict[str, RunRow]:
    """The accounts of a run and of its redrives, by run id."""
    try:
        rows = tx.query(
            "SELECT run_id, status, users_listed, rows_written, users_failed, users_missing, closed_at IS NOT NULL"
            " FROM batch_run WHERE tenant_group = %s AND run_id LIKE %s",
            (tenant_group, f"{original}%"),
        )
    except TableMismatchError as error:
        raise _schema_error("batch_run", error) from error
    return {
        run_id: RunRow(status, listed, written, failed, missing, bool(closed))
        for run_id, status, listed, written, failed, missing, closed in rows
    }


def forget_writes(tx: Transaction, tenant_group: str, before_run_id: str, limit: int) -> int:
    """How many rows of batch_write of runs before `before_run_id` were removed, at most `limit`.

    Run ids sort by their time, and the primary key begins with them, so that only what goes is looked at.
    """
    try:
        return tx.execute(
            "DELETE FROM batch_write WHERE tenant_group = %s AND run_id < %s LIMIT %s",
            (tenant_group, before_run_id, limit),
        )
    except TableMismatchError as error:
        raise _schema_error("batch_write", error) from error


def forget_runs(tx: Transaction, tenant_group: str, before_run_id: str, limit: int) -> int:
    """How many accounts of runs before `before_run_id` were removed, at most `limit`."""
    try:
        return tx.execute(
            "DELETE FROM batch_run WHERE tenant_group = %s AND run_id < %s LIMIT %s",
            (tenant_group, before_run_id, limit),
        )
    except TableMismatchError as error:
        raise _schema_error("batch_run", error) from error


def _guarded_execute(tx: Transaction, statement: str, parameters: tuple[object, ...]) -> None:
    try:
        tx.execute(statement, parameters)
    except (TableMismatchError, RowRefusedError) as error:
        raise _schema_error("batch_run", error) from error


def _guarded_query(tx: Transaction, statement: str, parameters: tuple[object, ...]) -> Iterable[tuple[int, int, bytes]]:
    try:
        return tx.query(statement, parameters)
    except TableMismatchError as error:
        raise _schema_error("batch_write", error) from error


def _schema_error(table: str, error: Exception) -> SchemaError:
    return SchemaError(
        f"table {table} is missing or differs ({error}): "
        "apply migrations/ to this database, and grant this user its tables"
    )
