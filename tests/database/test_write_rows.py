"""WriteRows into a real database: every row, once, whatever is delivered however often."""

import threading
import time
from collections.abc import Callable

import pytest
from express_batch import ledger
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.errors import SchemaError
from express_batch.job_contract import Table
from express_batch.kinesis_event import LATEST_ARRIVAL
from express_batch.stream_record import SyncedRow
from hypothesis import example, given
from hypothesis import strategies as st

from tests.database.server import Probe
from tests.database.writing import ALL_ROWS, deliver, read_reasons, read_written
from tests.fakes.bounds import BOUNDED_WITH_DATABASE
from tests.fakes.deliveries import POINTS_COLUMNS, RUN, make_record, points_row
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver


def test_rows_and_account_are_stored_when_a_batch_is_delivered(database: MysqlDatabase, probe: Probe) -> None:
    # GIVEN two slices of chunk 0 and one of chunk 1
    records = [
        make_record([points_row(position) for position in range(start, start + 20)], chunk=chunk, start=start)
        for chunk, start in ((0, 0), (0, 20), (1, 40))
    ]
    # WHEN
    deliver(database, records)
    # THEN
    assert probe.query(ALL_ROWS) == [(f"user-{position:05d}", position * 1000 + 1, "gold", 1) for position in range(60)]
    assert read_written(database) == {0: list(range(40)), 1: list(range(40, 60))}


def test_batch_is_counted_once_when_it_is_delivered_again_in_another_order(
    database: MysqlDatabase, probe: Probe
) -> None:
    records = [make_record([points_row(position)], start=position) for position in range(5)]
    deliver(database, records)
    before = probe.query("SELECT * FROM batch_write ORDER BY record_id")

    deliver(database, [*reversed(records), *records])

    assert probe.query("SELECT * FROM batch_write ORDER BY record_id") == before
    assert len(before) == 5


def test_users_are_counted_once_when_two_attempts_of_a_slice_overlap(database: MysqlDatabase, probe: Probe) -> None:
    # GIVEN a first attempt that had users 0 to 6 and a second one that had 4 to 9
    first = make_record([points_row(position, version=1) for position in range(7)], attempt_id="first")
    second = make_record([points_row(position, version=2) for position in range(4, 10)], attempt_id="second")
    # WHEN the newer one comes first
    deliver(database, [second])
    deliver(database, [first])
    # THEN
    assert read_written(database) == {0: list(range(10))}
    assert [row[3] for row in probe.query(ALL_ROWS)] == [1] * 4 + [2] * 6


def test_older_answer_never_overwrites_a_newer_one_when_it_comes_later(database: MysqlDatabase, probe: Probe) -> None:
    deliver(database, [make_record([points_row(0, version=9, tier="new")], attempt_id="b")])
    deliver(database, [make_record([points_row(0, version=8, tier="old")], attempt_id="a")])

    assert probe.query(ALL_ROWS) == [("user-00000", 9, "new", 9)]


@BOUNDED_WITH_DATABASE
@given(
    answers=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 2**56)), min_size=1, max_size=12, unique=True),
    data=st.data(),
)
@example(answers=[(0, 2), (0, 1)], data=None)
def test_table_holds_the_newest_answers_whatever_the_deliveries(
    database: MysqlDatabase, probe: Probe, answers: list[tuple[int, int]], data: st.DataObject | None
) -> None:
    """The model: for each user the answer with the highest version, and each position counted once."""
    probe.query("DELETE FROM loyalty_points")
    probe.query("DELETE FROM batch_write")
    # GIVEN every answer in a record of its own, delivered at least once, in batches of any order
    records = [
        make_record([points_row(user, version, points=number)], start=user, attempt_id=f"attempt{number}")
        for number, (user, version) in enumerate(answers)
    ]
    deliveries = list(range(len(records)))
    cuts: set[int] = set()
    if data is not None:
        more = data.draw(st.lists(st.sampled_from(deliveries), max_size=6))
        deliveries = data.draw(st.permutations(deliveries + more))
        cuts = data.draw(st.sets(st.integers(1, len(deliveries)), max_size=4))
    # WHEN
    batch: list[bytes] = []
    for count, number in enumerate(deliveries, 1):
        batch.append(records[number])
        if count in cuts or count == len(deliveries):
            deliver(database, batch, arrived_at=LATEST_ARRIVAL - 1000)  # behind every version
            batch = []
    # THEN
    newest = {user: max(version for other, version in answers if other == user) for user, _ in answers}
    numbers = {answer: number for number, answer in enumerate(answers)}
    assert probe.query("SELECT user_id, points, answer_version FROM loyalty_points ORDER BY user_id") == [
        (f"user-{user:05d}", numbers[user, version], version) for user, version in sorted(newest.items())
    ]
    assert read_written(database) == {0: sorted(newest)}


