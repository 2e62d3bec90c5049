"""A real MariaDB server: started, used, killed, started again, stopped."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from emulator.services import mariadb_template
from emulator.services.mariadb import DatabaseAddress, MariaDb, MariaDbOptions
from emulator.services.mariadb_template import MariaDbMissingError
from tests.emulator.services.test_child_process import wait_for_end


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mariadb-cache")


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as each:
        yield each


@pytest.fixture(scope="session")
def database(cache: Path, runner: asyncio.Runner) -> Iterator[MariaDb]:
    each = MariaDb(cache, MariaDbOptions(max_connections=20))
    runner.run(each.start())
    yield each
    runner.run(each.stop())


def find_run_directories() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("express-batch-mariadb-*"))


def query(address: DatabaseAddress, *statements: str) -> list[tuple[object, ...]]:
    """The rows of the last statement, over TCP."""
    connection = pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
        autocommit=True,
    )
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())
    finally:
        connection.close()


def test_server_listens_on_the_loopback_alone_and_is_durable_when_started(database: MariaDb) -> None:
    ((bind, flush, mode, zone, connections),) = query(
        database.address,
        "SELECT @@bind_address, @@innodb_flush_log_at_trx_commit, @@sql_mode, @@time_zone, @@max_connections",
    )
    assert (bind, flush, zone, connections) == ("127.0.0.1", 1, "+00:00", 20)
    assert "STRICT_TRANS_TABLES" in str(mode)


def test_server_runs_as_its_own_user_when_we_are_root(database: MariaDb) -> None:
    owner = Path(f"/proc/{database.pid}").stat().st_uid
    assert owner != 0
    assert os.geteuid() in (0, owner)


@pytest.mark.parametrize("how", ["tcp", "socket"])
def test_root_is_refused_when_it_has_no_password(database: MariaDb, how: str) -> None:
    address = database.address
    where = {"host": address.host, "port": address.port} if how == "tcp" else {"unix_socket": address.socket}
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(user="root", **where)


def test_committed_rows_survive_when_the_server_is_killed(database: MariaDb, runner: asyncio.Runner) -> None:
    address = database.address
    query(address, "CREATE TABLE kept (id INT PRIMARY KEY)", "INSERT INTO kept VALUES (1)")
    runner.run(database.kill())
    with pytest.raises(pymysql.err.OperationalError):
        query(address, "SELECT 1")
    runner.run(database.restart())
    assert database.address == address
    assert query(address, "SELECT id FROM kept") == [(1,)]


def test_max_used_connections_counts_the_most_at_once_when_some_are_open(
    database: MariaDb, runner: asyncio.Runner
) -> None:
    before = runner.run(database.max_used_connections())
    address = database.address
    open_now = [
        pymysql.connect(host=address.host, port=address.port, user=address.user, password=address.password)
        for _ in range(before + 3)
    ]
    for each in open_now:
        each.close()
    assert runner.run(database.max_used_connections()) >= before + 3


def test_two_servers_share_nothing_when_they_run_side_by_side(
    cache: Path, database: MariaDb, runner: asyncio.Runner
) -> None:
    other = MariaDb(cache)
    address = runner.run(other.start())
    try:
        assert address.port != database.address.port
        assert address.password != database.address.password
        query(address, "CREATE TABLE only_there (id INT)")
        assert ("only_there",) not in query(database.address, "SHOW TABLES")
        pid, directory = other.pid, Path(address.socket).parent
    finally:
        runner.run(other.stop())
    # AND nothing of the other is left
    assert wait_for_end(pid, 0)
    assert not directory.exists()


def test_start_shows_the_servers_own_words_when_it_cannot_start(cache: Path, runner: asyncio.Runner) -> None:
    before = find_run_directories()
    with pytest.raises(RuntimeError, match=r"MariaDB ended with status \d+ before it was ready(.|\n)*buffer"):
        runner.run(MariaDb(cache, MariaDbOptions(buffer_pool_megabytes=100_000_000)).start())
    assert find_run_directories() <= before


def test_missing_server_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, cache: Path, runner: asyncio.Runner
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(mariadb_template, "_MORE_PLACES", ())
    with pytest.raises(MariaDbMissingError, match="apt-get install mariadb-server"):
        runner.run(MariaDb(cache).start())


def test_name_is_refused_when_it_could_not_stand_in_sql(cache: Path) -> None:
    with pytest.raises(ValueError, match="cannot be a database"):
        MariaDb(cache, MariaDbOptions(database="a`b"))
