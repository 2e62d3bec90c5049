"""What CloseRun removes from the ledger: from when on, and how much at a time."""

from datetime import UTC, datetime
from typing import Any

import pytest
from express_batch.retention import FORGET_ROUNDS, FORGET_ROWS, Retention, forget_old_runs

from tests.fakes.database import LedgerDatabase, LedgerTransaction

RUN = "20261122T083000Z"
NOW = datetime(2026, 11, 22, 8, 31, tzinfo=UTC).timestamp()


class FullLedger(LedgerDatabase):
    """A ledger of so many old rows in each table."""

    def __init__(self, old_rows: int) -> None:
        super().__init__()
        self.left = {"batch_run": old_rows, "batch_write": old_rows}

    def run_transaction(self, work: Any) -> Any:
        return work(_Deleting(self))


class _Deleting(LedgerTransaction):
    def __init__(self, database: FullLedger) -> None:
        super().__init__(database)
        self._left = database.left

    def execute(self, statement: str, parameters: Any = ()) -> int:
        super().execute(statement, parameters)
        table = statement.split()[2]
        count = min(self._left[table], parameters[2])
        self._left[table] -= count
        return int(count)


def forget(database: LedgerDatabase, run_id: str = RUN, *, run_days: int = 7, ledger_days: int = 30) -> dict[str, int]:
    return forget_old_runs(run_id, Retention(run_days, ledger_days), tenant_group="blue", database=database, now=NOW)


def bounds(database: LedgerDatabase) -> dict[str, str]:
    return {statement.split()[2]: str(parameters[1]) for statement, parameters in database.statements}


def test_records_go_before_accounts() -> None:
    database = FullLedger(0)

    assert forget(database) == {"stream_records": 0, "runs": 0}
    assert bounds(database) == {"batch_write": "20261115T083000Z", "batch_run": "20261023T083000Z"}


def test_account_stays_as_long_as_its_run_can_be_redriven() -> None:
    database = FullLedger(0)
    forget(database, run_days=60, ledger_days=1)

    assert bounds(database)["batch_run"] == bounds(database)["batch_write"] == "20260923T083000Z"


def test_run_of_the_far_future_forgets_no_more_than_one_of_now() -> None:
    database = FullLedger(0)
    forget(database, "20991231T000000Z")

    assert bounds(database) == {"batch_write": "20261115T083100Z", "batch_run": "20261023T083100Z"}


@pytest.mark.parametrize("old_rows", [0, 1, FORGET_ROWS, FORGET_ROWS + 1, FORGET_ROWS * FORGET_ROUNDS + 7])
def test_rows_are_removed_some_at_a_time_and_no_more_than_a_bound(old_rows: int) -> None:
    database = FullLedger(old_rows)

    removed = forget(database)

    assert removed["stream_records"] == removed["runs"] == min(old_rows, FORGET_ROWS * FORGET_ROUNDS)
    assert all(parameters[2] == FORGET_ROWS for _, parameters in database.statements)
