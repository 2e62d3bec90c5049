"""A slice that fails: tried again, given up and recorded, and the others go on."""

import asyncio
import json
from collections import Counter
from typing import Any

from emulator.errors import AwsError
from tests.emulator.step_functions.doubles import FunctionError
from tests.statemachine.user_batch import RUN_ID, Batch, sync


def test_slice_fails_others_go_on_and_the_failure_is_recorded() -> None:
    def fail_one(event: dict[str, Any]) -> dict[str, int]:
        if (event["chunk"], event["start"]) == (0, 10):
            raise FunctionError("ChunkUnreadableError", "runs/x is no chunk")
        return sync(event)

    batch = Batch(functions={"SyncUsers": fail_one}, closing={"status": "PARTIAL", "users_missing": 0})

    execution = batch.run()

    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "PARTIAL")
    assert len(batch.events_of("SyncUsers")) == 5  # a permanent error is not tried again
    ((service, operation, parameters),) = batch.sdk.calls
    assert (service, operation, parameters["Bucket"]) == ("s3", "PutObject", "bucket")
    assert parameters["Key"] == f"runs/{RUN_ID}/failures/slice-00000-00010.json"
    record = json.loads(parameters["Body"])
    assert (record["chunk"], record["start"], record["end"]) == (0, 10, 20)
    assert (record["version"], record["reason"], record["run_id"]) == (1, "ChunkUnreadableError", RUN_ID)
    assert "runs/x is no chunk" in record["detail"]


def test_retry_then_succeed_calls_the_slice_again() -> None:
    attempts: Counter[int] = Counter()

    def fail_twice(event: dict[str, Any]) -> dict[str, int]:
        attempts[event["start"]] += 1
        if event["start"] == 10 and attempts[10] <= 2:
            raise FunctionError("StreamUnavailableError")
        return sync(event)

    batch = Batch(chunk_sizes=(25,), functions={"SyncUsers": fail_twice})

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    assert attempts == {0: 1, 10: 3, 20: 1}
    assert batch.sdk.calls == []


def test_throttled_lambda_is_waited_for_longer_than_other_errors() -> None:
    refusals = 8

    def throttle(event: dict[str, Any]) -> dict[str, int]:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
        return sync(event)

    batch = Batch(chunk_sizes=(5,), functions={"SyncUsers": throttle})

    assert batch.run().status == "SUCCEEDED"
    assert batch.sdk.calls == []


def test_throttled_api_ends_partial_when_users_failed_inside_a_slice() -> None:
    closing = {"status": "PARTIAL", "users_missing": 0, "failed_by_reason": {"ApiThrottledError": 3}}
    batch = Batch(functions={"SyncUsers": lambda _: {"synced": 7, "failed": 3}}, closing=closing)

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    assert execution.output["failed_by_reason"] == {"ApiThrottledError": 3}


def test_slice_that_hangs_is_given_up_and_recorded() -> None:
    async def hang(event: dict[str, Any]) -> dict[str, int]:
        if event["start"] == 0:
            await asyncio.sleep(10_000)
        return sync(event)

    batch = Batch(chunk_sizes=(20,), functions={"SyncUsers": hang})

    execution = batch.run(SyncUsersTimeoutSeconds=10)

    assert execution.status == "SUCCEEDED"
    ((_, _, parameters),) = batch.sdk.calls
    assert json.loads(parameters["Body"])["reason"] == "States.Timeout"


def test_slice_failure_that_cannot_be_recorded_leaves_the_others_alone() -> None:
    def refuse(_parameters: dict[str, Any]) -> dict[str, Any]:
        raise AwsError("SlowDown", "Please reduce your request rate.", 503)

    def fail_all(_event: Any) -> Any:
        raise FunctionError("KeyError")

    batch = Batch(
        functions={"SyncUsers": fail_all},
        put_object=refuse,
        closing={"status": "INCOMPLETE", "users_missing": 40},
    )

    execution = batch.run()

    assert len(batch.events_of("CloseRun")) == 1
    assert (execution.status, execution.error) == ("FAILED", "RunIncomplete")
