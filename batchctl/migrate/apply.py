"""Applying the steps: each once, one run at a time, resumable after whatever happens."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import pymysql
from pymysql.constants import CR, ER

from batchctl.migrate.backend import Backend
from batchctl.migrate.compatibility import check_compatibility
from batchctl.migrate.connection import TABLE_WAIT_SECONDS, DatabaseTarget, describe_error, open_connection
from batchctl.migrate.errors import ConnectError, StepDoubtError, StepFailedError
from batchctl.migrate.journal import create_journal, read_journal, record_begin, record_end, record_problem
from batchctl.migrate.status import find_pending
from batchctl.migrate.steps import Step

# What the database answers when a statement of one DDL took effect before. DDL is atomic for one statement
# (https://dev.mysql.com/doc/refman/8.4/en/atomic-ddl.html), so it took effect as a whole.
_TOOK_EFFECT_BEFORE = frozenset(
    {
        ER.TABLE_EXISTS_ERROR,
        ER.BAD_TABLE_ERROR,
        ER.DUP_FIELDNAME,
        ER.DUP_KEYNAME,
        ER.CANT_DROP_FIELD_OR_KEY,
        1826,  # a foreign key of this name is there
    }
)


@dataclass(frozen=True)
class Applied:
    """What one run did."""

    applied: tuple[str, ...]  # by this run, in order
    already_applied: int


def apply_steps(
    target: DatabaseTarget,
    steps: Sequence[Step],
    *,
    wait_seconds: float = 600,
    tell: Callable[[str], None] = lambda _text: None,
) -> Applied:
    """Apply what is pending and return when every step is applied.

    Harmless however often and from however many places at once: a second run waits up to `wait_seconds` for the first.
    `tell` gets a line before each step. Raises MigrationError's kinds; the steps before the failing one stay applied.
    """
    check_compatibility(steps)
    backend = Backend(lambda: open_connection(target), target.name, target.user)
    with closing(backend):
        try:
            with backend.lock(timeout=wait_seconds):
                backend.ensure_internal_schema_updated()
                create_journal(backend.connection)
                journal = read_journal(backend.connection)
                pending = find_pending(journal, steps)
                for step in pending:
                    tell(f"applying {step.path.name}")
                    entry = journal.entries.get(step.step_id)
                    was_doubtful = entry is not None and entry.is_doubtful and entry.digest == step.digest
                    _apply_step(backend, target, step, was_doubtful=was_doubtful)
        except pymysql.err.Error as error:
            raise ConnectError(
                f"database {target} refused what a run of steps needs besides the steps ({describe_error(error)}): "
                f"has {target.user} the grants of migrations/users/migrator.sql?"
            ) from error
    return Applied(tuple(step.step_id for step in pending), len(steps) - len(pending))


def _apply_step(backend: Backend, target: DatabaseTarget, step: Step, *, was_doubtful: bool) -> None:
    record_begin(backend.connection, step, target.user)
    migration = step.to_migration()
    try:
        backend.apply_one(migration)
    except pymysql.err.Error as error:
        code = error.args[0] if error.args else 0
        if was_doubtful and code in _TOOK_EFFECT_BEFORE:
            backend.mark_migrations([migration])
        elif CR.CR_ERROR_FIRST <= code <= CR.CR_ERROR_LAST or isinstance(error, pymysql.err.InterfaceError):
            raise StepDoubtError(
                f"{step.path.name}, statement 1 of 1: the connection to {target} broke while it ran "
                f"({describe_error(error)}); the database may still finish it: run again, which waits and finds out"
            ) from error
        else:
            record_problem(backend.connection, step, describe_error(error))
            raise StepFailedError(
                f"{step.path.name}, statement 1 of 1, refused by {target}: {describe_error(error)}; "
                f"it has changed nothing, the steps before it are applied: {_find_remedy(code)}, then run again"
            ) from error
    record_end(backend.connection, step)


def _find_remedy(code: int) -> str:
    if code == ER.LOCK_WAIT_TIMEOUT:
        return f"a transaction held the table for {TABLE_WAIT_SECONDS} s, let it end"
    if code in {ER.TABLEACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.SPECIFIC_ACCESS_DENIED_ERROR}:
        return "grant the user what it lacks"
    return "correct the file"
