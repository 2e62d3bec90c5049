"""Streams: made, shown, tagged, deleted; and what is refused by name."""

import pytest

from emulator.errors import AwsError
from emulator.services.kinesis import KinesisService
from tests.emulator.services.kinesis_calls import call, make_stream

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/rows"


def test_stream_is_described_when_it_was_made(kinesis: KinesisService) -> None:
    assert make_stream(kinesis, 2, Tags={"team": "a"}) == ARN
    stream = call(kinesis, "DescribeStream", StreamARN=ARN)["StreamDescription"]
    assert stream["StreamStatus"] == "ACTIVE"
    assert stream["RetentionPeriodHours"] == 24
    assert [shard["ShardId"] for shard in stream["Shards"]] == ["shardId-000000000000", "shardId-000000000001"]
    summary = call(kinesis, "DescribeStreamSummary", StreamName="rows")["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2
    assert call(kinesis, "ListTagsForStream", StreamName="rows")["Tags"] == [{"Key": "team", "Value": "a"}]


def test_stream_has_four_shards_when_it_is_on_demand(kinesis: KinesisService) -> None:
    call(kinesis, "CreateStream", StreamName="rows", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert len(call(kinesis, "ListShards", StreamName="rows")["Shards"]) == 4


def test_shards_and_streams_come_in_pages_when_limited(kinesis: KinesisService) -> None:
    make_stream(kinesis, 3)
    make_stream(kinesis, 1, name="other")
    first = call(kinesis, "ListShards", StreamName="rows", MaxResults=2)
    second = call(kinesis, "ListShards", NextToken=first["NextToken"])
    assert [shard["ShardId"][-1] for shard in first["Shards"] + second["Shards"]] == ["0", "1", "2"]
    assert "NextToken" not in second
    page = call(kinesis, "ListStreams", Limit=1)
    assert (page["StreamNames"], page["HasMoreStreams"]) == (["other"], True)
    assert call(kinesis, "ListStreams", NextToken=page["NextToken"])["StreamNames"] == ["rows"]


def test_encryption_is_recorded_when_started(kinesis: KinesisService) -> None:
    make_stream(kinesis)
    call(kinesis, "StartStreamEncryption", StreamName="rows", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    summary = call(kinesis, "DescribeStreamSummary", StreamName="rows")["StreamDescriptionSummary"]
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")


def test_name_is_free_again_when_the_stream_was_deleted(kinesis: KinesisService) -> None:
    make_stream(kinesis)
    with pytest.raises(AwsError, match="ResourceInUseException"):
        make_stream(kinesis)
    call(kinesis, "DeleteStream", StreamName="rows")
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        call(kinesis, "DescribeStreamSummary", StreamName="rows")
    make_stream(kinesis)


@pytest.mark.parametrize(
    "operation",
    ["RegisterStreamConsumer", "SubscribeToShard", "SplitShard", "MergeShards", "UpdateShardCount", "UpdateStreamMode"],
)
def test_operation_is_refused_by_name_when_it_is_not_emulated(kinesis: KinesisService, operation: str) -> None:
    with pytest.raises(AwsError, match=f"kinesis:{operation} is not emulated"):
        call(kinesis, operation)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"StreamName": "a b", "ShardCount": 1}, "must match"),
        ({"StreamName": "rows", "ShardCount": 0}, "ShardCount 0"),
        ({"StreamName": "rows"}, "ShardCount None"),
        ({"StreamName": "rows", "ShardCount": 1, "WarmThroughputMiBps": 5}, "WarmThroughputMiBps is not emulated"),
        (
            {"StreamName": "rows", "ShardCount": 1, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
            "must not be given",
        ),
    ],
)
def test_create_stream_names_the_fault_when_a_parameter_is_wrong(
    kinesis: KinesisService, request_: dict[str, object], message: str
) -> None:
    with pytest.raises(AwsError, match=message):
        call(kinesis, "CreateStream", **request_)


@pytest.mark.parametrize("given", [{}, {"StreamName": "x", "StreamARN": ARN}, {"StreamName": "rows", "DryRun": True}])
def test_put_is_refused_when_it_does_not_name_one_stream(kinesis: KinesisService, given: dict[str, object]) -> None:
    make_stream(kinesis)
    with pytest.raises(AwsError) as caught:
        call(kinesis, "PutRecord", Data=b"x", PartitionKey="k", **given)
    assert caught.value.code == "InvalidArgumentException"
