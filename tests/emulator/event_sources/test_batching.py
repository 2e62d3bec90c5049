"""How records become batches: size, window, payload limit, order, concurrency."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from emulator.event_sources.kinesis_event import MAX_PAYLOAD_BYTES
from tests.emulator.event_sources.harness import FUNCTION, OK, STREAM, Bench, run_batches


def test_event_has_awss_shape_when_a_record_is_delivered() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (example event)"""
    bench = run_batches(lambda _: OK, ["hello"])
    (event,) = bench.invoker.events
    (record,) = event["Records"]
    number = record["kinesis"]["sequenceNumber"]
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "hello",
            "sequenceNumber": number,
            "data": "aGVsbG8=",
            "approximateArrivalTimestamp": 1_800_000_000.0,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "us-east-1",
        "eventSourceARN": STREAM,
    }
    assert bench.invoker.functions == {FUNCTION}


def test_batches_hold_at_most_batch_size_records_in_order_when_more_wait() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    bench = run_batches(lambda _: OK, [str(i) for i in range(7)], BatchSize=3)
    assert bench.invoker.batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert bench.invoker.most_running == 1
    assert (bench.final.batches, bench.final.records) == (3, 7)


def test_batch_ends_before_6_mb_when_records_are_large() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (payload limit of 6 MB)"""

    async def scenario() -> Bench:
        bench = Bench(lambda _: OK)
        await bench.kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": 1})
        for i in range(10):
            await bench.put(f"{i}" + "x" * 1_000_000)
            bench.now += 1
        await bench.create()
        await bench.service.drain()
        await bench.service.close()
        return bench

    bench = asyncio.run(scenario())
    sizes = [len(json.dumps(event, separators=(",", ":"))) for event in bench.invoker.events]
    assert [len(batch) for batch in bench.invoker.batches] == [4, 4, 2]
    assert all(size <= MAX_PAYLOAD_BYTES for size in sizes)


@pytest.mark.parametrize("filled", [True, False])
def test_window_ends_when_the_batch_is_full_or_its_time_is_over(filled: bool) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (batching window)"""

    async def scenario() -> list[list[str]]:
        # GIVEN a mapping that waits for 4 records for up to 60 s
        timer = asyncio.Event()
        asked: list[float] = []

        async def sleep(seconds: float) -> None:
            if seconds:
                asked.append(seconds)
                await timer.wait()

        bench = Bench(lambda _: OK, sleep=sleep)
        await bench.create(BatchSize=4, MaximumBatchingWindowInSeconds=60)
        # WHEN three come
        await bench.put("0", "1", "2")
        while not asked:
            await asyncio.sleep(0)
        assert bench.invoker.batches == []
        # AND then either a fourth, or the window ends
        if filled:
            await bench.put("3")
        else:
            timer.set()
        await bench.service.drain()
        await bench.service.close()
        assert asked == [60]
        return bench.invoker.batches

    batches = asyncio.run(asyncio.wait_for(scenario(), 30))
    assert batches == ([["0", "1", "2", "3"]] if filled else [["0", "1", "2"]])


def test_records_of_one_key_stay_in_order_when_batches_run_concurrently() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (ParallelizationFactor)"""

    async def scenario() -> Bench:
        bench = Bench(lambda _: OK)
        bench.invoker.gate = asyncio.Event()
        await bench.create(BatchSize=2, ParallelizationFactor=4)
        # GIVEN records of many keys, four of each
        for round_ in range(4):
            for key in range(12):
                await bench.put(f"{key}:{round_}", key=str(key))
        # WHEN the lanes are at work at the same time
        while bench.invoker.running < 4:
            await asyncio.sleep(0)
        bench.invoker.gate.set()
        await bench.service.drain()
        await bench.service.close()
        return bench

    bench = asyncio.run(asyncio.wait_for(scenario(), 30))
    # THEN each key's records came in order
    assert bench.invoker.most_running == 4
    seen: dict[str, list[str]] = {}
    for batch in bench.invoker.batches:
        for each in batch:
            key, _, round_ = each.partition(":")
            seen.setdefault(key, []).append(round_)
    assert seen == {str(key): ["0", "1", "2", "3"] for key in range(12)}


def test_shards_are_read_at_the_same_time_when_there_are_several() -> None:
    async def scenario() -> int:
        bench = Bench(lambda _: OK, shards=2)
        bench.invoker.gate = asyncio.Event()
        await bench.create()
        await bench.put(*[str(i) for i in range(20)])
        while bench.invoker.running < 2:
            await asyncio.sleep(0)
        bench.invoker.gate.set()
        await bench.service.drain()
        await bench.service.close()
        return len(bench.invoker.events)

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == 2


@pytest.mark.parametrize(
    ("position", "expected"), [("TRIM_HORIZON", ["old", "new"]), ("LATEST", ["new"]), ("AT_TIMESTAMP", ["old", "new"])]
)
def test_reading_starts_at_the_position_when_the_stream_has_records(position: str, expected: list[str]) -> None:
    async def scenario() -> list[str]:
        bench = Bench(lambda _: OK)
        await bench.kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": 1})
        await bench.put("old")
        more = {}
        if position == "AT_TIMESTAMP":
            more["StartingPositionTimestamp"] = datetime.fromtimestamp(bench.now - 1, UTC)
        await bench.create(StartingPosition=position, **more)
        await bench.put("new")
        await bench.service.drain()
        await bench.service.close()
        return [each for batch in bench.invoker.batches for each in batch]

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == expected


def test_nothing_is_invoked_when_the_mapping_is_disabled_until_it_is_enabled() -> None:
    async def scenario() -> tuple[list[list[str]], list[list[str]]]:
        bench = Bench(lambda _: OK)
        mapping = await bench.create(Enabled=False)
        await bench.put("0", "1")
        await bench.sleep(1)
        before = list(bench.invoker.batches)
        await bench.service.call("UpdateEventSourceMapping", {"UUID": mapping["UUID"], "Enabled": True})
        await bench.service.drain()
        await bench.service.close()
        return before, bench.invoker.batches

    before, after = asyncio.run(asyncio.wait_for(scenario(), 30))
    assert (before, after) == ([], [["0", "1"]])


def test_iterator_age_is_that_of_the_last_record_when_a_batch_is_handed_over() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html (IteratorAge)"""

    async def scenario() -> float:
        bench = Bench(lambda _: OK)
        await bench.kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": 1})
        await bench.put("0")
        bench.now += 5
        await bench.put("1")
        bench.now += 2
        await bench.create()
        await bench.service.drain()
        age = bench.statistics.iterator_age_seconds_max
        await bench.service.close()
        return age

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == 2
