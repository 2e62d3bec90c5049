"""A mapping with a scripted function, a clock and a sleep that the test controls."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from emulator.event_sources import DeliveryError, EventSourceMappingService, MappingStatistics
from emulator.identity import Identity
from emulator.services.kinesis import KinesisService

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/rows"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:failures"
BUCKET = "arn:aws:s3:::failures"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:write-rows"


@dataclass
class Result:
    """What the function answered."""

    payload: bytes = b"null"
    function_error: str | None = None


OK = Result()
ERROR = Result(b'{"errorType":"ValueError"}', "Unhandled")

Handler = Callable[[dict[str, Any]], Result | Exception]
Sleep = Callable[[float], Awaitable[None]]


def data_of(event: dict[str, Any]) -> list[str]:
    """The records' data, in the event's order."""
    return [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]


def report(*sequence_numbers: object) -> Result:
    """A partial batch response that names these records."""
    failures = [{"itemIdentifier": number} for number in sequence_numbers]
    return Result(json.dumps({"batchItemFailures": failures}).encode())


def fail_when_holding(*bad: str) -> Handler:
    """A function that raises for each batch with one of these data in it."""
    return lambda event: ERROR if set(bad) & set(data_of(event)) else OK


class FakeInvoker:
    """Calls the handler and remembers every event; `gate`, when set, holds invocations back."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.events: list[dict[str, Any]] = []
        self.functions: set[str] = set()
        self.running = 0
        self.most_running = 0
        self.gate: asyncio.Event | None = None

    @property
    def batches(self) -> list[list[str]]:
        """The data of each invocation's records."""
        return [data_of(event) for event in self.events]

    async def invoke(self, function: str, payload: bytes, *, trace_header: str | None) -> Result:
        """The handler's result."""
        assert trace_header is None  # Kinesis passes no trace on
        event = json.loads(payload)
        self.events.append(event)
        self.functions.add(function)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
            result = self.handler(event)
        finally:
            self.running -= 1
        if isinstance(result, Exception):
            raise result
        return result


@dataclass
class FakeDestination:
    """Keeps the documents; `broken` makes it take none."""

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    objects: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    broken: bool = False

    async def send(self, arn: str, body: str) -> None:
        """Keep a message."""
        if self.broken:
            raise DeliveryError(f"{arn}: no such queue")
        self.sent.append((arn, json.loads(body)))

    async def put_object(self, bucket_arn: str, key: str, body: str) -> None:
        """Keep an object."""
        self.objects.append((bucket_arn, key, json.loads(body)))


class Bench:
    """One stream, one mapping service; `sleep` takes no time and moves the clock instead."""

    def __init__(self, handler: Handler, shards: int = 1, sleep: Sleep | None = None) -> None:
        self.now = 1_800_000_000.0
        self.sleeps: list[float] = []
        self.invoker = FakeInvoker(handler)
        self.destination = FakeDestination()
        self.kinesis = KinesisService(Identity(), self.clock)
        self.shards = shards
        self.final = MappingStatistics()  # as they were before the mapping was closed
        self.service = EventSourceMappingService(
            Identity(),
            self.kinesis,
            self.invoker,
            self.destination,
            clock=self.clock,
            sleep=sleep or self.sleep,
            poll_interval_seconds=0,
            first_backoff_seconds=1,
            longest_backoff_seconds=8,
        )

    def clock(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the others run, then be later."""
        if seconds > 0:
            self.sleeps.append(seconds)
        for _ in range(5):
            await asyncio.sleep(0)
        self.now += seconds

    async def create(self, **settings: Any) -> dict[str, Any]:
        """The new mapping over the stream, which is made when missing."""
        if "rows" not in (await self.kinesis.call("ListStreams", {}))["StreamNames"]:
            await self.kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": self.shards})
        request = {"EventSourceArn": STREAM, "FunctionName": "write-rows", "StartingPosition": "TRIM_HORIZON"}
        return await self.service.call("CreateEventSourceMapping", {**request, **settings})

    async def put(self, *data: str, key: str | None = None) -> list[str]:
        """The sequence numbers of new records; its beginning is a record's key unless one is given."""
        records = [{"Data": each.encode(), "PartitionKey": key or each[:20]} for each in data]
        answer = await self.kinesis.call("PutRecords", {"StreamName": "rows", "Records": records})
        assert answer["FailedRecordCount"] == 0
        return [each["SequenceNumber"] for each in answer["Records"]]

    @property
    def statistics(self) -> MappingStatistics:
        """Counts of the only mapping."""
        (statistics,) = self.service.statistics.values()
        return statistics


def run_batches(handler: Handler, data: list[str], **settings: Any) -> Bench:
    """The bench after `data` were put into one shard and processed."""

    async def scenario() -> Bench:
        bench = Bench(handler)
        await bench.kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": 1})
        await bench.put(*data)
        await bench.create(**settings)
        await bench.service.drain()
        bench.final = bench.statistics
        await bench.service.close()
        return bench

    return asyncio.run(asyncio.wait_for(scenario(), 30))
