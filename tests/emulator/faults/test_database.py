"""Faults of a real MariaDB server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from emulator.faults.database import LARGE_DISK, SMALL_DISK, DatabaseFaults
from emulator.services.mariadb import MariaDb, MariaDbOptions

CACHE = Path(__file__).parents[3] / ".local" / "cache"


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as each:
        yield each


@pytest.fixture(scope="module")
def server(runner: asyncio.Runner) -> Iterator[MariaDb]:
    each = MariaDb(CACHE, MariaDbOptions(arguments=SMALL_DISK))
    runner.run(each.start())
    yield each
    runner.run(each.stop())


@pytest.fixture(scope="module")
def faults(server: MariaDb) -> DatabaseFaults:
    made = DatabaseFaults(server.address)
    made.query("CREATE TABLE points (user_id VARCHAR(8) PRIMARY KEY, points INT) ENGINE = InnoDB")
    made.query("INSERT INTO points VALUES ('u1', 1), ('u2', 2), ('u3', 3)")
    return made


def connect(server: MariaDb) -> Any:
    """As the functions do."""
    address = server.address
    return pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
        ssl_disabled=True,
    )


def execute(server: MariaDb, statement: str) -> int:
    """The server's error number, 0 where it takes the statement."""
    try:
        with connect(server) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            connection.commit()
    except pymysql.err.Error as error:
        return int(error.args[0])
    return 0


def test_read_only_server_refuses_with_1290_and_then_no_more(server: MariaDb, faults: DatabaseFaults) -> None:
    with faults.read_only():
        refused = (execute(server, "UPDATE points SET points = 9 WHERE user_id = 'u1'"), faults.try_to_write())

    assert refused == (1290, 1290)
    assert (execute(server, "UPDATE points SET points = 9 WHERE user_id = 'u1'"), faults.try_to_write()) == (0, 0)


def test_nobody_gets_a_connection_and_open_ones_are_closed(server: MariaDb, faults: DatabaseFaults) -> None:
    with connect(server) as open_one, open_one.cursor() as cursor, faults.no_connection_left():
        refused = execute(server, "SELECT 1")
        with pytest.raises(pymysql.err.OperationalError):
            cursor.execute("SELECT 1")

    assert refused == 1040
    assert execute(server, "SELECT 1") == 0


def test_transaction_that_waits_for_a_held_row_is_seen_in_its_midst(server: MariaDb, faults: DatabaseFaults) -> None:
    assert not faults.wait_for_open_transaction(rows=1, timeout_seconds=0.3)

    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE points SET points = points + 1")

        assert faults.wait_for_open_transaction(rows=3, timeout_seconds=10)
        connection.rollback()


def test_dead_locks_happen_to_one_who_goes_the_other_way(server: MariaDb, faults: DatabaseFaults) -> None:
    faults.query("INSERT INTO points SELECT CONCAT('x', seq), 0 FROM seq_1_to_60")
    users = [str(user) for (user,) in faults.query("SELECT user_id FROM points")]
    before = faults.status("Innodb_deadlocks")

    with faults.dead_locks("points", "user_id", users), connect(server) as connection, connection.cursor() as cursor:
        for _ in range(400):
            try:
                for user in sorted(users):
                    cursor.execute("UPDATE points SET points = points + 1 WHERE user_id = %s", (user,))
            except pymysql.err.OperationalError:
                connection.rollback()
            if faults.status("Innodb_deadlocks") > before:
                break
        connection.rollback()

    assert faults.status("Innodb_deadlocks") > before


def test_full_disk_is_1114_until_the_server_has_more_room(
    server: MariaDb, faults: DatabaseFaults, runner: asyncio.Runner
) -> None:
    faults.fill_disk()
    assert faults.try_to_write() == 1114

    runner.run(server.restart(LARGE_DISK))

    assert faults.try_to_write() == 0
