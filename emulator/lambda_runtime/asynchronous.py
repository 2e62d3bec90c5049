"""Asynchronous invocation: the queue, its retries, destinations and dead letters.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import asyncio
import datetime
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from emulator.errors import AwsError
from emulator.lambda_runtime.functions import Function
from emulator.lambda_runtime.identifiers import LATEST
from emulator.lambda_runtime.invocation import InvokeResult

DEFAULT_RETRY_ATTEMPTS = 2
DEFAULT_EVENT_AGE_SECONDS = 21_600
RETRY_DELAYS_SECONDS = (60.0, 120.0)
FIRST_THROTTLE_DELAY_SECONDS = 1.0
LONGEST_THROTTLE_DELAY_SECONDS = 300.0
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500

Sleep = Callable[[float], Awaitable[None]]


class DestinationPort(Protocol):
    """Delivers a record to the queue, topic, function, bus or bucket with this ARN."""

    async def __call__(self, destination_arn: str, body: bytes, attributes: dict[str, str]) -> None: ...


class Invoke(Protocol):
    """One attempt at an event."""

    async def __call__(self, event: "QueuedEvent") -> InvokeResult: ...


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An accepted event."""

    function: Function
    function_arn: str  # as invoked, qualified
    qualifier: str | None
    payload: bytes
    request_id: str
    trace_header: str | None
    accepted: float  # seconds since the epoch


class AsynchronousQueue:
    """Runs accepted events in the background until they succeed, are used up or grow too old."""

    def __init__(
        self,
        invoke: Invoke,
        deliver: DestinationPort | None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._invoke = invoke
        self._deliver = deliver
        self._clock = clock
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()
        self.undelivered = 0  # records that had a destination and did not reach it

    def put(self, event: QueuedEvent) -> None:
        """Accept an event."""
        task = asyncio.get_running_loop().create_task(self._process(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until no event is left."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Drop what is left."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _process(self, event: QueuedEvent) -> None:
        config = event.function.event_invoke_configs.get(event.qualifier or LATEST, {})
        retries = config.get("MaximumRetryAttempts", DEFAULT_RETRY_ATTEMPTS)
        oldest = event.accepted + config.get("MaximumEventAgeInSeconds", DEFAULT_EVENT_AGE_SECONDS)
        throttle_delay = FIRST_THROTTLE_DELAY_SECONDS
        attempts = 0
        result: InvokeResult | None = None
        while True:
            try:
                result = await self._invoke(event)
            except AwsError as error:
                if error.status != TOO_MANY_REQUESTS and error.status < SERVER_ERRORS:
                    return  # the function was deleted: as on AWS, its events go with it
                delay, throttle_delay = throttle_delay, min(throttle_delay * 2, LONGEST_THROTTLE_DELAY_SECONDS)
            else:
                attempts += 1
                if result.function_error is None:
                    await self._send_record(event, config, "OnSuccess", "Success", attempts, result)
                    return
                if attempts > retries:
                    await self._fail(event, config, "RetriesExhausted", attempts, result)
                    return
                delay = RETRY_DELAYS_SECONDS[attempts - 1]
            if self._clock() + delay > oldest:
                await self._fail(event, config, "EventAgeExceeded", attempts, result)
                return
            await self._sleep(delay)

    async def _fail(
        self, event: QueuedEvent, config: dict[str, Any], condition: str, attempts: int, result: InvokeResult | None
    ) -> None:
        await self._send_record(event, config, "OnFailure", condition, attempts, result)
        dead_letters = event.function.latest.stored.get("DeadLetterConfig", {}).get("TargetArn")
        if dead_letters:
            # Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
            attributes = {"RequestID": event.request_id, "ErrorCode": "200", "ErrorMessage": _read_message(result)}
            await self._send(event, dead_letters, event.payload, attributes)

    async def _send_record(
        self,
        event: QueuedEvent,
        config: dict[str, Any],
        kind: str,
        condition: str,
        attempts: int,
        result: InvokeResult | None,
    ) -> None:
        destination = config.get("DestinationConfig", {}).get(kind, {}).get("Destination")
        if not destination:
            return
        stamp = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": stamp,
            "requestContext": {
                "requestId": event.request_id,
                "functionArn": event.function_arn,
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": _read_json(event.payload),
        }
        if result is not None:
            context: dict[str, Any] = {"statusCode": 200, "executedVersion": result.executed_version}
            if result.function_error is not None:
                context["functionError"] = result.function_error
            record["responseContext"] = context
            record["responsePayload"] = _read_json(result.payload)
        await self._send(event, destination, json.dumps(record).encode(), {})

    async def _send(self, event: QueuedEvent, destination: str, body: bytes, attributes: dict[str, str]) -> None:
        if self._deliver is None:
            self._report_undelivered(event, destination, "this Lambda service was started without a destination port")
            return
        try:
            await self._deliver(destination, body, attributes)
        except AwsError as error:
            self._report_undelivered(event, destination, str(error))

    def _report_undelivered(self, event: QueuedEvent, destination: str, reason: str) -> None:
        self.undelivered += 1
        event.function.log.write(
            "destination", f"The record of request {event.request_id} did not reach {destination}: {reason}"
        )


def _read_json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")


def _read_message(result: InvokeResult | None) -> str:
    document = _read_json(result.payload) if result is not None else None
    return str(document.get("errorMessage", ""))[:1024] if isinstance(document, dict) else ""
