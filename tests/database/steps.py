"""What the tests of schema steps share."""

from collections.abc import Callable
from pathlib import Path

from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.status import read_status
from batchctl.migrate.steps import read_steps
from tests.database.server import ROOT, Probe

MIGRATIONS = ROOT / "migrations"
DATABASE = "steps_test"
OTHER_DATABASE = "steps_other"
CREATE_PLANS = "CREATE TABLE plans (plan VARCHAR(16) NOT NULL PRIMARY KEY) ENGINE = InnoDB"
ADD_PRICE = "ALTER TABLE plans ADD COLUMN price INT NULL"

WriteStep = Callable[[str, str], Path]


def states(target: DatabaseTarget, folder: Path) -> dict[str, str]:
    return {status.step_id: status.state for status in read_status(target, read_steps(folder))}


def columns_of(admin: Probe, table: str, database: str = DATABASE) -> set[str]:
    return {row[0] for row in admin.query(f"SHOW COLUMNS FROM {database}.{table}")}
