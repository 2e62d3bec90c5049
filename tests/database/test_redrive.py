"""A redrive on a real ledger: listed by its masks, linked, written and closed like any run."""

from typing import Any

import pytest
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.close_run import ClosingRequest, close_run
from express_batch.errors import SchemaError
from express_batch.ledger import forget_writes
from express_batch.list_users import StartRequest, list_users
from express_batch.redrive import RedriveRequest
from express_batch.retention import Retention
from express_batch.write_rows import write_rows
from job import loyalty_points

from tests.database.server import Probe
from tests.fakes.deliveries import RUN, make_event, make_record, points_row
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

REDRIVE = f"{RUN}-r1"


class Stage:
    """25 users in chunks of ten; `write` writes rows of one chunk."""

    def __init__(self, database: MysqlDatabase, probe: Probe) -> None:
        self.database = database
        self.store = MemoryStore()
        users = [(f"user-{number:05d}", "acme") for number in range(25)]
        probe.execute_many("INSERT INTO users (user_id, tenant_id) VALUES (%s, %s)", users)

    def list(self, request: StartRequest) -> dict[str, Any]:
        return list_users(
            request,
            tenant_group="blue",
            chunk_size=10,
            job=loyalty_points,
            database=self.database,
            store=self.store,
            observer=RecordingObserver(),
        )

    def redrive(self, execution: str = "execution-2") -> dict[str, Any]:
        return self.list(StartRequest("redrive", execution, redrive=RedriveRequest(RUN)))

    def write(self, run_id: str, users: dict[int, int], chunk: int = 0) -> None:
        """`users`: the user's number by its position in the chunk."""
        rows = [points_row(position, user_id=f"user-{number:05d}") for position, number in users.items()]
        write_rows(
            make_event([make_record(rows, chunk=chunk, run_id=run_id)]),
            tenant_group="blue",
            table=loyalty_points.TABLE,
            database=self.database,
            store=self.store,
            observer=RecordingObserver(),
        )

    def close(self, listing: dict[str, Any]) -> dict[str, Any]:
        return close_run(
            ClosingRequest.from_event(listing),
            tenant_group="blue",
            wait_seconds=0,
            retention=Retention(run_days=7, ledger_days=30),
            database=self.database,
            store=self.store,
            observer=RecordingObserver(),
        )


def test_redrive_has_its_own_account_with_a_link_and_leaves_the_first_as_it_is(
    database: MysqlDatabase, probe: Probe
) -> None:
    # GIVEN a run of which users 4 and 24 were never written
    stage = Stage(database, probe)
    first = stage.list(StartRequest("2026-11-22T08:30:00Z", "execution-1"))
    for chunk, size in enumerate((10, 10, 5)):
        stage.write(RUN, {p: chunk * 10 + p for p in range(size) if chunk * 10 + p not in (4, 24)}, chunk)
    assert stage.close(first)["status"] == "INCOMPLETE"

    # WHEN it is run again
    listing = stage.redrive()
    stage.write(REDRIVE, {0: 4, 1: 24})
    account = stage.close(listing)

    # THEN
    assert (listing["run_id"], listing["users_listed"], account["status"]) == (REDRIVE, 2, "COMPLETE")
    assert probe.query(
        "SELECT run_id, redrive_of, status, users_listed, rows_written, users_missing FROM batch_run ORDER BY run_id"
    ) == [(RUN, None, "INCOMPLETE", 25, 23, 2), (REDRIVE, RUN, "COMPLETE", 2, 2, 0)]
    assert len(probe.query("SELECT user_id FROM loyalty_points")) == 25
    assert stage.redrive("execution-3")["status"] == "NOTHING_TO_REDRIVE"


def test_redrives_writes_are_forgotten_after_its_runs_and_before_the_next_runs(
    database: MysqlDatabase, probe: Probe
) -> None:
    stage = Stage(database, probe)
    for run_id in ("20261122T083000Z", "20261122T083000Z-r1", "20261122T083000Z-r10", "20261122T084000Z"):
        stage.write(run_id, {0: 0})

    def forget(before: str) -> int:
        return database.run_transaction(lambda tx: forget_writes(tx, "blue", before, 100))

    assert forget("20261122T083000Z") == 0
    assert forget("20261122T084000Z") == 3
    assert probe.query("SELECT run_id FROM batch_write") == [("20261122T084000Z",)]


def test_redrive_names_the_schema_when_its_step_was_not_applied(database: MysqlDatabase, probe: Probe) -> None:
    stage = Stage(database, probe)
    stage.close(stage.list(StartRequest("2026-11-22T08:30:00Z", "execution-1")))
    probe.query("ALTER TABLE batch_run DROP COLUMN redrive_of")
    try:
        with pytest.raises(SchemaError, match="apply migrations/"):
            stage.redrive()
    finally:
        probe.query("ALTER TABLE batch_run ADD COLUMN redrive_of VARCHAR(32) NULL")


def test_run_goes_on_when_the_step_was_not_applied(database: MysqlDatabase, probe: Probe) -> None:
    # A run of its own needs nothing of the new column, whichever release of the schema there is.
    stage = Stage(database, probe)
    probe.query("ALTER TABLE batch_run DROP COLUMN redrive_of")
    try:
        account = stage.close(stage.list(StartRequest("2026-11-22T08:30:00Z", "execution-1")))
    finally:
        probe.query("ALTER TABLE batch_run ADD COLUMN redrive_of VARCHAR(32) NULL")

    assert account["users_listed"] == 25
