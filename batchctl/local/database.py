"""The local database: schema and users."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pymysql
from express_batch.upsert import quote_name

from batchctl.database_url import DatabaseUrl
from batchctl.errors import BatchctlError
from batchctl.migrate.apply import apply_steps
from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.errors import MigrationError
from batchctl.migrate.steps import read_steps
from batchctl.project_tree import MIGRATIONS

SEED_BATCH = 1000
TENANTS = 40


class MigrationFailedError(BatchctlError):
    """A schema step was not applied; the message names its file and the database's error."""


def connect(address: DatabaseUrl) -> Any:
    """A connection. Raises BatchctlError when the database takes none."""
    try:
        return pymysql.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=address.name,
            charset="utf8mb4",
            ssl_disabled=True,  # on this machine; making a TLS context costs 30 ms a connection
            connect_timeout=5,
        )
    except pymysql.err.Error as error:
        raise BatchctlError(
            f"database {address.host}:{address.port}/{address.name} takes no connection as {address.user} "
            f"({error.args[0] if error.args else error}): is it running, are user and password right?"
        ) from error


def apply_migrations(address: DatabaseUrl, folder: Path = MIGRATIONS) -> None:
    """Bring the schema up to date, as `batchctl migrate` does. Raises MigrationFailedError."""
    target = DatabaseTarget(
        host=address.host,
        port=address.port,
        name=address.name,
        user=address.user,
        make_password=lambda: address.password,
        verifies_tls=False,  # as connect does
    )
    try:
        apply_steps(target, read_steps(folder))
    except MigrationError as error:
        raise MigrationFailedError(str(error)) from error


def create_database(server: DatabaseUrl, name: str) -> DatabaseUrl:
    """A further database on that server, made where it is not there; the account must be allowed to."""
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {quote_name(name)}")
    return replace(server, name=name)


def seed_users(address: DatabaseUrl, count: int, *, prefix: str = "") -> None:
    """Make `count` users of a few tenants, the first of them with half of all users, as tenants are in life.

    `prefix` begins the ids of users and tenants.
    """
    with connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM users")
        rows = make_users(count, prefix)
        while batch := list(islice(rows, SEED_BATCH)):
            cursor.executemany("INSERT INTO users (user_id, tenant_id) VALUES (%s, %s)", batch)
        connection.commit()


def make_users(count: int, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(user_id, tenant_id) of each user."""
    for number in range(count):
        tenant = 0 if number % 2 else 1 + number // 2 % (TENANTS - 1)
        yield f"{prefix}user-{number:07d}", f"{prefix}tenant-{tenant:02d}"
