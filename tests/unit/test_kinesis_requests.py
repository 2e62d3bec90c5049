"""PutRecords over HTTP: what goes out, and what comes back in boto3's shape."""

import base64
import json

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from express_batch.adapters.kinesis_requests import KinesisRequests
from express_batch.errors import SettingsError

from tests.fakes.aws_server import serve_aws

RECORDS = [{"Data": b"\x00\xff", "PartitionKey": "0-0"}]


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "AKIDEXAMPLE"), ("SECRET_ACCESS_KEY", "secret"), ("REGION", "eu-west-1")):
        monkeypatch.setenv(f"AWS_{name}", value)


def test_records_go_out_as_the_protocol_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1", "ShardId": "s"}]}
    with serve_aws((200, json.dumps(answer).encode())) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", server.url)

        assert KinesisRequests().put_records(StreamName="rows", Records=RECORDS) == answer

    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/")
    assert asked.headers["X-Amz-Target"] == "Kinesis_20131202.PutRecords"
    assert "/eu-west-1/kinesis/aws4_request" in asked.headers["Authorization"]
    document = json.loads(asked.body)
    assert (document["StreamName"], document["Records"][0]["PartitionKey"]) == ("rows", "0-0")
    assert base64.b64decode(document["Records"][0]["Data"]) == b"\x00\xff"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"__type": "ResourceNotFoundException", "message": "no stream"}', "ResourceNotFoundException"),
        (400, b'{"__type": "com.amazon#ValidationException", "Message": "m"}', "ValidationException"),
        (503, b"<html>busy</html>", "503"),
    ],
)
def test_refusal_is_a_client_error_with_kinesis_own_code(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, code: str
) -> None:
    with serve_aws((status, body)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(ClientError) as refused:
            KinesisRequests().put_records(StreamName="rows", Records=RECORDS)

    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_silence_is_a_botocore_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with pytest.raises(BotoCoreError):
        KinesisRequests().put_records(StreamName="rows", Records=RECORDS)


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_ACCESS_KEY_ID"])
def test_missing_account_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)

    with pytest.raises(SettingsError, match="AWS"):
        KinesisRequests().put_records(StreamName="rows", Records=RECORDS)
