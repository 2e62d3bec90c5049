"""ListUsers, WriteRows and CloseRun on one real ledger: what the run's account says is what the tables hold."""

import json
from typing import Any

import pytest
from express_batch import ledger
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.close_run import ClosingRequest, close_run
from express_batch.errors import JobQueryError, SchemaError
from express_batch.failures import UserFailure, write_user_failures
from express_batch.job_contract import User
from express_batch.ledger import RunAccount
from express_batch.list_users import StartRequest, list_users
from express_batch.retention import Retention
from express_batch.run_layout import failures_prefix
from express_batch.write_rows import write_rows
from job import loyalty_points

from tests.database.server import Probe
from tests.fakes.deliveries import RUN, make_event, make_record, points_row
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

START = StartRequest("2026-11-22T08:30:00Z", "execution-1")


class BadQueryJob:
    """A job whose column was renamed."""

    SELECT_USERS = "SELECT id, tenant_id FROM users"
    TABLE = loyalty_points.TABLE
    call_api = staticmethod(loyalty_points.call_api)
    make_row = staticmethod(loyalty_points.make_row)


def seed(probe: Probe, count: int) -> list[User]:
    users = [User(f"user-{number:05d}", "acme") for number in range(count)]
    probe.execute_many("INSERT INTO users (user_id, tenant_id) VALUES (%s, %s)", [tuple(user) for user in users])
    return users


def start_run(database: MysqlDatabase, store: MemoryStore, job: Any = loyalty_points, chunk_size: int = 10) -> Any:
    return list_users(
        START,
        tenant_group="blue",
        chunk_size=chunk_size,
        job=job,
        database=database,
        store=store,
        observer=RecordingObserver(),
    )


def end_run(database: MysqlDatabase, store: MemoryStore, listing: dict[str, Any]) -> dict[str, Any]:
    return close_run(
        ClosingRequest.from_event(listing),
        tenant_group="blue",
        wait_seconds=0,
        retention=Retention(run_days=7, ledger_days=30),
        database=database,
        store=store,
        observer=RecordingObserver(),
    )


def write_chunk_rows(database: MysqlDatabase, store: MemoryStore, positions: range, chunk: int) -> None:
    # The row of position p in chunk c belongs to user 10 c + p.
    rows = [points_row(position, user_id=f"user-{chunk * 10 + position:05d}") for position in positions]
    write_rows(
        make_event([make_record(rows, chunk=chunk)]),
        tenant_group="blue",
        table=loyalty_points.TABLE,
        database=database,
        store=store,
        observer=RecordingObserver(),
    )


def test_listing_holds_every_active_user_and_opens_the_ledger(database: MysqlDatabase, probe: Probe) -> None:
    users = seed(probe, 25)
    probe.query("UPDATE users SET active = 0 WHERE user_id = 'user-00003'")
    store = MemoryStore()

    listing = start_run(database, store)

    assert listing == {
        "run_id": RUN,
        "started": True,
        "users_listed": 24,
        "chunks": [{"chunk": 0, "user_count": 10}, {"chunk": 1, "user_count": 10}, {"chunk": 2, "user_count": 4}],
    }
    bodies = [json.loads(store.objects[f"runs/{RUN}/chunks/{chunk:05d}.json"]) for chunk in range(3)]
    assert [tuple(user) for body in bodies for user in body["users"]] == [*users[:3], *users[4:]]
    assert probe.query("SELECT tenant_group, run_id, status, users_listed, closed_at FROM batch_run") == [
        ("blue", RUN, "RUNNING", 24, None)
    ]


def test_ledger_has_one_line_when_list_users_is_repeated(database: MysqlDatabase, probe: Probe) -> None:
    seed(probe, 5)
    store = MemoryStore()
    start_run(database, store)
    seeded_later = ("user-99999", "acme")
    probe.execute_many("INSERT INTO users (user_id, tenant_id) VALUES (%s, %s)", [seeded_later])

    assert start_run(database, store)["users_listed"] == 5
    assert probe.query("SELECT status, users_listed FROM batch_run") == [("RUNNING", 5)]


