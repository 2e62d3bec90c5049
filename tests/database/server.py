"""A real MariaDB, and a test's own look into it."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pymysql
from express_batch.settings import DatabaseSettings

from batchctl.migrate.connection import DatabaseTarget
from emulator.services.mariadb import MariaDb, MariaDbOptions

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


class Server:
    """The server, driven from tests that are not asynchronous; its loop and its child live in one thread."""

    def __init__(self, *arguments: str) -> None:
        """`arguments` are further ones of mariadbd."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mariadb")
        self._thread.start()
        # A killed process keeps what it has handed to the kernel, so no flush is needed at each commit.
        self._mariadb = MariaDb(ROOT / ".local" / "cache", MariaDbOptions(flush_log_at_commit=2, arguments=arguments))

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


def make_target(settings: DatabaseSettings, name: str | None = None) -> DatabaseTarget:
    """The same database, or the one called `name` on the same server, as migrations take it."""
    return DatabaseTarget(
        host=settings.database_host,
        port=settings.database_port,
        name=name or settings.database_name,
        user=settings.database_user,
        make_password=lambda: settings.database_password,
        verifies_tls=False,
    )


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
