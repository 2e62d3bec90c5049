"""`batchctl failures`, as far as it goes without a stack."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from batchctl.console import Console
from batchctl.errors import UsageError
from batchctl.failures import commands
from batchctl.failures.failed_users import FailedUser
from batchctl.failures.rejected import RejectedRecord
from batchctl.failures.stuck import Stuck, describe_rejected
from batchctl.failures.telling import describe_nobody, make_users_table
from batchctl.main import app
from batchctl.redrive.stack import BatchStack

RUN = "20261122T083000Z"
STACK = BatchStack("stack acme", {}, lambda *_, **__: None)


class FakeStuck:
    """Two rejected records whose names begin alike."""

    def __init__(self) -> None:
        sources = [
            RejectedRecord(f"rejected/shard-0/49{n}.json", "InvalidEventError", "is not JSON", b"") for n in "12"
        ]
        self.all: list[Stuck] = [describe_rejected(source) for source in sources]
        self.removed: list[str] = []

    def remove(self, stuck: Stuck) -> None:
        self.all.remove(stuck)
        self.removed.append(stuck.name)


class EmptyBucket:
    """A bucket with one run."""

    def list_run_ids(self) -> Sequence[str]:
        return [RUN]


@pytest.fixture
def stuck() -> Iterator[FakeStuck]:
    """What is stuck in the stack that the commands reach."""
    fake = FakeStuck()

    @contextmanager
    def open_stuck(*_: Any) -> Iterator[FakeStuck]:
        yield fake

    with (
        patch.object(commands, "open_stack", lambda *_: STACK),
        patch.object(commands, "open_bucket", lambda _: EmptyBucket()),
        patch.object(commands, "open_stuck", open_stuck),
    ):
        yield fake


def test_discard_refuses_a_name_that_is_cut_too_short(stuck: FakeStuck) -> None:
    result = CliRunner().invoke(app, ["failures", "discard", "shard-0/49", "--yes"])

    assert isinstance(result.exception, UsageError)
    assert "2 names begin with 'shard-0/49'" in str(result.exception)
    assert stuck.removed == []


def test_discard_takes_the_one_that_is_named(stuck: FakeStuck) -> None:
    result = CliRunner().invoke(app, ["failures", "discard", "shard-0/492", "--yes"])

    assert stuck.removed == ["shard-0/492"]
    assert "thrown away: 1; remaining: " in result.stdout


def test_names_of_stuck_records_stand_on_one_line_as_they_are_typed(stuck: FakeStuck) -> None:
    result = CliRunner().invoke(app, ["failures", "show", "shard-0/491"], env={"COLUMNS": "40"})

    assert "shard-0/491  rejected, InvalidEventError, 1 record, users unknown" in result.stdout.splitlines()


def test_ids_of_failed_users_stay_whole_on_a_narrow_terminal() -> None:
    out, detail = io.StringIO(), "GET /v1/users/user-0000258/points: 28 bytes that are not JSON"
    user = FailedUser(RUN, 0, 1, "user-0000258", "tenant-13", "SyncUsers", "MalformedAnswerError", detail)

    Console(file=out, width=80).print(make_users_table([user]))

    assert "user-0000258 tenant-13 SyncUsers MalformedAnswerError GET" in " ".join(out.getvalue().split())


def test_nobody_shown_says_of_which_runs_and_reasons() -> None:
    assert describe_nobody([RUN], ["A", "B"]) == f"no user failed in run {RUN} with A or B"
    assert describe_nobody([RUN, "x"], []) == "no user failed in 2 runs"
