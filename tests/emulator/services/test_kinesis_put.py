"""PutRecord and PutRecords: where records go, limits, partial failure."""

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.services.kinesis import KinesisService
from tests.emulator.services.kinesis_calls import call, make_stream, put, read_all
from tests.emulator.services.manual_clock import ManualClock

MIB = 1024 * 1024


@settings(deadline=None)
@given(key=st.text(min_size=1, max_size=256), shards=st.integers(1, 9))
def test_put_goes_to_the_shard_whose_range_holds_the_keys_md5_when_any_key_is_given(key: str, shards: int) -> None:
    """Source: https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html#partition-key"""
    kinesis = KinesisService(Identity(), ManualClock())
    make_stream(kinesis, shards)
    shard_id = put(kinesis, (key, b"x"))["Records"][0]["ShardId"]
    hash_key = int(hashlib.md5(key.encode()).hexdigest(), 16)
    ranges = {
        each["ShardId"]: each["HashKeyRange"] for each in call(kinesis, "ListShards", StreamName="rows")["Shards"]
    }
    assert int(ranges[shard_id]["StartingHashKey"]) <= hash_key <= int(ranges[shard_id]["EndingHashKey"])


def test_hash_ranges_cover_the_space_without_gap_when_it_does_not_divide_evenly(kinesis: KinesisService) -> None:
    make_stream(kinesis, 3)
    ranges = [each["HashKeyRange"] for each in call(kinesis, "ListShards", StreamName="rows")["Shards"]]
    assert ranges[0]["StartingHashKey"] == "0"
    assert int(ranges[-1]["EndingHashKey"]) == 2**128 - 1
    for left, right in itertools.pairwise(ranges):
        assert int(right["StartingHashKey"]) == int(left["EndingHashKey"]) + 1


def test_explicit_hash_key_chooses_the_shard_when_given(kinesis: KinesisService) -> None:
    make_stream(kinesis, 2)
    request = {"StreamName": "rows", "Data": b"x", "PartitionKey": "k"}
    assert call(kinesis, "PutRecord", **request, ExplicitHashKey="0")["ShardId"] == "shardId-000000000000"
    last = str(2**128 - 1)
    assert call(kinesis, "PutRecord", **request, ExplicitHashKey=last)["ShardId"] == "shardId-000000000001"
    with pytest.raises(AwsError, match="InvalidArgumentException"):
        call(kinesis, "PutRecord", **request, ExplicitHashKey=str(2**128))


def test_sequence_numbers_have_56_digits_and_grow_when_records_follow(kinesis: KinesisService) -> None:
    make_stream(kinesis)
    numbers = [each["SequenceNumber"] for each in put(kinesis, ("a", b"1"), ("b", b"2"), ("a", b"3"))["Records"]]
    assert [len(number) for number in numbers] == [56, 56, 56]
    assert sorted(numbers) == numbers
    assert len(set(numbers)) == 3


def test_records_beyond_1000_a_second_fail_one_by_one_when_a_shard_is_full(
    kinesis: KinesisService, clock: ManualClock
) -> None:
    """Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""
    # GIVEN a shard that took 900 records in this second
    make_stream(kinesis)
    for _ in range(9):
        assert put(kinesis, *[("k", b"x")] * 100)["FailedRecordCount"] == 0
    # WHEN 150 more come
    answer = put(kinesis, *[("k", b"x")] * 150)
    # THEN 100 are stored, and each of the others says why it is not
    assert answer["FailedRecordCount"] == 50
    failed = [each for each in answer["Records"] if "ErrorCode" in each]
    assert len(failed) == 50
    assert failed[0] == {
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream rows under account 123456789012.",
    }
    assert len(read_all(kinesis)) == 1000
    # AND a second later there is room again
    clock.advance(1)
    assert put(kinesis, *[("k", b"x")] * 150)["FailedRecordCount"] == 0


def test_bytes_beyond_1_mib_a_second_fail_when_records_are_large(kinesis: KinesisService, clock: ManualClock) -> None:
    """Source: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
    make_stream(kinesis)
    answer = put(kinesis, *[("k", bytes(300_000))] * 4)
    assert [each.get("ErrorCode") for each in answer["Records"]] == [None] * 3 + [
        "ProvisionedThroughputExceededException"
    ]
    clock.advance(0.2)
    assert put(kinesis, ("k", bytes(300_000)))["FailedRecordCount"] == 0


