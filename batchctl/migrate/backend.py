"""yoyo's MySQL backend, on one verified connection and with a lock that dies with it.

yoyo's own backend cannot verify TLS or make a token for each connection, keeps its lock as a row that a killed run
leaves behind, and runs each step on a second connection (docs/adr/0008).
"""

import hashlib
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self

import pymysql
from yoyo.backends.core.mysql import MySQLBackend  # type: ignore[import-untyped]
from yoyo.connections import DatabaseURI  # type: ignore[import-untyped]
from yoyo.migrations import default_migration_table  # type: ignore[import-untyped]

from batchctl.migrate.errors import LockError

APPLIED_TABLE: str = default_migration_table


def lock_name(database: str) -> str:
    """The lock of one database; MySQL's are the server's, and have at most 64 characters."""
    return f"schema_steps.{hashlib.sha256(database.encode()).hexdigest()[:32]}"


class Backend(MySQLBackend):  # type: ignore[misc]  # yoyo has no types
    """The library's view of one database."""

    def __init__(self, open_connection: Callable[[], Any], database: str, user: str) -> None:
        self._open_connection = open_connection
        self._user = user
        self._is_locked = False
        super().__init__(DatabaseURI("mysql", None, None, None, None, database, {}), APPLIED_TABLE)
        self.has_transactional_ddl = False

    def connect(self, _uri: DatabaseURI) -> Any:
        """The one connection."""
        return self._open_connection()

    def copy(self) -> Self:
        """The same connection: a step then ends with the lock, and the lock with the step."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing: the connection is needed for what follows."""

    def close(self) -> None:
        """End the connection, and with it the lock."""
        if self.connection.open:
            self.connection.close()

    def rollback(self) -> None:
        """End the transaction. A connection that cannot is closed, so that what broke it is told and not this."""
        try:
            super().rollback()
        except pymysql.err.Error:
            self._in_transaction = False
            self.close()

    def savepoint_rollback(self, _id: str) -> None:
        """Nothing: after DDL the savepoint is gone, and the transaction around it is rolled back anyway."""

    def quote_identifier(self, identifier: str) -> str:
        """The name in backticks, without asking the server for its mode each time."""
        return "`{}`".format(identifier.replace("`", "``"))

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """The database's lock, held by this connection. Raises LockError after `timeout` seconds.

        GET_LOCK ends with its connection, which lasts as long as the server works on a statement of it; the implicit
        commits of DDL do not end it. https://dev.mysql.com/doc/refman/8.4/en/locking-functions.html
        """
        if self._is_locked:
            yield
            return
        name = lock_name(self.uri.database)
        if self._ask("SELECT GET_LOCK(:name, :seconds)", name=name, seconds=int(timeout)) != 1:
            holder = self._ask("SELECT IS_USED_LOCK(:name)", name=name)
            raise LockError(
                f"database {self.uri.database}: connection {holder} has been applying steps for {timeout:g} s; "
                "nothing was done here: run again when it has ended"
            )
        self._is_locked = True
        try:
            yield
        finally:
            self._is_locked = False
            if self.connection.open:
                self._ask("SELECT RELEASE_LOCK(:name)", name=name)

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """yoyo's log entry with the database's user; a Lambda's operating system has no name for its own."""
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self._user,
            "hostname": socket.gethostname(),  # getfqdn would ask the name server, which a closed network lacks
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    def _ask(self, statement: str, **parameters: str | int) -> Any:
        row = self.execute(statement, parameters).fetchone()
        return row[0] if row else None
