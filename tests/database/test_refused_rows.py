"""Rows and records that WriteRows cannot write: set aside by name, while all their neighbours are written."""

import itertools
import json
from typing import Any

import pytest
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.chunks import encode_chunk
from express_batch.errors import StorageUnavailableError
from express_batch.job_contract import Table, User
from express_batch.run_layout import chunk_key, failures_prefix
from express_batch.stream_record import SyncedRow
from hypothesis import given
from hypothesis import strategies as st
from job import loyalty_points

from tests.database.server import Probe
from tests.database.writing import ALL_ROWS, deliver, read_reasons, read_written
from tests.fakes.bounds import BOUNDED_WITH_DATABASE
from tests.fakes.deliveries import RUN, make_record, points_row
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

POISON = {
    "text too long": {"tier": "x" * 17},
    "number out of range": {"points": 2**31},
    "number of forty digits": {"points": 10**40},
    "number of four hundred digits": {"points": 10**400},
    "greatest float": {"points": 1.7e308},
    "text for a number": {"points": "many"},
    "text for a time": {"updated_at": "tomorrow"},
    "a day that is none": {"updated_at": "2026-02-30 00:00:00"},
    "nothing": {"tier": None},
    "key too long": {"user_id": "x" * 65},
    "no key": {"user_id": None},
}


@pytest.mark.parametrize("poison", POISON.values(), ids=list(POISON))
def test_poisonous_row_becomes_a_failure_record_while_its_neighbours_are_written(
    database: MysqlDatabase, probe: Probe, poison: dict[str, Any]
) -> None:
    # GIVEN a bad row in the midst of forty, in two records
    store = MemoryStore()
    store.put(chunk_key(RUN, 0), encode_chunk(RUN, 0, [User(f"user-{number:05d}", "acme") for number in range(40)]))
    rows = [points_row(position) for position in range(40)]
    bad = points_row(17, 1, **poison)
    rows[17] = bad
    # WHEN
    deliver(database, [make_record(rows[:20]), make_record(rows[20:], start=20)], store)
    # THEN
    assert len(probe.query(ALL_ROWS)) == 39
    assert read_written(database) == {0: [position for position in range(40) if position != 17]}
    assert read_reasons(store) == {(0, 17): "RowRefusedError"}
    (key,) = store.list_keys(failures_prefix(RUN))
    (failure,) = json.loads(store.objects[key])["failures"]
    assert (failure["user_id"], failure["tenant_id"]) == ("user-00017", "acme")
    assert "xxx" not in failure["detail"]


def test_every_poisonous_row_is_isolated_when_there_are_many(database: MysqlDatabase, probe: Probe) -> None:
    store = MemoryStore()
    bad = {0, 1, 13, 14, 31, 63}
    rows = [points_row(position, tier="x" * 99 if position in bad else "gold") for position in range(64)]

    deliver(database, [make_record(rows)], store)

    assert {position for _, position in read_reasons(store)} == bad
    assert read_written(database) == {0: [position for position in range(64) if position not in bad]}
    assert len(probe.query(ALL_ROWS)) == 64 - len(bad)


@pytest.mark.parametrize("together", [True, False])
def test_older_answer_is_written_when_the_newer_one_of_its_user_is_refused(
    database: MysqlDatabase, probe: Probe, together: bool
) -> None:
    # GIVEN two attempts at a slice: the first one's row is good, the second one's is not
    good, bad = points_row(3, 1), points_row(3, 2, tier="x" * 99)
    records = [make_record([good], attempt_id="a", start=3), make_record([bad], attempt_id="b", start=3)]
    store = MemoryStore()
    # WHEN they come in one batch, or in two, and the good one again
    for batch in [records] if together else [records[:1], records[1:]]:
        deliver(database, batch, store)
    deliver(database, records[:1], store)
    # THEN ledger and table agree
    assert probe.query(ALL_ROWS) == [("user-00003", 3001, "gold", 1)]
    assert read_written(database) == {0: [3]}


def test_poisonous_row_is_refused_when_another_unique_key_has_its_value(database: MysqlDatabase, probe: Probe) -> None:
    """The upsert of one user must not fail the batch when the table has a second unique key."""
    probe.query(
        "CREATE TABLE cards (user_id INT PRIMARY KEY, card INT UNIQUE, answer_version BIGINT UNSIGNED NOT NULL)"
    )
    table = Table("cards", ("user_id",), ("user_id", "card"))
    try:
        probe.query("INSERT INTO cards VALUES (1, 10, 1), (2, 20, 1)")
        store = MemoryStore()
        rows = [SyncedRow(0, 2, (1, 20)), SyncedRow(1, 2, (3, 30))]

        deliver(database, [make_record(rows, columns=table.columns)], store, table=table)

        assert read_reasons(store) == {(0, 0): "RowRefusedError"}
        assert probe.query("SELECT user_id, card FROM cards ORDER BY user_id") == [(1, 10), (2, 20), (3, 30)]
    finally:
        probe.query("DROP TABLE cards")