def test_two_shards_take_twice_as_much_when_keys_differ(kinesis: KinesisService) -> None:
    make_stream(kinesis, 2)
    failed = sum(
        put(kinesis, *[(f"{call_number}-{i}", b"x") for i in range(500)])["FailedRecordCount"]
        for call_number in range(3)
    )
    assert failed == 0


def test_put_record_raises_when_the_shard_is_full(kinesis: KinesisService) -> None:
    make_stream(kinesis)
    put(kinesis, ("k", bytes(MIB - 1)))
    with pytest.raises(AwsError, match="Rate exceeded for shard shardId-000000000000") as caught:
        call(kinesis, "PutRecord", StreamName="rows", Data=b"x", PartitionKey="k")
    assert caught.value.code == "ProvisionedThroughputExceededException"


def test_large_record_leaves_a_debt_when_the_stream_allows_it(kinesis: KinesisService, clock: ManualClock) -> None:
    """Source: https://docs.aws.amazon.com/streams/latest/dev/large-records.html"""
    # GIVEN a stream for records of 10 MiB
    make_stream(kinesis, MaxRecordSizeInKiB=10_240)
    # WHEN one of 5 MiB comes
    assert put(kinesis, ("k", bytes(5 * MIB)))["FailedRecordCount"] == 0
    # THEN the shard takes nothing until it is paid back
    clock.advance(3)
    assert put(kinesis, ("k", b"x"))["FailedRecordCount"] == 1
    clock.advance(2)
    assert put(kinesis, ("k", b"x"))["FailedRecordCount"] == 0


def test_record_over_1_mib_is_refused_when_the_stream_has_its_default(kinesis: KinesisService) -> None:
    """Source: https://docs.aws.amazon.com/streams/latest/dev/large-records.html"""
    make_stream(kinesis)
    with pytest.raises(AwsError, match="1024 KiB"):
        put(kinesis, ("k", b"x"), ("k", bytes(MIB + 1)))
    assert read_all(kinesis) == []
    call(
        kinesis,
        "UpdateMaxRecordSize",
        StreamARN="arn:aws:kinesis:us-east-1:123456789012:stream/rows",
        MaxRecordSizeInKiB=2048,
    )
    assert put(kinesis, ("k", bytes(MIB + 1)))["FailedRecordCount"] == 0


@pytest.mark.parametrize("count", [0, 501])
def test_put_records_is_refused_when_it_has_not_1_to_500_records(kinesis: KinesisService, count: int) -> None:
    make_stream(kinesis)
    with pytest.raises(AwsError, match="1 to 500"):
        put(kinesis, *[("k", b"x")] * count)


def test_put_records_is_refused_when_it_holds_over_10_mib(kinesis: KinesisService) -> None:
    make_stream(kinesis, 20)
    with pytest.raises(AwsError, match="10 MiB"):
        put(kinesis, *[(str(i), bytes(MIB)) for i in range(10)])


@pytest.mark.parametrize("key", ["", "k" * 257])
def test_put_is_refused_when_the_partition_key_is_out_of_bounds(kinesis: KinesisService, key: str) -> None:
    make_stream(kinesis)
    with pytest.raises(AwsError, match="PartitionKey must have 1 to 256"):
        put(kinesis, (key, b"x"))


def test_fault_hook_fails_single_records_when_a_test_sets_it(kinesis: KinesisService) -> None:
    make_stream(kinesis)
    seen = []

    def fail_second(stream: str, key: str, data: bytes) -> tuple[str, str] | None:
        seen.append((stream, key, data))
        return ("InternalFailure", "Internal service failure.") if len(seen) == 2 else None

    kinesis.put_fault = fail_second
    answer = put(kinesis, ("a", b"1"), ("b", b"2"), ("c", b"3"))
    assert answer["FailedRecordCount"] == 1
    assert answer["Records"][1] == {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."}
    assert [record["Data"] for record in read_all(kinesis)] == [b"1", b"3"]
    assert seen[1] == ("rows", "b", b"2")


def test_sequence_number_for_ordering_is_refused_when_it_is_no_number_of_the_shard(kinesis: KinesisService) -> None:
    make_stream(kinesis)
    first = call(kinesis, "PutRecord", StreamName="rows", Data=b"1", PartitionKey="k")["SequenceNumber"]
    request = {"StreamName": "rows", "Data": b"2", "PartitionKey": "k"}
    second = call(kinesis, "PutRecord", **request, SequenceNumberForOrdering=first)["SequenceNumber"]
    assert second > first
    with pytest.raises(AwsError, match="SequenceNumberForOrdering"):
        call(kinesis, "PutRecord", **request, SequenceNumberForOrdering="12")
