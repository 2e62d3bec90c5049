"""What AWS answers the functions: it is trusted, and what it lists or echoes may have been written by others."""

import time
from collections.abc import Mapping
from unittest.mock import patch

from botocore.exceptions import ClientError
from express_batch.adapters import kinesis_requests, s3_requests
from express_batch.adapters.aws_requests import AwsAnswer
from express_batch.adapters.kinesis_stream import KinesisStream
from express_batch.adapters.s3_store import S3Store
from express_batch.errors import BatchError, StreamUnavailableError
from express_batch.ports import StreamEntry

from tests.fuzz.target import Target

ENVIRONMENT = {"AWS_REGION": "us-east-1"}


class Answering:
    """AwsRequests that has an answer to everything."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = AwsAnswer(status, body, {})

    def send(self, _method: str, _url: str, _body: bytes, _headers: Mapping[str, str]) -> AwsAnswer:
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
            "express_batch.adapters.kinesis_requests:_read_document",
            "express_batch.adapters.kinesis_stream:KinesisStream._put_once",
        ),
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
