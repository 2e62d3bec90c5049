"""What became of every user: the rows against the model, the run's word against the ledger and the failure records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chaos.stage import Row, Stage
from emulator.partner_api.answers import make_answer
from emulator.step_functions import Execution

Allowed = Callable[[str, Row], bool]


def nobody(_user: str, _row: Row) -> bool:
    """No row may differ from the model."""
    return False


def allow_answers_since(before: Mapping[str, Row], seed: int) -> Allowed:
    """Rows that the partner API has really answered, and later than those in `before`.

    For users that were called twice at once: the answers' order at the partner is none that a client could know.
    """

    def is_allowed(user: str, row: Row) -> bool:
        first = datetime.fromisoformat(make_answer(seed, user, 0).updated_at).replace(tzinfo=None)
        version = round((row[2] - first).total_seconds())  # each version is a second later
        answer = make_answer(seed, user, version)
        return row[:2] == (answer.points, answer.tier) and row[2] > before[user][2]

    return is_allowed


@dataclass(frozen=True)
class RunWord:
    """What a run says of itself, and what is wrong with that."""

    run_id: str
    status: str  # COMPLETE, PARTIAL, INCOMPLETE, or the error of an execution that failed
    failed: int
    missing: int
    double_counts: int = 0
    problems: tuple[str, ...] = ()
    reasons: str = ""  # of the failures, each with its number

    def describe(self) -> str:
        """For the table."""
        parts = [self.status]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.missing:,} missing"] if self.missing else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Rows:
    """The table against the model."""

    right: int
    wrong: frozenset[str] = frozenset()  # users without a row, or with another than their last answer's
    older: frozenset[str] = frozenset()  # of these, the users whose row an older answer has made
    foreign: int = 0  # rows of nobody who was listed

    @property
    def are_whole(self) -> bool:
        """Whether every user's row is the last answer's, and there is no other row."""
        return not self.wrong and not self.foreign


@dataclass
class Verdict:
    """A line of the table; green when `problems` is empty."""

    scenario: str
    users: int
    rows_right: int = 0
    missing: int = 0
    duplicates: int = 0
    recovered_seconds: float = 0.0
    strikes: int = 0
    runs: list[str] = field(default_factory=list)  # what each run said
    made_whole_by: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def is_green(self) -> bool:
        """Whether the fault was survived."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """For --json."""
        return {**vars(self), "is_green": self.is_green}


def compare(rows: Mapping[str, Row], model: Mapping[str, Row], allowed: Allowed = nobody) -> Rows:
    """How the table stands to the model; `allowed` says of a user's row that differs whether it may."""
    wrong = frozenset(
        user
        for user, row in model.items()
        if rows.get(user) != row and not (user in rows and allowed(user, rows[user]))
    )
    older = frozenset(user for user in wrong if user in rows and rows[user][2] < model[user][2])
    return Rows(len(model) - len(wrong), wrong, older, len(set(rows) - set(model)))


async def judge_run(stage: Stage, execution: Execution, run_id: str, allowed: Allowed) -> RunWord:
    """What the ended run said, held against ledger, failure records and table; the writer has nothing left to do."""
    closed = execution.output or {}
    account = await stage.read_account(run_id)
    if account is None or account[0] == "RUNNING":
        said = execution.error or str(closed.get("status"))
        return RunWord(run_id, said, 0, 0, problems=(f"{run_id} did not close its account",))
    status, listed, written, failed, missing = account
    problems = []
    if closed and (closed["status"], closed["rows_written"]) != (status, written):
        problems.append(f"{run_id} says {closed['status']}, its ledger {status}")
    if status == "INCOMPLETE" and execution.error != "RunIncomplete":
        problems.append(f"{run_id} is INCOMPLETE and did not fail")
    if written + failed + missing != listed or listed != stage.users:
        problems.append(f"{run_id}: {written} written + {failed} failed + {missing} missing, {listed} listed")
    named = await stage.failed_users(run_id)
    if len(named) < failed:
        problems.append(f"{run_id}: {failed} users failed, the failure records name {len(named)}")
    really_written = await stage.count_written(run_id)
    if status != "INCOMPLETE" and really_written < written:
        problems.append(f"{run_id}: {written} rows written, the ledger's masks hold {really_written}")
    double = max(0, written + failed + missing - listed)
    if status in ("COMPLETE", "PARTIAL"):
        rows = compare(await stage.rows(), await stage.model(), allowed)
        unnamed = rows.wrong - named
        if unnamed:
            problems.append(
                f"{run_id} is {status}, and the rows of {len(unnamed)} users are not their last answers"
                f" ({len(unnamed & rows.older)} older), such as {min(unnamed)}"
            )
    counted = closed.get("failed_by_reason") or {}
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counted.items())
    return RunWord(run_id, status, failed, missing, double, tuple(problems), reasons)
