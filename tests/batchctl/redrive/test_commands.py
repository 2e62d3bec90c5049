"""`batchctl redrive`, as far as it goes without a stack."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner, Result

from batchctl.main import app
from batchctl.redrive import commands
from batchctl.redrive.one_redrive import Ended, Left
from batchctl.redrive.stack import BatchStack

RUN = "20261122T083000Z"
STACK = BatchStack("stack acme", {}, lambda *_, **__: None, " --stack acme")


class Asked:
    """What the stack answers: who is left, and how a redrive ends."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {"MalformedAnswerError": 3}
        self.accounts: list[dict[str, Any]] = []
        self.ended: Ended | BaseException = Ended("PARTIAL", f"{RUN}-r1", None)
        self.redrives = 0

    def ask_left(self, _stack: BatchStack, run_id: str, reasons: tuple[str, ...] = ()) -> Left:
        chosen = sum(count for reason, count in self.left.items() if not reasons or reason in reasons)
        return Left(run_id, sum(self.left.values()), self.left, chosen, None, self.accounts)

    def run(self, *_: object) -> Ended:
        self.redrives += 1
        if isinstance(self.ended, BaseException):
            raise self.ended
        return self.ended


@pytest.fixture
def asked() -> Iterator[Asked]:
    """The stack that the command reaches."""
    fake = Asked()
    with (
        patch.object(commands, "open_stack", lambda *_: STACK),
        patch.object(commands, "ask_left", fake.ask_left),
        patch.object(commands, "run", fake.run),
    ):
        yield fake


def redrive(*more: str) -> Result:
    return CliRunner().invoke(app, ["redrive", RUN, *more])


def test_redrive_says_so_when_nobody_left_has_the_reason(asked: Asked) -> None:
    result = redrive("--reason", "ApiServerError")

    assert asked.redrives == 0
    assert "none of them with ApiServerError, so nothing was started" in str(result.exception)


def test_redrive_names_the_records_of_the_newest_redrive_when_some_are_left(asked: Asked) -> None:
    asked.accounts = [{"run_id": run_id, "status": "PARTIAL", **dict.fromkeys(commands._ACCOUNT, 3)}
                      for run_id in (RUN, f"{RUN}-r1")]  # fmt: skip

    result = redrive()

    assert result.exit_code == 1
    assert f"`batchctl failures show --run {RUN}-r1 --stack acme` says why" in str(result.exception)


def test_redrive_points_to_the_circuit_when_the_partner_is_down(asked: Asked) -> None:
    asked.left = {"CircuitOpenError": 3}

    assert "`batchctl circuit show --stack acme`" in str(redrive().exception)


def test_redrive_says_that_it_goes_on_when_it_is_not_waited_for(asked: Asked) -> None:
    asked.ended = KeyboardInterrupt()

    result = redrive()

    assert result.exit_code == 130
    assert f"the redrive goes on; `batchctl redrive {RUN} --stack acme` says later who is left" in result.stderr
