"""What the database remembers of each step: that it was begun, that it ended, its contents, and what it failed of.

The library's own table says which steps are applied. This one tells an edited step from the one that ran, and a step
whose connection broke from one that never began.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from batchctl.migrate.backend import APPLIED_TABLE
from batchctl.migrate.steps import Step

JOURNAL_TABLE = "schema_step"
_PROBLEM_LENGTH = 1000
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {JOURNAL_TABLE} (
  step_id     VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  digest      CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  begun_at    DATETIME(3) NOT NULL,
  finished_at DATETIME(3) NULL,
  applied_by  VARCHAR(255) NOT NULL,
  problem     VARCHAR({_PROBLEM_LENGTH}) NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
"""


@dataclass(frozen=True)
class Entry:
    """One step as the database remembers it."""

    digest: str
    begun_at: datetime
    finished_at: datetime | None
    applied_by: str
    problem: str | None

    @property
    def is_doubtful(self) -> bool:
        """Begun, and neither finished nor refused."""
        return self.finished_at is None and self.problem is None


@dataclass(frozen=True)
class Journal:
    """Everything that the database remembers."""

    applied: frozenset[str]
    entries: dict[str, Entry]


def create_journal(connection: Any) -> None:
    """Make the table where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW TABLES LIKE '{JOURNAL_TABLE}'")
        if cursor.fetchone() is None:
            cursor.execute(_CREATE)


def read_journal(connection: Any) -> Journal:
    """What is remembered, without changing anything; nothing in a database that never had a step."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name IN (%s, %s)",
            (APPLIED_TABLE, JOURNAL_TABLE),
        )
        tables = {row[0] for row in cursor.fetchall()}
        applied: frozenset[str] = frozenset()
        entries: dict[str, Entry] = {}
        if APPLIED_TABLE in tables:
            cursor.execute(f"SELECT migration_id FROM {APPLIED_TABLE}")  # noqa: S608  # a constant
            applied = frozenset(str(row[0]) for row in cursor.fetchall())
        if JOURNAL_TABLE in tables:
            cursor.execute(
                f"SELECT step_id, digest, begun_at, finished_at, applied_by, problem FROM {JOURNAL_TABLE}"  # noqa: S608
            )
            entries = {row[0]: Entry(*row[1:]) for row in cursor.fetchall()}
    return Journal(applied, entries)


def record_begin(connection: Any, step: Step, user: str) -> None:
    """Remember that the step is about to run, before it does."""
    _execute(
        connection,
        f"REPLACE INTO {JOURNAL_TABLE} (step_id, digest, begun_at, applied_by) VALUES (%s, %s, %s, %s)",  # noqa: S608
        (step.step_id, step.digest, _now(), user),
    )


def record_end(connection: Any, step: Step) -> None:
    """Remember that the step took effect."""
    _execute(
        connection,
        f"UPDATE {JOURNAL_TABLE} SET finished_at = %s, problem = NULL WHERE step_id = %s",  # noqa: S608
        (_now(), step.step_id),
    )


def record_problem(connection: Any, step: Step, problem: str) -> None:
    """Remember why the database refused the step."""
    _execute(
        connection,
        f"UPDATE {JOURNAL_TABLE} SET problem = %s WHERE step_id = %s",  # noqa: S608
        (problem[:_PROBLEM_LENGTH], step.step_id),
    )


def _execute(connection: Any, statement: str, parameters: tuple[Any, ...]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
