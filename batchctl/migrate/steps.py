"""The schema steps in a folder: one SQL file with one statement each, in the order of their numbers."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from yoyo.migrations import Migration, read_migrations, read_sql_migration  # type: ignore[import-untyped]

from batchctl.migrate.errors import StepFileError

_NAME = re.compile(r"(\d{4})_[a-z0-9_]{1,80}\.sql")
_CODE = frozenset({".sql", ".py"})  # what the library would run


@dataclass(frozen=True)
class Step:
    """One file."""

    step_id: str  # the file's name without .sql, which the database remembers
    path: Path
    statement: str
    comment: str

    @property
    def digest(self) -> str:
        """The same after a change of comments or white space alone."""
        code = "\n".join(line for line in self.statement.splitlines() if not line.lstrip().startswith("--"))
        return hashlib.sha256(" ".join(code.split()).encode()).hexdigest()

    def to_migration(self) -> Migration:
        """The library's own view of the file."""
        (migration,) = (found for found in read_migrations(str(self.path.parent)) if found.id == self.step_id)
        return migration


def read_steps(folder: Path) -> list[Step]:
    """All steps, in order. Raises StepFileError that names each file that cannot be one."""
    if not folder.is_dir():
        raise StepFileError(f"{folder} is no folder with schema steps")
    steps: list[Step] = []
    problems: list[str] = []
    numbers: dict[str, str] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in _CODE):
        match = _NAME.fullmatch(path.name)
        if match is None:
            problems.append(f"{path.name} is no name of a step: expected such as 0005_users_locale.sql")
            continue
        if other := numbers.get(match[1]):
            problems.append(f"{path.name} has the number of {other}: give it the next free one")
            continue
        numbers[match[1]] = path.name
        _, comment, statements = read_sql_migration(str(path))
        if len(statements) != 1:
            # MySQL commits at each DDL statement, so a file of two could be half applied.
            # https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html
            problems.append(f"{path.name} has {len(statements)} statements: a step is one, so split it into files")
            continue
        steps.append(Step(path.stem, path, statements[0].rstrip().rstrip(";"), comment))
    if problems:
        raise StepFileError("; ".join(problems))
    return steps
