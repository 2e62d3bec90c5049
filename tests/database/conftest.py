"""A real MariaDB for the tests of this folder, with the project's migrations applied."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pymysql
import pytest
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.settings import DatabaseSettings
from hypothesis import HealthCheck, settings

from emulator.services.mariadb import MariaDb, MariaDbOptions

settings.register_profile(
    "database",
    deadline=None,
    max_examples=25,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("database")

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
TABLES = ("batch_run", "batch_write", "users", "loyalty_points")


class Server:
    """The server, driven from tests that are not asynchronous; its loop and its child live in one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mariadb")
        self._thread.start()
        # A killed process keeps what it has handed to the kernel, so no flush is needed at each commit.
        self._mariadb = MariaDb(ROOT / ".local" / "cache", MariaDbOptions(flush_log_at_commit=2))

    def start(self) -> None:
        self._run(self._mariadb.start())

    def kill(self) -> None:
        self._run(self._mariadb.kill())

    def restart(self) -> None:
        self._run(self._mariadb.restart())

    def stop(self) -> None:
        try:
            self._run(self._mariadb.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def settings(self) -> DatabaseSettings:
        address = self._mariadb.address
        return DatabaseSettings(
            tenant_group="blue",
            run_bucket="bucket",
            database_host=address.host,
            database_port=address.port,
            database_name=address.database,
            database_user=address.user,
            database_auth="password",
            database_tls="off",
            database_password=address.password,
        )

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=90)


class Probe:
    """A connection of the test's own, that sees what is committed."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._connection = pymysql.connect(
            host=settings.database_host,
            port=settings.database_port,
            user=settings.database_user,
            password=settings.database_password,
            database=settings.database_name,
            charset="utf8mb4",
            autocommit=True,
        )

    def query(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return list(cursor.fetchall())

    def execute_many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement, rows)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for the whole folder."""
    running = Server()
    try:
        running.start()
        probe = Probe(running.settings)
        for migration in sorted((ROOT / "migrations").glob("*.sql")):
            for statement in re.sub(r"--.*", "", migration.read_text()).split(";"):
                if statement.strip():
                    probe.query(statement)
        probe.close()
        yield running
    finally:
        running.stop()


@pytest.fixture
def probe(server: Server) -> Iterator[Probe]:
    """The test's own look at empty tables."""
    probe = Probe(server.settings)
    for table in TABLES:
        probe.query(f"DELETE FROM {table}")
    yield probe
    probe.close()


@pytest.fixture
def make_database(server: Server, probe: Probe) -> Iterator[Callable[[], MysqlDatabase]]:
    """Makes databases as functions have them, one connection each."""
    made: list[MysqlDatabase] = []

    def make() -> MysqlDatabase:
        database = MysqlDatabase(server.settings, lambda: server.settings.database_password)
        made.append(database)
        return database

    yield make
    for database in made:
        database.close()


@pytest.fixture
def database(make_database: Callable[[], MysqlDatabase]) -> MysqlDatabase:
    """A database as a function has it."""
    return make_database()
