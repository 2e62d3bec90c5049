"""The DynamoDB adapter: what it asks, and that nobody calls when it gets no answer."""

import json

import pytest
from express_batch.adapters import dynamodb_table
from express_batch.adapters.dynamodb_table import ATTEMPTS, DynamoDbTable
from express_batch.errors import LimitUnavailableError

from tests.fakes.aws_server import serve_aws


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "AKIDEXAMPLE"), ("SECRET_ACCESS_KEY", "secret"), ("REGION", "eu-west-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(dynamodb_table, "BASE_DELAY_SECONDS", 0.001)


def test_request_goes_out_as_the_protocol_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, b'{"Attributes": {"lane0": {"N": "7"}, "partner": {"S": "loyalty"}}}')) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)

        assert DynamoDbTable("limits").advance("loyalty", "lane0", 5, least=1, most=9) == (True, {"lane0": 7})

    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/")
    assert asked.headers["X-Amz-Target"] == "DynamoDB_20120810.UpdateItem"
    assert asked.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert "/eu-west-1/dynamodb/aws4_request" in asked.headers["Authorization"]
    document = json.loads(asked.body)
    assert (document["TableName"], document["Key"]) == ("limits", {"partner": {"S": "loyalty"}})


@pytest.mark.parametrize("name", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_throttled_request_is_sent_again(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    refusal = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{name}"}).encode()
    with serve_aws((400, refusal), (500, b""), (200, b'{"Item": {"lane0": {"N": "7"}}}')) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)

        assert DynamoDbTable("limits").read("loyalty") == {"lane0": 7}
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "body", "attempts"),
    [
        (400, b'{"__type": "x#ResourceNotFoundException"}', 1),
        (400, b'{"__type": "x#AccessDeniedException"}', 1),
        (503, b"<html>busy</html>", ATTEMPTS),
    ],
)
def test_refusal_is_unavailable_by_name(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, attempts: int
) -> None:
    with serve_aws((status, body)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)

        with pytest.raises(LimitUnavailableError, match="table limits answers GetItem with"):
            DynamoDbTable("limits").read("loyalty")
    assert len(server.asked) == attempts


def test_silence_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with pytest.raises(LimitUnavailableError, match="cannot be reached"):
        DynamoDbTable("limits").drop("loyalty", "held", "held a")
