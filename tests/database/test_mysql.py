"""The MySQL adapter: transactions that survive dead-locks, lost connections and a killed server."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql
import pytest
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.database import RowRefusedError, TableMismatchError, Transaction
from express_batch.errors import DatabaseUnavailableError, JobQueryError
from express_batch.job_contract import User
from job import loyalty_points

from tests.database.server import Probe, Server

INSERT = "INSERT INTO users (user_id, tenant_id) VALUES (%s, %s)"


def add_user(tx: Transaction, user_id: str) -> None:
    tx.execute(INSERT, (user_id, "acme"))


def read_users(probe: Probe) -> list[str]:
    return [user_id for (user_id,) in probe.query("SELECT user_id FROM users ORDER BY user_id")]


def test_transaction_keeps_nothing_when_its_work_raises(database: MysqlDatabase, probe: Probe) -> None:
    def fail(tx: Transaction) -> None:
        add_user(tx, "a")
        raise KeyError("the work's own error")

    with pytest.raises(KeyError):
        database.run_transaction(fail)
    assert read_users(probe) == []

    database.run_transaction(lambda tx: add_user(tx, "b"))
    assert read_users(probe) == ["b"]


def test_attempt_takes_back_just_its_own_changes_when_a_row_is_refused(database: MysqlDatabase, probe: Probe) -> None:
    # GIVEN so many rows that the bad one travels in a later statement
    inside = [(f"inside-{number:050d}", "acme") for number in range(500)]

    def work(tx: Transaction) -> None:
        add_user(tx, "before")
        with pytest.raises(RowRefusedError):
            tx.attempt(lambda: tx.execute_many(INSERT, [*inside, ("x" * 65, "acme")]))
        add_user(tx, "after")

    database.run_transaction(work)

    assert read_users(probe) == ["after", "before"]


def test_activity_tells_the_wait_for_a_connection_and_the_statements(server: Server, probe: Probe) -> None:
    def make_password() -> str:
        time.sleep(0.05)
        return server.settings.database_password

    def work(tx: Transaction) -> None:
        tx.query("SELECT SLEEP(0.05)")
        tx.execute_many(INSERT, [(f"user-{number:050d}", "acme") for number in range(500)])

    database = MysqlDatabase(server.settings, make_password)
    database.run_transaction(work)

    first = database.take_activity()
    # Rows of 70 bytes travel in statements of 16,000.
    assert 1 + 500 * 70 // 16_000 <= first.statements.total <= 6
    assert first.statements.summary()["p99"] > 40
    assert first.borrow_seconds >= 0.05
    # WHEN the activity was taken
    database.run_transaction(lambda tx: tx.query("SELECT 1"))
    assert database.take_activity().statements.total == 1
    database.close()


def test_transaction_says_table_mismatch_when_the_table_is_absent(database: MysqlDatabase) -> None:
    with pytest.raises(TableMismatchError, match="1146"):
        database.run_transaction(lambda tx: tx.execute("INSERT INTO absent VALUES (1)"))


def test_transaction_runs_again_when_two_writers_dead_lock(
    make_database: Callable[[], MysqlDatabase], probe: Probe
) -> None:
    """GIVEN two writers that take the same two rows in opposite orders, each holding one when both want the other."""
    probe.execute_many(INSERT, [("a", "acme"), ("b", "acme")])
    both_hold_one = threading.Barrier(2, timeout=30)
    attempts = {"ab": 0, "ba": 0}
    errors: list[BaseException] = []

    def write(order: str) -> None:
        def work(tx: Transaction) -> None:
            attempts[order] += 1
            for number, user_id in enumerate(order):
                tx.execute("UPDATE users SET active = active + 1 WHERE user_id = %s", (user_id,))
                if number == 0 and attempts[order] == 1:
                    both_hold_one.wait()

        try:
            make_database().run_transaction(work)
        except BaseException as error:  # noqa: BLE001  # shown by the assertion below
            errors.append(error)

    # WHEN
    writers = [threading.Thread(target=write, args=(order,)) for order in attempts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    # THEN one of them was chosen as the victim, and both have written
    assert errors == []
    assert sum(attempts.values()) >= 3
    assert probe.query("SELECT active FROM users") == [(3,), (3,)]


def kill_connection(probe: Probe, tx: Transaction) -> None:
    ((connection_id,),) = tx.query("SELECT CONNECTION_ID()")
    probe.query(f"KILL {connection_id}")


def test_connection_is_replaced_when_it_breaks_in_mid_transaction(database: MysqlDatabase, probe: Probe) -> None:
    connections: list[int] = []

    def work(tx: Transaction) -> None:
        ((connection_id,),) = tx.query("SELECT CONNECTION_ID()")
        connections.append(connection_id)
        add_user(tx, "a")
        if len(connections) == 1:
            probe.query(f"KILL {connection_id}")
        add_user(tx, "b")

    database.run_transaction(work)

    assert read_users(probe) == ["a", "b"]
    assert len(set(connections)) == 2


def test_connection_is_replaced_when_its_packets_are_out_of_order(database: MysqlDatabase, probe: Probe) -> None:
    """PyMySQL says so by an error without a number."""
    attempts: list[int] = []

    def work(tx: Transaction) -> None:
        attempts.append(1)
        add_user(tx, "a")
        if len(attempts) == 1:
            raise pymysql.err.InternalError("Packet sequence number wrong - got 7 expected 1")

    database.run_transaction(work)

    assert (read_users(probe), len(attempts)) == (["a"], 2)


def test_connection_is_replaced_when_it_broke_between_two_invocations(database: MysqlDatabase, probe: Probe) -> None:
    ((connection_id,),) = database.run_transaction(lambda tx: tx.query("SELECT CONNECTION_ID()"))
    probe.query(f"KILL {connection_id}")

    database.run_transaction(lambda tx: add_user(tx, "a"))

    assert read_users(probe) == ["a"]


def test_transaction_gives_up_by_name_when_every_connection_breaks(
    database: MysqlDatabase, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("express_batch.adapters.mysql.time.sleep", pauses.append)

    def work(tx: Transaction) -> None:
        kill_connection(probe, tx)
        add_user(tx, "a")

    with pytest.raises(DatabaseUnavailableError, match=r"does not keep a connection .* 6 attempts"):
        database.run_transaction(work)
    assert len(pauses) == 5


def test_write_succeeds_when_the_server_was_killed_and_started_again(
    server: Server, make_database: Callable[[], MysqlDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a connected function with an open transaction
    monkeypatch.setattr("express_batch.adapters.mysql.time.sleep", lambda _: None)
    database = make_database()
    database.run_transaction(lambda tx: add_user(tx, "committed"))

    def work(tx: Transaction) -> None:
        add_user(tx, "half-done")
        server.kill()
        add_user(tx, "never")

    # WHEN the server dies, with kill -9, in its midst
    try:
        with pytest.raises(DatabaseUnavailableError, match="takes no connection"):
            database.run_transaction(work)
        with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1"):
            list(make_database().stream_users(loyalty_points.SELECT_USERS))
    finally:
        server.restart()
    # THEN the same environment goes on, and nothing half-done is there
    database.run_transaction(lambda tx: add_user(tx, "later"))
    probe = Probe(server.settings)
    assert read_users(probe) == ["committed", "later"]
    probe.close()


def test_database_names_its_address_and_never_the_password_when_it_is_refused(server: Server) -> None:
    database = MysqlDatabase(server.settings, lambda: "wrong-password")

    with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1.*express_batch.*1045") as refusal:
        database.run_transaction(lambda tx: None)
    assert "wrong-password" not in str(refusal.value)


def test_users_are_streamed_in_the_order_of_the_query(database: MysqlDatabase, probe: Probe) -> None:
    users = [User(f"{number:05d}-ü'\\😀", f"tenant-{number % 3}") for number in range(2500)]
    probe.execute_many(INSERT, [tuple(user) for user in users])
    probe.query("UPDATE users SET active = 0 WHERE user_id LIKE '00007%'")

    assert list(database.stream_users(loyalty_points.SELECT_USERS)) == [*users[:7], *users[8:]]


def test_numbers_are_taken_when_the_job_has_them_for_user_ids(database: MysqlDatabase) -> None:
    assert list(database.stream_users("SELECT 7, 8 UNION ALL SELECT 9, 10")) == [User("7", "8"), User("9", "10")]


def test_connection_is_usable_when_the_listing_is_given_up_half_way(database: MysqlDatabase, probe: Probe) -> None:
    probe.execute_many(INSERT, [(f"{number:05d}", "acme") for number in range(3000)])
    users = database.stream_users(loyalty_points.SELECT_USERS)
    next(users)
    users.close()

    assert len(list(database.stream_users(loyalty_points.SELECT_USERS))) == 3000


@pytest.mark.parametrize(
    "query",
    [
        "SELEKT 1",
        "SELECT user_id, tenant_id FROM absent",
        "SELECT user_id, absent FROM users",
        "SELECT user_id, tenant_id FROM users a JOIN users b",  # ambiguous
        "SELECT ABSENT_FUNCTION(user_id), tenant_id FROM users",
        "SELECT user_id FROM users",
        "SELECT user_id, tenant_id, active FROM users",
        "SELECT NULL, tenant_id FROM users",
        "SELECT user_id, NULL FROM users",
        "SELECT CAST(user_id AS BINARY), tenant_id FROM users",
        "DELETE FROM users",
    ],
)
def test_job_query_is_refused_by_name_when_the_database_or_its_columns_do_not_fit(
    database: MysqlDatabase, probe: Probe, query: str
) -> None:
    """Retrying would not help, so it must not look like an outage; a NULL must not become a user called None."""
    probe.execute_many(INSERT, [("a", "acme")])

    with pytest.raises(JobQueryError, match="SELECT_USERS"):
        list(database.stream_users(query))
    assert read_users(probe) == ["a"]


def test_listing_says_unavailable_when_its_connection_is_lost(database: MysqlDatabase, probe: Probe) -> None:
    ((connection_id,),) = database.run_transaction(lambda tx: tx.query("SELECT CONNECTION_ID()"))
    probe.query(f"KILL {connection_id}")

    with pytest.raises(DatabaseUnavailableError, match="broke off"):
        list(database.stream_users("SELECT user_id, tenant_id FROM users"))
    # THEN the retry of the state machine finds a new connection
    assert list(database.stream_users("SELECT 1, 2")) == [User("1", "2")]


# 9501 and 1105 are RDS Proxy's: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html
REFUSES_EVERYBODY = [1040, 1053, 1105, 1161, 1290, 1412, 1836, 9501]


@pytest.mark.parametrize("code", REFUSES_EVERYBODY)
def test_database_is_unavailable_and_not_broken_when_a_proxy_or_a_failover_refuses_everybody(
    database: MysqlDatabase, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The state machine repeats DatabaseUnavailableError alone: else a full proxy leaves a run without an account."""
    monkeypatch.setattr("express_batch.adapters.mysql.time.sleep", lambda _: None)
    refusal = f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'not now'"

    with pytest.raises(DatabaseUnavailableError, match=str(code)):
        database.run_transaction(lambda tx: tx.execute(refusal))
    with pytest.raises(DatabaseUnavailableError, match=str(code)):
        list(database.stream_users(f"BEGIN NOT ATOMIC {refusal}; END"))


