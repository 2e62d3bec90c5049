"""`batchctl start` over a state machine that answers what it is told to."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner, Result

from batchctl.main import app
from batchctl.redrive.stack import BatchStack
from batchctl.start import commands

RUN = "20261122T083000Z"


class FakeMachine:
    """UserBatch; `answer` is what its execution comes to."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.request: dict[str, Any] = {}
        self.breaks_off = False

    def ends(self, status: str) -> None:
        self.answer = {"status": "SUCCEEDED", "output": json.dumps({"run_id": RUN, "status": status})}

    def start_execution(self, **request: Any) -> dict[str, Any]:
        self.request = request
        return {"executionArn": "arn:execution"}

    def start_sync_execution(self, **request: Any) -> dict[str, Any]:
        self.request = request
        if self.breaks_off:
            raise KeyboardInterrupt
        return self.answer


@pytest.fixture
def machine() -> Iterator[FakeMachine]:
    """The state machine of the stack that the command reaches."""
    fake = FakeMachine()
    stack = BatchStack("stack acme", {"UserBatchAliasArn": "arn:live"}, lambda *_, **__: fake, " --stack acme")
    with patch.object(commands, "open_stack", lambda *_: stack):
        yield fake


def start(*more: str) -> Result:
    return CliRunner().invoke(app, ["start", *more])


@pytest.mark.parametrize("status", ["COMPLETE", "PARTIAL"])
def test_start_ends_well_when_everybody_is_accounted_for(machine: FakeMachine, status: str) -> None:
    machine.ends(status)

    result = start()

    assert result.exit_code == 0
    assert f"run {RUN} is {status}: `batchctl report {RUN} --stack acme` shows it" in result.stdout
    assert machine.request == {"stateMachineArn": "arn:live", "input": "{}"}


@pytest.mark.parametrize(
    ("status", "words"),
    [("STOPPED", "batchctl resume --stack acme"), ("SKIPPED", "nobody was called for"), ("FAILED", "batchctl why")],
)
def test_start_ends_badly_when_nobody_was_called_for(machine: FakeMachine, status: str, words: str) -> None:
    machine.ends(status)

    result = start("--json")

    assert result.exit_code == 1
    assert words in str(result.exception)
    assert json.loads(result.stdout) == {"status": status, "run_id": RUN, "problem": None}


def test_start_says_why_the_execution_failed(machine: FakeMachine) -> None:
    machine.answer = {"status": "FAILED", "error": "SchemaError", "cause": '{"errorMessage": "apply migrations/"}'}

    assert "FAILED (SchemaError: apply migrations/)" in str(start().exception)


def test_start_does_not_wait_when_it_is_told_not_to(machine: FakeMachine) -> None:
    assert start("--no-wait").stdout == "started: arn:execution\n"


def test_start_says_that_the_run_goes_on_when_it_is_not_waited_for(machine: FakeMachine) -> None:
    machine.breaks_off = True

    result = start()

    assert result.exit_code == 130
    assert "the run goes on; `batchctl watch --stack acme` shows how far" in result.stderr
