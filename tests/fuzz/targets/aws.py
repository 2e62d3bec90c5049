"""What AWS answers the functions: it is trusted, and what it lists or echoes may have been written by others."""

import time
from collections.abc import Mapping
from unittest.mock import patch

from botocore.exceptions import ClientError
from express_batch.adapters import dynamodb_table, kinesis_requests, s3_requests
from express_batch.adapters.aws_requests import AwsAnswer
from express_batch.adapters.dynamodb_table import DynamoDbTable
from express_batch.adapters.kinesis_stream import KinesisStream
from express_batch.adapters.s3_store import S3Store
from express_batch.errors import BatchError, LimitUnavailableError, StreamUnavailableError
from express_batch.partner_limit import PartnerLimit
from express_batch.partner_permits import PartnerPermits, Steps
from express_batch.ports import StreamEntry

from tests.fuzz.target import Target

ENVIRONMENT = {"AWS_REGION": "us-east-1"}
NOW = 1_795_000_000_000_000  # microseconds


class Answering:
    """AwsRequests that has an answer to everything."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = AwsAnswer(status, body, {})

    def send(
        self, _method: str, _url: str, _body: bytes, _headers: Mapping[str, str], _max_bytes: int = 0
    ) -> AwsAnswer:
        """The answer."""
        return self._answer


def _put_records(data: bytes) -> None:
    status, _, body = data.partition(b" ")
    answering = Answering(int(status) if status in (b"200", b"400", b"500") else 200, body)
    with (
        patch.dict("os.environ", ENVIRONMENT),
        patch.object(kinesis_requests, "AwsRequests", lambda _service: answering),
    ):
        entries = [StreamEntry("0-0", b"one"), StreamEntry("0-1", b"two")]
        KinesisStream("rows").put_records(entries, deadline=time.monotonic())


def _ask_limit_table(data: bytes) -> None:
    """The item of a partner, in whatever answer: slots are taken, and the clock is looked at and slowed down."""
    status, _, body = data.partition(b" ")
    answering = Answering(int(status) if status in (b"200", b"400") else 200, body)
    with (
        patch.dict("os.environ", ENVIRONMENT),
        patch.object(dynamodb_table, "AwsRequests", lambda _service: answering),
        patch.object(dynamodb_table, "BASE_DELAY_SECONDS", 0.0),
    ):
        limit = PartnerLimit(DynamoDbTable("limits"), "loyalty", 500, lambda: NOW)
        limit.look()
        limit.tell_throttled(NOW, 0)
        limit.take_more(3, until=NOW + 10**7)
        permits = PartnerPermits(DynamoDbTable("limits"), "loyalty", 800, now=lambda: NOW / 10**6)
        held = permits.open("request-1", until=NOW / 10**6)
        held.take(50, Steps(50, 2))
        held.can_take()
        held.give_back(3)
        held.close()


def _list_keys(data: bytes) -> list[str]:
    answering = Answering(200, data)
    with (
        patch.dict("os.environ", ENVIRONMENT),
        patch.object(s3_requests, "AwsRequests", lambda *_: answering),
    ):
        keys = S3Store("bucket").list_keys("runs/1/failures/")
        return [key for key, _ in zip(keys, range(5_000), strict=False)]


def _read_object(data: bytes) -> bytes | None:
    answering = Answering(404, data)
    with (
        patch.dict("os.environ", ENVIRONMENT),
        patch.object(s3_requests, "AwsRequests", lambda *_: answering),
        patch.object(s3_requests, "BASE_DELAY_SECONDS", 0.0),
    ):
        return S3Store("bucket").get("runs/1/started.json")


_LIST = (
    b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Contents><Key>runs/1/failures/a.json</Key></Contents><Contents><Key>runs/1/failures/&amp;.json</Key></Contents>"
    b"</ListBucketResult>"
)

TARGETS = (
    Target(
        "answer-of-put-records",
        _put_records,
        (
            b'200 {"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"},{"SequenceNumber":"2"}]}',
            b'200 {"FailedRecordCount":1,"Records":[{"SequenceNumber":"1"},{"ErrorCode":"InternalFailure"}]}',
            b'400 {"__type":"com.amazonaws.kinesis#ProvisionedThroughputExceededException","message":"slow down"}',
            b'400 {"__type":"ResourceNotFoundException","Message":"no stream"}',
        ),
        (StreamUnavailableError, ClientError),
        (
            "express_batch.adapters.aws_requests:read_document",
            "express_batch.adapters.kinesis_stream:KinesisStream._put_once",
        ),
    ),
    Target(
        "answer-of-the-limit-table",
        _ask_limit_table,
        (
            b'200 {"Item":{"partner":{"S":"loyalty"},"lane0":{"N":"1795000000000000"},"repeats":{"N":"1795000000"},'
            b'"clock_at":{"N":"1794999990000000"},"clock_value":{"N":"1794999990000000"},"clock_share":{"N":"700"},'
            b'"clock_share_before":{"N":"0"},"clock_settled_at":{"N":"1794999991000000"},"clock_changes":{"N":"3"}}}',
            b'200 {"Attributes":{"lane0":{"N":"1795000000000000"}}}',
            b'200 {"Attributes":{"held":{"N":"60"},"held request-1 1795000061":{"N":"50"},"held dead 17":{"N":"10"}}}',
            b'400 {"__type":"com.amazonaws.dynamodb#ConditionalCheckFailedException","Item":{"changes":{"N":"1"}}}',
        ),
        (LimitUnavailableError,),
        ("express_batch.adapters.aws_requests:read_document",),
    ),
    Target(
        "list-of-objects",
        _list_keys,
        (_LIST, _LIST.replace(b"&amp;", b"&#233;")),
        (BatchError,),
        ("express_batch.adapters.s3_store:_parse_page",),
    ),
    Target(
        "error-of-s3",
        _read_object,
        (b"<Error><Code>NoSuchKey</Code></Error>", b""),
        (BatchError,),
        ("express_batch.adapters.s3_requests:_read_code",),
        lambda body: None,
    ),
)