def test_transaction_is_written_when_the_proxy_has_a_connection_again(database: MysqlDatabase, probe: Probe) -> None:
    attempts: list[int] = []

    def work(tx: Transaction) -> None:
        attempts.append(1)
        add_user(tx, "a")
        if len(attempts) == 1:
            tx.execute("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 9501, MESSAGE_TEXT = 'timed out'")

    database.run_transaction(work)

    assert (read_users(probe), len(attempts)) == (["a"], 2)


def test_transaction_waits_for_a_server_that_stays_read_only_when_it_has_patience(
    server: Server, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a failover that leaves the connections: else a batch would use its retries up within a minute."""
    monkeypatch.setattr("express_batch.adapters.mysql.time.sleep", lambda _: None)
    attempts: list[int] = []

    def work(tx: Transaction) -> None:
        attempts.append(1)
        if len(attempts) <= 20:
            tx.execute("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'read-only'")
        add_user(tx, "a")

    database = MysqlDatabase(server.settings, lambda: server.settings.database_password, patience_seconds=30)
    database.run_transaction(work)
    database.close()

    assert (read_users(probe), len(attempts)) == (["a"], 21)


@pytest.mark.parametrize("patience_seconds", [0.0, 20.0])
def test_transaction_says_unavailable_before_its_caller_is_ended_when_each_attempt_waits(
    server: Server, probe: Probe, monkeypatch: pytest.MonkeyPatch, patience_seconds: float
) -> None:
    """GIVEN a proxy that answers after its ConnectionBorrowTimeout, 20 s: six of them outlast CloseRun's state."""
    clock = [1000.0]
    monkeypatch.setattr("express_batch.adapters.mysql.time.monotonic", lambda: clock[0])

    def work(tx: Transaction) -> None:
        clock[0] += 20
        tx.execute("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 9501, MESSAGE_TEXT = 'timed out'")

    database = MysqlDatabase(
        server.settings, lambda: server.settings.database_password, patience_seconds=patience_seconds
    )
    with pytest.raises(DatabaseUnavailableError, match="9501, 1 attempts"):
        database.run_transaction(work)
    database.close()


def test_password_is_made_anew_for_each_connection(server: Server, probe: Probe) -> None:
    """A token lives 15 minutes, an environment for hours."""
    made: list[str] = []

    def make_password() -> str:
        made.append(server.settings.database_password)
        return made[-1]

    database = MysqlDatabase(server.settings, make_password)
    for _ in range(2):
        ids: Any = database.run_transaction(lambda tx: tx.query("SELECT CONNECTION_ID()"))
        database.run_transaction(lambda tx: None)
        probe.query(f"KILL {ids[0][0]}")
    database.run_transaction(lambda tx: None)
    database.close()

    assert len(made) == 3


def test_transaction_waits_for_a_server_that_comes_back_when_it_has_patience(server: Server, probe: Probe) -> None:
    # GIVEN a server that was killed, and a writer with patience
    database = MysqlDatabase(server.settings, lambda: server.settings.database_password, patience_seconds=30)
    server.kill()

    # WHEN it comes back while the writer waits
    with ThreadPoolExecutor(1) as writers:
        answer = writers.submit(database.run_transaction, lambda tx: tx.query("SELECT 1"))
        server.restart()

        assert answer.result() == [(1,)]
    database.close()