def test_listing_is_refused_by_name_when_the_jobs_query_is_wrong(database: MysqlDatabase, probe: Probe) -> None:
    with pytest.raises(JobQueryError, match=r"MySQL error 1054.*express_batch"):
        start_run(database, MemoryStore(), BadQueryJob)
    assert probe.query("SELECT * FROM batch_run") == []


def test_listing_is_refused_with_the_remedy_when_the_ledger_is_missing(database: MysqlDatabase, probe: Probe) -> None:
    probe.query("RENAME TABLE batch_run TO kept")
    try:
        with pytest.raises(SchemaError, match=r"batch_run is missing .* apply migrations/"):
            start_run(database, MemoryStore())
    finally:
        probe.query("RENAME TABLE kept TO batch_run")


def test_run_is_complete_when_every_listed_user_is_written(database: MysqlDatabase, probe: Probe) -> None:
    seed(probe, 14)
    store = MemoryStore()
    listing = start_run(database, store)
    write_chunk_rows(database, store, range(10), 0)
    write_chunk_rows(database, store, range(4), 1)

    answer = end_run(database, store, listing)

    assert (answer["status"], answer["rows_written"], answer["users_missing"]) == ("COMPLETE", 14, 0)
    assert probe.query("SELECT status, users_listed, rows_written, users_failed, users_missing FROM batch_run") == [
        ("COMPLETE", 14, 14, 0, 0)
    ]
    assert probe.query("SELECT COUNT(*) FROM loyalty_points") == [(14,)]
    ((closed_at,),) = probe.query("SELECT closed_at FROM batch_run")
    assert closed_at is not None


def test_run_is_partial_when_the_rest_failed(database: MysqlDatabase, probe: Probe) -> None:
    seed(probe, 14)
    store = MemoryStore()
    listing = start_run(database, store)
    write_chunk_rows(database, store, range(8), 0)
    failures = [UserFailure(position, f"user-{position:05d}", "acme", "ApiTimeoutError", "") for position in (8, 9)]
    write_user_failures(store, RUN, 0, function="SyncUsers", name="00000-00000", failures=failures)
    lost_slice = {"version": 1, "run_id": RUN, "chunk": 1, "start": 0, "end": 4, "reason": "Sandbox.Timedout"}
    store.put(f"{failures_prefix(RUN)}slice-00001-00000.json", json.dumps(lost_slice).encode())

    answer = end_run(database, store, listing)

    assert answer["status"] == "PARTIAL"
    assert answer["failed_by_reason"] == {"ApiTimeoutError": 2, "Sandbox.Timedout": 4}
    assert probe.query("SELECT status, rows_written, users_failed, users_missing FROM batch_run") == [
        ("PARTIAL", 8, 6, 0)
    ]


def test_run_is_incomplete_when_rows_never_came_and_complete_once_they_did(
    database: MysqlDatabase, probe: Probe
) -> None:
    seed(probe, 14)
    store = MemoryStore()
    listing = start_run(database, store)
    write_chunk_rows(database, store, range(10), 0)

    assert end_run(database, store, listing)["status"] == "INCOMPLETE"
    assert probe.query("SELECT status, users_missing FROM batch_run") == [("INCOMPLETE", 4)]

    write_chunk_rows(database, store, range(4), 1)
    assert end_run(database, store, listing)["status"] == "COMPLETE"
    assert probe.query("SELECT status, users_missing FROM batch_run") == [("COMPLETE", 0)]


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (RunAccount(9, 5, 1, 3), RunAccount(9, 8, 1, 0), ("PARTIAL", 8, 1, 0)),
        (RunAccount(9, 8, 1, 0), RunAccount(9, 9, 0, 0), ("COMPLETE", 9, 0, 0)),
        (RunAccount(9, 9, 0, 0), RunAccount(9, 5, 1, 3), ("COMPLETE", 9, 0, 0)),
        (RunAccount(9, 9, 0, 0), RunAccount(9, 8, 1, 0), ("COMPLETE", 9, 0, 0)),
    ],
)
def test_account_is_replaced_by_none_that_is_less_complete(
    database: MysqlDatabase, probe: Probe, first: RunAccount, second: RunAccount, kept: tuple[str, int, int, int]
) -> None:
    # The second is that of an attempt at CloseRun that was taken for dead when it had counted, or of a late one.
    database.run_transaction(lambda tx: ledger.open_run(tx, "blue", RUN, START.scheduled_time, 9))

    for account in (first, second):
        database.run_transaction(lambda tx, account=account: ledger.close_run(tx, "blue", RUN, account))  # type: ignore[misc]

    assert probe.query("SELECT status, rows_written, users_failed, users_missing FROM batch_run") == [kept]