def test_records_of_both_versions_are_written_while_a_deployment_adds_a_column(
    database: MysqlDatabase, probe: Probe
) -> None:
    probe.query("ALTER TABLE loyalty_points ADD COLUMN badge VARCHAR(9) NULL")
    try:
        table = Table("loyalty_points", ("user_id",), (*POINTS_COLUMNS, "badge"))
        new = SyncedRow(1, 1, (*points_row(1).values, "star"))

        deliver(
            database,
            [make_record([points_row(0)]), make_record([new], start=1, columns=table.columns)],
            table=table,
        )

        assert probe.query("SELECT user_id, badge FROM loyalty_points ORDER BY user_id") == [
            ("user-00000", None),
            ("user-00001", "star"),
        ]
        assert read_written(database) == {0: [0, 1]}
    finally:
        probe.query("ALTER TABLE loyalty_points DROP COLUMN badge")


HOSTILE = [
    "'",
    '"; DROP TABLE users; --',
    "\\",
    "a\\'b",
    "%s %d %% %(x)s",
    "\x00nul\x00",
    "\x1a\r\n\t",
    "😀🏳️‍🌈",
    "`x`",
    "/* */ -- #",
    "ünïcødé",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_stored_exactly(database: MysqlDatabase, probe: Probe, value: str) -> None:
    deliver(database, [make_record([points_row(0, user_id=f"k{value}", tier=value[:16])])])

    assert probe.query("SELECT user_id, tier FROM loyalty_points") == [(f"k{value}", value[:16])]


def test_statements_stay_below_the_pinning_limit_when_rows_are_many(
    database: MysqlDatabase, probe: Probe, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A statement over 16 KB pins an RDS Proxy session.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html
    """
    probe.query("TRUNCATE TABLE mysql.general_log")
    probe.query("SET GLOBAL log_output = 'TABLE'")
    probe.query("SET GLOBAL general_log = 1")
    try:
        rows = [points_row(position, user_id=f"{position:05d}" + "ü" * 50) for position in range(1000)]
        deliver(database, [make_record(rows[start : start + 50], start=start) for start in range(0, 1000, 50)])
    finally:
        probe.query("SET GLOBAL general_log = 0")
    sizes = [
        size
        for (size,) in probe.query(
            "SELECT LENGTH(argument) FROM mysql.general_log WHERE argument LIKE 'INSERT INTO%loyalty_points%'"
        )
    ]
    assert len(probe.query(ALL_ROWS)) == 1000
    assert sum(sizes) > 100_000
    assert max(sizes) <= 16_384
    assert len(sizes) < 20


@pytest.mark.parametrize("table", ["batch_write"])
def test_rows_are_refused_with_the_remedy_when_the_ledger_is_missing(
    database: MysqlDatabase, probe: Probe, table: str
) -> None:
    probe.query(f"RENAME TABLE {table} TO kept")
    try:
        with pytest.raises(SchemaError, match="apply migrations/"):
            deliver(database, [make_record([points_row(0)])])
        assert probe.query(ALL_ROWS) == []
    finally:
        probe.query(f"RENAME TABLE kept TO {table}")


def test_accounts_are_kept_apart_when_tenant_groups_share_a_database(database: MysqlDatabase, probe: Probe) -> None:
    deliver(database, [make_record([points_row(0)])])

    assert database.run_transaction(lambda tx: ledger.read_written(tx, "green", RUN)) == {}
    assert read_written(database, "20261122T084000Z") == {}
    assert read_written(database) == {0: [0]}


def test_every_row_is_written_once_when_four_writers_have_the_same_users_at_once(
    make_database: Callable[[], MysqlDatabase], probe: Probe
) -> None:
    # GIVEN four versions of the same sixty users, each version's records in an order of its own
    together = threading.Barrier(4, timeout=30)
    errors: list[BaseException] = []

    def write(version: int) -> None:
        records = [
            make_record(
                [points_row(position, version) for position in range(start, start + 10)],
                start=start,
                attempt_id=f"attempt{version}",
            )
            for start in range(0, 60, 10)
        ]
        database = make_database()
        try:
            together.wait()
            for batch in (records[version:], records[:version]):
                deliver(database, batch)
        except BaseException as error:  # noqa: BLE001  # shown by the assertion below
            errors.append(error)

    # WHEN
    writers = [threading.Thread(target=write, args=(version,)) for version in range(1, 5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    # THEN
    assert errors == []
    assert probe.query(ALL_ROWS) == [(f"user-{position:05d}", position * 1000 + 4, "gold", 4) for position in range(60)]
    assert probe.query("SELECT COUNT(*) FROM batch_write") == [(24,)]
    assert read_written(make_database()) == {0: list(range(60))}


LATER = "20261122T084000Z"


def test_each_run_of_a_batch_is_told_by_a_line_of_its_own(database: MysqlDatabase, probe: Probe) -> None:
    observer = RecordingObserver()
    records = [
        make_record([points_row(0, 1), points_row(1, 1, tier=None)], chunk=4),
        make_record([points_row(0, 2)], run_id=LATER, chunk=1),
        make_record([points_row(9, 1)], start=9, chunk=2),
    ]

    deliver(database, records, observer=observer, arrived_at=time.time() - 60)

    first, second = [keys for message, keys in observer.lines if message == "rows written"]
    assert (first["run_id"], first["chunks"], first["records"], first["rows"], first["refused"]) == (
        RUN,
        [2, 4],
        2,
        2,
        1,
    )
    assert (second["run_id"], second["chunks"], second["rows"], second["refused"]) == (LATER, [1], 1, 0)
    for line in (first, second):
        assert (line["batch_records"], line["batch_rows"]) == (3, 3)
        assert 0 < line["borrow_seconds"] + line["write_seconds"] <= line["ended_at"] - line["started_at"] + 1e-5
    # Each record arrived a second after the one before.
    assert 60 <= first["iterator_age_seconds"] < 61
    assert 59 <= second["iterator_age_seconds"] < 60
    assert observer.metrics["BatchRows", None] == 3
    assert observer.metrics["BorrowSeconds", None] == first["borrow_seconds"]


def test_each_run_of_a_batch_is_told_in_its_own_trace(database: MysqlDatabase, probe: Probe) -> None:
    observer = RecordingObserver()
    records = [
        make_record([points_row(0)], trace_header="Root=first"),
        make_record([points_row(1)], start=1, trace_header="Root=second"),
        make_record([points_row(2)], start=2, run_id=LATER, trace_header=None),
    ]

    deliver(database, records, observer=observer)

    assert observer.told == [
        ("Root=first", "ok", {"run_id": RUN, "records": 2, "rows": 2}),
        (None, "ok", {"run_id": LATER, "records": 1, "rows": 1}),
    ]


def test_trace_is_told_what_failed_when_a_batch_is_not_written(database: MysqlDatabase, probe: Probe) -> None:
    observer = RecordingObserver()
    probe.query("RENAME TABLE batch_write TO kept")
    try:
        with pytest.raises(SchemaError):
            deliver(database, [make_record([points_row(0)], trace_header="Root=first")], observer=observer)
    finally:
        probe.query("RENAME TABLE kept TO batch_write")

    assert observer.told == [("Root=first", "SchemaError", {"run_id": RUN, "records": 1, "rows": 1})]
    assert observer.lines == []


def test_records_of_two_runs_are_accounted_for_apart_when_they_share_a_batch(
    database: MysqlDatabase, probe: Probe
) -> None:
    later = LATER
    store = MemoryStore()
    records = [
        make_record([points_row(0, 1), points_row(1, 1, tier=None)]),
        make_record([points_row(0, 2), points_row(1, 2)], run_id=later),
    ]

    deliver(database, [records[0]], store)
    deliver(database, [records[1]], store)

    assert (read_written(database), read_written(database, later)) == ({0: [0]}, {0: [0, 1]})
    assert (read_reasons(store), read_reasons(store, later)) == ({(0, 1): "RowRefusedError"}, {})


def test_row_is_not_pinned_by_a_record_from_the_future(database: MysqlDatabase, probe: Probe) -> None:
    """Who may put into the stream could else keep every later answer of a user out of the table, for ever."""
    now, store = 1_795_336_202.0, MemoryStore()
    forged = make_record([points_row(0, 2**64 - 1, points=1, tier="forged")], attempt_id="forged")
    deliver(database, [forged], store, arrived_at=now)
    deliver(database, [make_record([points_row(0, int(now * 1_000_000), points=1, tier="gold")])], arrived_at=now)

    assert probe.query("SELECT user_id, tier FROM loyalty_points") == [("user-00000", "gold")]
    ((key, body),) = store.objects.items()
    assert key == "rejected/shardId-000000000000/0.json"
    assert b"300 s are allowed" in body
