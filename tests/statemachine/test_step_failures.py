"""ListUsers or CloseRun fails, or the run ends with users missing: tried again, or failed by name."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from emulator.errors import AwsError
from tests.emulator.step_functions.doubles import FunctionError
from tests.statemachine.user_batch import RUN_ID, Batch


def test_database_down_is_tried_again_and_then_named() -> None:
    def refuse(_event: Any) -> Any:
        raise FunctionError("DatabaseUnavailableError", "database db:3306 takes no connection")

    batch = Batch(functions={"ListUsers": refuse})

    execution = batch.run()

    assert len(batch.events_of("ListUsers")) == 5
    assert (execution.status, execution.error) == ("FAILED", "DatabaseUnavailableError")
    assert "db:3306" in (execution.cause or "")


def test_wrong_settings_fail_at_once() -> None:
    def refuse(_event: Any) -> Any:
        raise FunctionError("SettingsError", "RUN_BUCKET is missing")

    batch = Batch(functions={"ListUsers": refuse})

    execution = batch.run()

    assert len(batch.events_of("ListUsers")) == 1
    assert execution.error == "SettingsError"


def test_payload_too_large_fails_and_is_caught_by_no_catch() -> None:
    # ListUsers itself refuses a listing of this size before it gets here: ListingTooLargeError.
    too_many = [{"chunk": number, "user_count": 1} for number in range(9_000)]
    listing = {"run_id": RUN_ID, "started": True, "users_listed": 9_000, "chunks": too_many}
    batch = Batch(functions={"ListUsers": lambda _: listing})

    execution = batch.run()

    assert (execution.status, execution.error) == ("FAILED", "States.DataLimitExceeded")


def test_run_incomplete_names_the_run_and_the_count() -> None:
    batch = Batch(closing={"status": "INCOMPLETE", "users_missing": 3})

    execution = batch.run()

    assert (execution.status, execution.error) == ("FAILED", "RunIncomplete")
    assert execution.cause == f"run {RUN_ID}: 3 of 40 users are neither written nor failed"


def test_close_run_is_tried_again_until_the_database_is_back_from_a_failover() -> None:
    """GIVEN two minutes without a database; each attempt of CloseRun waits 15 s itself (functions/close_run)."""
    batch = Batch()
    began: list[float] = []

    async def close(event: Any) -> Any:
        loop = asyncio.get_running_loop()
        began.append(loop.time())
        if loop.time() - began[0] < 120:
            await asyncio.sleep(15)
            raise FunctionError("DatabaseUnavailableError")
        return batch.close_run(event)

    assert Batch(functions={"CloseRun": close}).run().status == "SUCCEEDED"
    assert 5 <= len(began) <= 9


@pytest.mark.parametrize("function", ["ListUsers", "CloseRun"])
@pytest.mark.parametrize(
    "error", ["TooManyRequestsException", "ResourceNotReadyException", "ResourceConflictException"]
)
def test_run_goes_on_when_lambda_cannot_invoke_a_step_for_a_while(function: str, error: str) -> None:
    """The group's own slices, or another group's, may have taken the account's concurrency. And a function in a VPC
    that was idle for weeks, as with a schedule of once a month, wakes with its first invocation, which fails
    (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html)."""
    refusals = 7
    batch = Batch()
    answers = {"ListUsers": batch.list_users, "CloseRun": batch.close_run}

    def refuse(event: Any) -> Any:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise AwsError(error, "not now", 429)
        return answers[function](event)

    assert Batch(functions={function: refuse}).run().status == "SUCCEEDED"


@pytest.mark.parametrize("function", ["ListUsers", "CloseRun"])
@pytest.mark.parametrize("error", ["Runtime.ExitError", "Lambda.Unknown"])
def test_run_goes_on_when_the_environment_of_a_step_dies(function: str, error: str) -> None:
    attempts: Counter[str] = Counter()
    batch = Batch()
    answers = {"ListUsers": batch.list_users, "CloseRun": batch.close_run}

    def die_once(event: Any) -> Any:
        attempts[function] += 1
        if attempts[function] == 1:
            raise FunctionError(error)
        return answers[function](event)

    batch.lambdas.functions[function] = die_once

    execution = batch.run()

    assert (execution.status, attempts[function]) == ("SUCCEEDED", 2)
