"""What a redrive asks of Lambda and Step Functions, and how their answers are told."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from batchctl.errors import BatchctlError
from batchctl.redrive.one_redrive import Ended, Left, ask_left, run, start
from batchctl.redrive.stack import BatchStack

RUN = "20261122T083000Z"
OUTPUTS = {"ListUsersFunctionName": "acme-ListUsers", "UserBatchAliasArn": "arn:live"}


class FakeAws:
    """Answers every call with `answer`, or raises it; `request` is the last call's."""

    def __init__(self, answer: Any, function_error: str | None = None) -> None:
        self.answer = answer
        self.function_error = function_error
        self.request: dict[str, Any] = {}

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.request = request
        error = {"FunctionError": self.function_error} if self.function_error else {}
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode()), **error}

    def start_execution(self, **request: Any) -> Any:
        self.request = request
        return self.answer

    def start_sync_execution(self, **request: Any) -> Any:
        self.request = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def stack(self) -> BatchStack:
        return BatchStack("stack acme", OUTPUTS, lambda *_, **__: self)


LEFT = {"run_id": RUN, "users_left": 3, "left_by_reason": {"A": 3}, "users_chosen": 3, "running": None, "accounts": []}


def test_ask_left_asks_the_released_list_users_and_starts_nothing() -> None:
    aws = FakeAws(LEFT)

    left = ask_left(aws.stack, RUN, ["A"])

    assert (left.users_left, left.by_reason) == (3, {"A": 3})
    assert (aws.request["FunctionName"], aws.request["Qualifier"]) == ("acme-ListUsers", "live")
    event = json.loads(aws.request["Payload"])
    assert (event["redrive_of"], event["reasons"], event["only_asks"]) == (RUN, ["A"], True)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (
            {"errorType": "RedriveRefusedError", "errorMessage": "run x is still running"},
            f"redrive of {RUN}: run x is st",
        ),
        ({"errorType": "DatabaseUnavailableError", "errorMessage": "gone"}, "DatabaseUnavailableError: gone"),
        (
            {"errorType": "InvalidEventError", "errorMessage": "scheduled_time is 'asks who is left'"},
            "an older release",
        ),
    ],
)
def test_ask_left_says_in_a_line_why_it_got_no_answer(payload: dict[str, str], words: str) -> None:
    with pytest.raises(BatchctlError, match=words):
        ask_left(FakeAws(payload, "Unhandled").stack, RUN)


def test_ask_left_names_the_output_that_an_older_stack_lacks() -> None:
    with pytest.raises(BatchctlError, match="stack acme has no output ListUsersFunctionName"):
        ask_left(BatchStack("stack acme", {}, lambda *_, **__: FakeAws(None)), RUN)


def test_run_tells_the_account_of_an_execution_that_succeeded() -> None:
    aws = FakeAws({"status": "SUCCEEDED", "output": json.dumps({"status": "PARTIAL", "run_id": f"{RUN}-r1"})})

    assert run(aws.stack, RUN, ["A"]) == Ended("PARTIAL", f"{RUN}-r1", None)
    assert aws.request["stateMachineArn"] == "arn:live"
    assert json.loads(aws.request["input"]) == {"redrive_of": RUN, "reasons": ["A"]}


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        ({"status": "FAILED", "error": "RunIncomplete", "cause": "2 of 3"}, Ended("INCOMPLETE", None, "2 of 3")),
        (
            {"status": "FAILED", "error": "SchemaError", "cause": '{"errorMessage": "apply migrations/"}'},
            Ended("FAILED", None, "SchemaError: apply migrations/"),
        ),
        ({"status": "TIMED_OUT"}, Ended("FAILED", None, "TIMED_OUT: ")),
    ],
)
def test_run_tells_why_an_execution_failed(answer: dict[str, str], ended: Ended) -> None:
    assert run(FakeAws(answer).stack, RUN, []) == ended


def test_run_says_that_the_redrive_may_go_on_when_no_answer_comes() -> None:
    with pytest.raises(BatchctlError, match=f"redrive of {RUN} may still go on; ask again"):
        run(FakeAws(ReadTimeoutError(endpoint_url="x")).stack, RUN, [])


def test_start_leaves_reasons_out_when_there_are_none() -> None:
    aws = FakeAws({"executionArn": "arn:x"})

    assert start(aws.stack, RUN, []) == "arn:x"
    assert json.loads(aws.request["input"]) == {"redrive_of": RUN}


def test_newest_redrive_is_the_one_with_the_highest_number() -> None:
    accounts = [{"run_id": run_id} for run_id in (RUN, f"{RUN}-r10", f"{RUN}-r9")]

    assert Left(RUN, 0, {}, 0, None, accounts).newest_redrive == f"{RUN}-r10"
    assert Left(RUN, 0, {}, 0, None, accounts[:1]).newest_redrive is None