def test_run_with_a_poisonous_row_is_partial(database: MysqlDatabase, probe: Probe) -> None:
    seed(probe, 10)
    store = MemoryStore()
    listing = start_run(database, store)
    rows = [points_row(position, tier="x" * 99 if position == 4 else "gold") for position in range(10)]
    write_rows(
        make_event([make_record(rows)]),
        tenant_group="blue",
        table=loyalty_points.TABLE,
        database=database,
        store=store,
        observer=RecordingObserver(),
    )

    answer = end_run(database, store, listing)

    assert (answer["status"], answer["rows_written"], answer["failed_by_reason"]) == (
        "PARTIAL",
        9,
        {"RowRefusedError": 1},
    )


def test_closing_is_refused_with_the_remedy_when_the_ledger_is_missing(database: MysqlDatabase, probe: Probe) -> None:
    store = MemoryStore()
    listing = start_run(database, store)
    probe.query("RENAME TABLE batch_write TO kept")
    try:
        with pytest.raises(SchemaError, match=r"batch_write is missing .* apply migrations/"):
            end_run(database, store, listing)
    finally:
        probe.query("RENAME TABLE kept TO batch_write")


def test_closing_forgets_the_records_of_old_runs_of_its_own_group_alone(database: MysqlDatabase, probe: Probe) -> None:
    # GIVEN records of a run 8 days old, one 6 days old, and an old one of another group
    probe.execute_many(
        "INSERT INTO batch_write VALUES (%s, %s, '0-0-a-0', 0, 0, x'01')",
        [("blue", "20261114T083000Z"), ("blue", "20261116T083000Z"), ("red", "20261114T083000Z")],
    )
    seed(probe, 1)
    store = MemoryStore()

    # WHEN a run is closed that keeps 7 days
    end_run(database, store, start_run(database, store))

    left = probe.query("SELECT tenant_group, run_id FROM batch_write ORDER BY tenant_group, run_id")
    assert left == [("blue", "20261116T083000Z"), ("red", "20261114T083000Z")]


def test_closing_forgets_the_accounts_of_runs_much_later_than_their_records(
    database: MysqlDatabase, probe: Probe
) -> None:
    # GIVEN accounts of runs 31 and 29 days old, and an old one of another group
    runs = [("blue", "20261022T083000Z"), ("blue", "20261022T083000Z-r1"), ("blue", "20261024T083000Z")]
    probe.execute_many(
        "INSERT INTO batch_run (tenant_group, run_id, scheduled_time, status, users_listed, listed_at)"
        " VALUES (%s, %s, '', 'COMPLETE', 1, NOW())",
        [*runs, ("red", "20261022T083000Z")],
    )
    seed(probe, 1)
    store = MemoryStore()

    # WHEN a run is closed that keeps 30 days of accounts
    end_run(database, store, start_run(database, store))

    left = probe.query("SELECT tenant_group, run_id FROM batch_run ORDER BY tenant_group, run_id")
    assert left == [("blue", "20261024T083000Z"), ("blue", RUN), ("red", "20261022T083000Z")]


def test_forgetting_reads_nothing_but_what_it_removes(probe: Probe) -> None:
    for table in ("batch_run", "batch_write"):
        ((*_, key, _length, _ref, _rows, _extra),) = probe.query(
            f"EXPLAIN DELETE FROM {table} WHERE tenant_group = 'blue' AND run_id < '20261101T000000Z' LIMIT 5000"
        )
        assert key == "PRIMARY"
