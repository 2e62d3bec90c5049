"""A real MariaDB for the tests of this folder, with the project's migrations applied."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from express_batch.adapters.mysql import MysqlDatabase

from batchctl.migrate.apply import apply_steps
from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.steps import read_steps
from tests.database.server import ROOT, Probe, Server, make_target
from tests.database.steps import DATABASE, OTHER_DATABASE, WriteStep

TABLES = ("batch_run", "batch_write", "users", "loyalty_points")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for the whole folder."""
    running = Server()
    try:
        running.start()
        apply_steps(make_target(running.settings), read_steps(ROOT / "migrations"))
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


@pytest.fixture
def admin(server: Server) -> Iterator[Probe]:
    """The administrator's connection."""
    admin = Probe(server.settings)
    yield admin
    admin.close()


@pytest.fixture
def target(server: Server, admin: Probe) -> DatabaseTarget:
    """An empty database."""
    for name in (DATABASE, OTHER_DATABASE):
        admin.query(f"DROP DATABASE IF EXISTS {name}")
        admin.query(f"CREATE DATABASE {name}")
    return make_target(server.settings, DATABASE)


@pytest.fixture
def write_step(tmp_path: Path) -> WriteStep:
    """Writes a step into the test's own folder."""

    def write(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_text(content)
        return path

    return write
