"""A real MariaDB for the tests of this folder, with the project's migrations applied."""

import re
from collections.abc import Callable, Iterator

import pytest
from express_batch.adapters.mysql import MysqlDatabase

from tests.database.server import ROOT, Probe, Server

TABLES = ("batch_run", "batch_write", "users", "loyalty_points")


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