@pytest.mark.parametrize("signal", ["SIGNAL SQLSTATE '45000'", "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 30001"])
def test_row_that_a_trigger_of_the_team_refuses_costs_itself_alone(
    database: MysqlDatabase, probe: Probe, signal: str
) -> None:
    probe.query(
        "CREATE TRIGGER no_debts BEFORE INSERT ON loyalty_points FOR EACH ROW"
        f" BEGIN IF NEW.points < 0 THEN {signal}; END IF; END"
    )
    try:
        store = MemoryStore()

        deliver(database, [make_record([points_row(0), points_row(1, points=-1), points_row(2)])], store)

        assert read_reasons(store) == {(0, 1): "RowRefusedError"}
        assert read_written(database) == {0: [0, 2]}
    finally:
        probe.query("DROP TRIGGER no_debts")


def test_record_of_another_version_is_set_aside_without_blocking_its_neighbours(
    database: MysqlDatabase, probe: Probe
) -> None:
    store, observer = MemoryStore(), RecordingObserver()
    good = make_record([points_row(0)])

    deliver(database, [b'{"version": 2}', good, b"\x00"], store, observer=observer)

    assert len(probe.query(ALL_ROWS)) == 1
    assert sorted(store.objects) == ["rejected/shardId-000000000000/0.json", "rejected/shardId-000000000000/2.json"]
    assert json.loads(store.objects["rejected/shardId-000000000000/0.json"])["reason"] == "InvalidEventError"
    assert [keys["key"] for _, keys in observer.warnings] == sorted(store.objects)


@pytest.mark.parametrize(
    ("table", "columns", "row"),
    [
        pytest.param(
            Table("loyalty_points", ("user_id",), ("user_id", "nickname")),
            ("user_id", "nickname"),
            ("user-1", "x"),
            id="column the table has not",
        ),
        pytest.param(
            Table("loyalty_points", ("user_id",), ("user_id", "points")),
            ("user_id", "points"),
            ("user-1", 1),
            id="column the job does not fill",
        ),
        pytest.param(
            Table("absent", ("user_id",), ("user_id", "points")), ("user_id", "points"), ("user-1", 1), id="no table"
        ),
        pytest.param(loyalty_points.TABLE, ("user_id", "other"), ("user-1", 1), id="record of another job"),
        pytest.param(
            Table("loyalty points", ("user_id",), ("user_id", "points")),
            ("user_id", "points"),
            ("user-1", 1),
            id="name that is none",
        ),
    ],
)
def test_rows_fail_with_job_table_mismatch_when_the_job_does_not_fit_its_table(
    database: MysqlDatabase, probe: Probe, table: Table, columns: tuple[str, ...], row: tuple[Any, ...]
) -> None:
    store = MemoryStore()

    deliver(database, [make_record([SyncedRow(3, 1, row)], columns=columns)], store, table=table)

    assert read_reasons(store) == {(0, 3): "JobTableMismatchError"}
    assert read_written(database) == {0: []}
    assert probe.query(ALL_ROWS) == []


def test_nothing_is_kept_when_the_failure_records_cannot_be_stored(database: MysqlDatabase, probe: Probe) -> None:
    """Else a refused row would be neither written nor failed, and a repeat would not see it again."""
    store = MemoryStore()
    store.broken = ("runs/",)
    with pytest.raises(StorageUnavailableError):
        deliver(database, [make_record([points_row(0), points_row(1, tier=None)])], store)

    assert probe.query(ALL_ROWS) == []
    assert read_written(database) == {}


@BOUNDED_WITH_DATABASE
@given(bad=st.sets(st.integers(0, 29)), cuts=st.sets(st.integers(1, 29), max_size=4), again=st.booleans())
def test_every_row_is_either_written_or_failed_whatever_is_poisonous(
    database: MysqlDatabase, probe: Probe, bad: set[int], cuts: set[int], again: bool
) -> None:
    probe.query("DELETE FROM loyalty_points")
    probe.query("DELETE FROM batch_write")
    store = MemoryStore()
    bounds = [0, *sorted(cuts), 30]
    records = [
        make_record(
            [points_row(position, points=2**40 if position in bad else position) for position in range(start, end)],
            start=start,
        )
        for start, end in itertools.pairwise(bounds)
    ]

    deliver(database, records, store)
    if again:
        deliver(database, list(reversed(records)), store)

    good = [position for position in range(30) if position not in bad]
    assert [points for (points,) in probe.query("SELECT points FROM loyalty_points ORDER BY points")] == good
    assert read_written(database) == {0: good}
    assert {position for _, position in read_reasons(store)} == bad


def test_refused_row_is_recorded_by_its_position_when_its_chunk_has_expired(
    database: MysqlDatabase, probe: Probe
) -> None:
    store = MemoryStore()

    deliver(database, [make_record([points_row(0), points_row(1, tier=None)])], store)

    assert read_reasons(store) == {(0, 1): "RowRefusedError"}
