"""Iterators, reading, retention, and the reader for this process."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.services.kinesis import KinesisService
from tests.emulator.services.kinesis_calls import call, make_stream, put, read_all
from tests.emulator.services.manual_clock import ManualClock

SHARD = "shardId-000000000000"


@pytest.fixture
def numbers(kinesis: KinesisService, clock: ManualClock) -> list[str]:
    """A stream of three records, a second apart; their sequence numbers."""
    make_stream(kinesis)
    numbers = []
    for data in (b"0", b"1", b"2"):
        numbers.append(put(kinesis, ("k", data))["Records"][0]["SequenceNumber"])
        clock.advance(1)
    return numbers


def test_iterator_starts_at_its_types_place_when_there_are_records(
    kinesis: KinesisService, clock: ManualClock, numbers: list[str]
) -> None:
    """Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html"""

    def data(kind: str, **where: Any) -> list[bytes]:
        return [record["Data"] for record in read_all(kinesis, ShardIteratorType=kind, **where)]

    assert data("TRIM_HORIZON") == [b"0", b"1", b"2"]
    assert data("LATEST") == []
    assert data("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"1", b"2"]
    assert data("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"2"]
    assert data("AT_TIMESTAMP", Timestamp=datetime.fromtimestamp(clock.now - 2.5, UTC)) == [b"1", b"2"]


def test_next_iterator_goes_on_behind_the_last_record_when_limited(kinesis: KinesisService, numbers: list[str]) -> None:
    iterator = call(kinesis, "GetShardIterator", StreamName="rows", ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")
    first = call(kinesis, "GetRecords", ShardIterator=iterator["ShardIterator"], Limit=2)
    assert [record["SequenceNumber"] for record in first["Records"]] == numbers[:2]
    assert first["MillisBehindLatest"] == 1000
    second = call(kinesis, "GetRecords", ShardIterator=first["NextShardIterator"])
    assert [record["SequenceNumber"] for record in second["Records"]] == numbers[2:]
    assert second["MillisBehindLatest"] == 0


def test_iterator_expires_when_five_minutes_have_passed(
    kinesis: KinesisService, clock: ManualClock, numbers: list[str]
) -> None:
    """Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""
    iterator = call(kinesis, "GetShardIterator", StreamName="rows", ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")
    clock.advance(301)
    with pytest.raises(AwsError) as caught:
        call(kinesis, "GetRecords", ShardIterator=iterator["ShardIterator"])
    assert caught.value.code == "ExpiredIteratorException"


def test_iterator_is_refused_when_it_is_made_up_or_of_a_deleted_stream(
    kinesis: KinesisService, numbers: list[str]
) -> None:
    with pytest.raises(AwsError, match="Invalid ShardIterator"):
        call(kinesis, "GetRecords", ShardIterator="made up")
    iterator = call(kinesis, "GetShardIterator", StreamName="rows", ShardId=SHARD, ShardIteratorType="LATEST")
    call(kinesis, "DeleteStream", StreamName="rows")
    make_stream(kinesis)
    with pytest.raises(AwsError, match="was deleted"):
        call(kinesis, "GetRecords", ShardIterator=iterator["ShardIterator"])


def test_records_are_gone_when_the_retention_period_is_over(
    kinesis: KinesisService, clock: ManualClock, numbers: list[str]
) -> None:
    clock.advance(24 * 3600 - 1.5)
    assert [record["Data"] for record in read_all(kinesis)] == [b"2"]
    assert (
        read_all(kinesis, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[0])[0]["Data"] == b"2"
    )


def test_records_stay_when_the_retention_period_was_increased(
    kinesis: KinesisService, clock: ManualClock, numbers: list[str]
) -> None:
    call(kinesis, "IncreaseStreamRetentionPeriod", StreamName="rows", RetentionPeriodHours=48)
    clock.advance(47 * 3600)
    assert len(read_all(kinesis)) == len(numbers)
    with pytest.raises(AwsError, match="can not be less"):
        call(kinesis, "IncreaseStreamRetentionPeriod", StreamName="rows", RetentionPeriodHours=24)


def test_get_records_ends_at_10_mib_when_records_are_large(kinesis: KinesisService, clock: ManualClock) -> None:
    make_stream(kinesis)
    for _ in range(12):
        put(kinesis, ("k", bytes(1024 * 1024)))
        clock.advance(2)
    assert len(read_all(kinesis)) == 10


def test_reader_wakes_when_a_record_is_put() -> None:
    async def scenario() -> list[bytes]:
        # GIVEN a reader at the end of an empty shard
        kinesis = KinesisService(Identity())
        await kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": 1})
        arn = "arn:aws:kinesis:us-east-1:123456789012:stream/rows"
        (shard,) = kinesis.shard_ids(arn)
        reader = kinesis.open_reader(arn, shard, "LATEST")
        waiting = asyncio.create_task(reader.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        # WHEN records are put
        for data in (b"0", b"1"):
            await kinesis.call("PutRecord", {"StreamName": "rows", "Data": data, "PartitionKey": "k"})
        # THEN it has them
        await asyncio.wait_for(waiting, 10)
        assert not reader.at_end
        records = reader.read(10)
        assert reader.at_end
        return [record.data for record in records]

    assert asyncio.run(scenario()) == [b"0", b"1"]


def test_reader_is_let_go_when_the_stream_is_deleted() -> None:
    async def scenario() -> bool:
        kinesis = KinesisService(Identity())
        await kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": 1})
        arn = "arn:aws:kinesis:us-east-1:123456789012:stream/rows"
        reader = kinesis.open_reader(arn, kinesis.shard_ids(arn)[0], "TRIM_HORIZON")
        waiting = asyncio.create_task(reader.wait())
        await asyncio.sleep(0)
        await kinesis.call("DeleteStream", {"StreamName": "rows"})
        await asyncio.wait_for(waiting, 10)
        return reader.closed

    assert asyncio.run(scenario())
