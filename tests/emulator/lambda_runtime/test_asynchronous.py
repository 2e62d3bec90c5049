"""Asynchronous invocation: retries, destinations, dead letters, throttling.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from emulator.errors import AwsError
from emulator.lambda_runtime import LambdaService
from tests.emulator.lambda_runtime.harness import create_function, running_service

QUEUE = "arn:aws:sqs:us-east-1:123456789012:failed"
DEAD_LETTERS = "arn:aws:sqs:us-east-1:123456789012:dead-letters"
# Fails as often as the event says; tells its request ids in the log.
FLAKY = """
    calls = 0
    def handler(event, context):
        global calls
        calls += 1
        print("attempt", calls, context.aws_request_id)
        if calls <= event["failures"]:
            raise RuntimeError("not yet")
        return {"calls": calls}
"""


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class FakeDestinations:
    """Keeps what is delivered."""

    def __init__(self, error: AwsError | None = None) -> None:
        self.delivered: list[tuple[str, Any, dict[str, str]]] = []
        self.error = error

    async def __call__(self, destination_arn: str, body: bytes, attributes: dict[str, str]) -> None:
        if self.error is not None:
            raise self.error
        self.delivered.append((destination_arn, json.loads(body), attributes))


async def send(service: LambdaService, event: Any) -> None:
    request = {"FunctionName": "sync_users", "InvocationType": "Event", "Payload": json.dumps(event).encode()}
    answer = await service.call("Invoke", request)
    assert answer == {"StatusCode": 202, "Payload": b""}
    async with asyncio.timeout(60):
        await service.queue.drain()


def test_event_is_tried_three_times_when_function_fails(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        time, destinations = FakeTime(), FakeDestinations()
        options: dict[str, Any] = {"clock": time.clock, "sleep": time.sleep, "deliver": destinations}
        async with running_service(runtime_dir, tmp_path, **options) as service:
            # GIVEN a function with an on-failure destination and a dead-letter queue
            await create_function(service, FLAKY, DeadLetterConfig={"TargetArn": DEAD_LETTERS})
            config = {"FunctionName": "sync_users", "DestinationConfig": {"OnFailure": {"Destination": QUEUE}}}
            await service.call("PutFunctionEventInvokeConfig", config)
            # WHEN it fails for good
            await send(service, {"failures": 9})
            # THEN it was tried after one and two more minutes, always as the same request
            assert time.slept == [60.0, 120.0]
            attempts = [line.split() for line in service.log_of("sync_users").messages() if line.startswith("attempt")]
            assert [attempt[1] for attempt in attempts] == ["1", "2", "3"]
            (request_id,) = {attempt[2] for attempt in attempts}
            # AND both are told, each in its form
            (queue, record, _), (dead_letters, event, attributes) = destinations.delivered
            assert (queue, dead_letters) == (QUEUE, DEAD_LETTERS)
            assert record["requestContext"] == {
                "requestId": request_id,
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:sync_users:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            }
            assert record["requestPayload"] == {"failures": 9}
            assert record["responseContext"] == {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            }
            assert record["responsePayload"]["errorMessage"] == "not yet"
            assert event == {"failures": 9}
            assert attributes == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "not yet"}

    asyncio.run(scenario())


def test_event_ends_when_a_retry_succeeds(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        time, destinations = FakeTime(), FakeDestinations()
        options: dict[str, Any] = {"clock": time.clock, "sleep": time.sleep, "deliver": destinations}
        async with running_service(runtime_dir, tmp_path, **options) as service:
            await create_function(service, FLAKY)
            config = {"FunctionName": "sync_users", "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}
            await service.call("PutFunctionEventInvokeConfig", config)
            await send(service, {"failures": 1})
            assert time.slept == [60.0]
            ((_, record, _),) = destinations.delivered
            assert record["requestContext"]["condition"] == "Success"
            assert record["responsePayload"] == {"calls": 2}

    asyncio.run(scenario())


def test_event_is_not_retried_when_config_says_so(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        time = FakeTime()
        async with running_service(runtime_dir, tmp_path, clock=time.clock, sleep=time.sleep) as service:
            await create_function(service, FLAKY)
            config = {"FunctionName": "sync_users", "MaximumRetryAttempts": 0}
            await service.call("PutFunctionEventInvokeConfig", config)
            await send(service, {"failures": 9})
            assert (time.slept, service.statistics.of("sync_users").invocations) == ([], 1)

    asyncio.run(scenario())


def test_event_expires_when_function_stays_throttled(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        time, destinations = FakeTime(), FakeDestinations()
        options: dict[str, Any] = {"clock": time.clock, "sleep": time.sleep, "deliver": destinations}
        async with running_service(runtime_dir, tmp_path, **options) as service:
            # GIVEN a function that may not run
            await create_function(service, FLAKY)
            await service.call(
                "PutFunctionConcurrency", {"FunctionName": "sync_users", "ReservedConcurrentExecutions": 0}
            )
            config = {
                "FunctionName": "sync_users",
                "MaximumEventAgeInSeconds": 60,
                "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
            }
            await service.call("PutFunctionEventInvokeConfig", config)
            # WHEN it gets an event
            await send(service, {"failures": 0})
            # THEN the queue comes back ever more slowly, until the event is too old
            assert time.slept == [1.0, 2.0, 4.0, 8.0, 16.0]
            ((_, record, _),) = destinations.delivered
            assert record["requestContext"]["condition"] == "EventAgeExceeded"
            assert record["requestContext"]["approximateInvokeCount"] == 0

    asyncio.run(scenario())


def test_log_tells_when_record_does_not_reach_its_destination(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        time = FakeTime()
        broken = FakeDestinations(AwsError("AWS.SimpleQueueService.NonExistentQueue", "no such queue"))
        for number, deliver in enumerate((broken, None)):
            options: dict[str, Any] = {"clock": time.clock, "sleep": time.sleep, "deliver": deliver}
            async with running_service(runtime_dir, tmp_path / str(number), **options) as service:
                await create_function(service, FLAKY, DeadLetterConfig={"TargetArn": DEAD_LETTERS})
                await send(service, {"failures": 9})
                assert service.queue.undelivered == 1
                assert f"did not reach {DEAD_LETTERS}" in service.log_of("sync_users").messages()[-1]

    asyncio.run(scenario())
