"""A connection to the database whose schema is changed."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pymysql
from pymysql.constants import ER

from batchctl.migrate.errors import ConnectError

# MySQL's default is a year. A statement that waits for a table stops all who come after it, so it gives up soon.
# https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_lock_wait_timeout
TABLE_WAIT_SECONDS = 30
CONNECT_PAUSE_SECONDS = 5.0
# Time heals none of these: a wrong password or token, no such database, no grant.
_FINAL_CODES = frozenset({ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR})


@dataclass(frozen=True)
class DatabaseTarget:
    """Where the database is and who applies the steps."""

    host: str
    port: int
    name: str
    user: str
    make_password: Callable[[], str] = field(repr=False)  # asked for each connection: a token lives 15 minutes
    verifies_tls: bool = True
    ca_file: str | None = None  # None: the certificates that this machine trusts
    read_timeout_seconds: int | None = None  # None: a statement may take as long as it needs

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.name}"


def open_connection(target: DatabaseTarget) -> Any:
    """A connection that commits each statement. Raises ConnectError."""
    try:
        return pymysql.connect(
            host=target.host,
            port=target.port,
            user=target.user,
            password=target.make_password(),
            database=target.name,
            charset="utf8mb4",
            autocommit=True,
            # create_default_context verifies certificate and host name; `ssl_ca=` alone would verify neither.
            ssl=ssl.create_default_context(cafile=target.ca_file) if target.verifies_tls else None,
            ssl_disabled=not target.verifies_tls,
            connect_timeout=10,
            read_timeout=target.read_timeout_seconds,
            init_command=f"SET SESSION lock_wait_timeout = {TABLE_WAIT_SECONDS}",
        )
    except (pymysql.err.Error, OSError) as error:
        raise ConnectError(
            f"database {target} takes no connection as {target.user} ({describe_error(error)}): "
            "is it up, is the security group open, does the user exist (migrations/users/migrator.sql)?"
        ) from error


def wait_for_database(
    target: DatabaseTarget, patience_seconds: float, pause: Callable[[float], None] = time.sleep
) -> None:
    """Return when the database takes a connection. Raises ConnectError at once where waiting is of no use.

    A proxy that was just made has no database behind it for some minutes.
    """
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            open_connection(target).close()
        except ConnectError as error:
            cause = error.__cause__
            if (cause and cause.args and cause.args[0] in _FINAL_CODES) or time.monotonic() >= give_up:
                raise
            pause(CONNECT_PAUSE_SECONDS)
        else:
            return


def describe_error(error: BaseException) -> str:
    """The database's own error on one line: its number and its text."""
    return " ".join(" ".join(str(part) for part in error.args).split()) or type(error).__name__
