"""boto3's Kinesis client against the gateway and the native service."""

import http.client
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from emulator.services.kinesis import KinesisService
from tests.emulator.gateway.conftest import MakeClient


def test_records_come_back_as_they_were_put_when_read_over_http(client: MakeClient) -> None:
    # GIVEN a stream
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="rows", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="rows")
    # WHEN bytes that are no text are put
    put = kinesis.put_records(StreamName="rows", Records=[{"Data": b"\x00\xff", "PartitionKey": "ключ"}])
    # THEN they can be read
    assert put["FailedRecordCount"] == 0
    shard = kinesis.list_shards(StreamName="rows")["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName="rows", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    (record,) = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert record["Data"] == b"\x00\xff"
    assert record["PartitionKey"] == "ключ"
    assert record["SequenceNumber"] == put["Records"][0]["SequenceNumber"]
    assert abs((record["ApproximateArrivalTimestamp"] - datetime.now(UTC)).total_seconds()) < 60


def test_partial_failure_is_told_per_record_when_some_fail(client: MakeClient, kinesis: KinesisService) -> None:
    aws = client("kinesis")
    aws.create_stream(StreamName="rows", ShardCount=1)
    kinesis.put_fault = lambda _stream, key, _data: (
        ("InternalFailure", "Internal service failure.") if key == "b" else None
    )
    answer = aws.put_records(StreamName="rows", Records=[{"Data": b"1", "PartitionKey": key} for key in "abc"])
    assert answer["FailedRecordCount"] == 1
    assert [record.get("ErrorCode") for record in answer["Records"]] == [None, "InternalFailure", None]


def test_missing_stream_raises_its_own_exception_class_when_boto3_knows_it(client: MakeClient) -> None:
    aws = client("kinesis")
    with pytest.raises(
        aws.exceptions.ResourceNotFoundException, match="Stream none under account 123456789012 not found"
    ):
        aws.put_record(StreamName="none", Data=b"1", PartitionKey="k")


def test_cbor_is_refused_by_name_when_a_client_sends_it(gateway_url: str) -> None:
    """boto3 and the AWS CLI send JSON: their model of Kinesis has no other protocol."""
    connection = http.client.HTTPConnection(urlsplit(gateway_url).netloc, timeout=30)
    headers = {"Content-Type": "application/x-amz-cbor-1.1", "X-Amz-Target": "Kinesis_20131202.ListStreams"}
    connection.request("POST", "/", b"\xa0", headers)
    answer = connection.getresponse()
    assert answer.status == 415
    assert b"AWS_CBOR_DISABLE=true" in answer.read()
    connection.close()
