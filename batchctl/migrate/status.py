"""Where each step stands in one database."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from batchctl.migrate.backend import lock_name
from batchctl.migrate.connection import DatabaseTarget, open_connection
from batchctl.migrate.errors import StepEditedError, StepOrderError
from batchctl.migrate.journal import Journal, read_journal
from batchctl.migrate.steps import Step

# unknown: applied by a newer release. in doubt: begun, and its connection broke. running: begun by a run that goes on.
State = Literal["applied", "pending", "failed", "in doubt", "running", "edited", "unknown"]


@dataclass(frozen=True)
class StepStatus:
    """One line of `batchctl migrate --status`."""

    step_id: str
    state: State
    finished_at: datetime | None = None
    applied_by: str | None = None
    problem: str | None = None


def read_status(target: DatabaseTarget, steps: Sequence[Step]) -> list[StepStatus]:
    """Every step of the folder and every applied one that the folder lacks. Changes nothing. Raises ConnectError."""
    with closing(open_connection(target)) as connection:
        journal = read_journal(connection)
        return list_status(journal, steps, runs_now=_is_locked(connection, target.name))


def list_status(journal: Journal, steps: Sequence[Step], *, runs_now: bool = False) -> list[StepStatus]:
    """The status of each step, in order of their ids."""
    known = {step.step_id: step for step in steps}
    found = []
    for step_id in sorted(known.keys() | journal.applied):
        entry = journal.entries.get(step_id)
        state = _find_state(journal, step_id, known.get(step_id), runs_now=runs_now)
        if entry is None or state == "pending":
            found.append(StepStatus(step_id, state))
        else:
            found.append(StepStatus(step_id, state, entry.finished_at, entry.applied_by, entry.problem))
    return found


def find_pending(journal: Journal, steps: Sequence[Step]) -> list[Step]:
    """The steps to apply. Raises StepEditedError, StepOrderError."""
    edited = [status.step_id for status in list_status(journal, steps) if status.state == "edited"]
    if edited:
        raise StepEditedError(
            f"{', '.join(f'{step_id}.sql' for step_id in edited)} was edited after it had been applied: "
            "restore the file as it was and put the change into a new step; nothing was done"
        )
    pending = [step for step in steps if step.step_id not in journal.applied]
    newest = max((step.step_id for step in steps if step.step_id in journal.applied), default="")
    late = [step.path.name for step in pending if step.step_id < newest]
    if late:
        raise StepOrderError(
            f"{', '.join(late)} comes before {newest}.sql, which is applied already: give it the next free number; "
            "nothing was done"
        )
    return pending


def _find_state(journal: Journal, step_id: str, step: Step | None, *, runs_now: bool) -> State:
    entry = journal.entries.get(step_id)
    if step is None:
        return "unknown"
    if step_id in journal.applied:
        return "edited" if entry is not None and entry.digest != step.digest else "applied"
    if entry is None:
        return "pending"
    if not entry.is_doubtful:
        return "failed"
    return "running" if runs_now else "in doubt"


def _is_locked(connection: Any, database: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT IS_USED_LOCK(%s)", (lock_name(database),))
        return cursor.fetchone()[0] is not None
