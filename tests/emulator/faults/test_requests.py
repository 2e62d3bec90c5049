"""Faults at the gateway, as boto3 meets them."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from emulator.faults import AnswerError, Delay, Fault, FaultPlan, LoseAnswer, Scope
from emulator.faults.requests import find_operation
from emulator.gateway import Gateway
from tests.emulator.gateway.fakes import FakeService
from tests.emulator.gateway.loop_thread import LoopThread

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture
def plan() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
def kinesis() -> FakeService:
    return FakeService({"ListStreams": {"StreamNames": ["rows"], "HasMoreStreams": False}})


@pytest.fixture
def url(loop_thread: LoopThread, plan: FaultPlan, kinesis: FakeService) -> Iterator[str]:
    gateway = Gateway({"kinesis": kinesis}, NOBODY, faults=plan)
    yield loop_thread.run(gateway.start())
    loop_thread.run(gateway.close())


def make_client(url: str, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload] # the name is a variable
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_request_is_answered_by_the_error_and_not_carried_out(url: str, plan: FaultPlan, kinesis: FakeService) -> None:
    plan.arm(Fault("error", AnswerError(500, "InternalFailure"), Scope("kinesis", "ListStreams")))
    client = make_client(url, "kinesis")

    with pytest.raises(ClientError) as caught:
        client.list_streams()

    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert kinesis.requests == []
    assert client.list_streams()["StreamNames"] == ["rows"]
    client.close()


def test_s3_is_answered_in_xml(url: str, plan: FaultPlan) -> None:
    plan.arm(Fault("error", AnswerError(503, "SlowDown"), Scope("s3", "PutObject")))
    client = make_client(url, "s3")

    with pytest.raises(ClientError) as caught:
        client.put_object(Bucket="b", Key="k", Body=b"x" * 100_000)

    assert caught.value.response["Error"]["Code"] == "SlowDown"
    client.close()


def test_request_is_carried_out_and_its_answer_lost(url: str, plan: FaultPlan, kinesis: FakeService) -> None:
    plan.arm(Fault("lost", LoseAnswer(), Scope("kinesis")))
    client = make_client(url, "kinesis")

    with pytest.raises(ConnectionClosedError):
        client.list_streams()

    assert [operation for operation, _ in kinesis.requests] == ["ListStreams"]
    client.close()


def test_request_waits_for_as_long_as_the_delay(
    url: str, plan: FaultPlan, kinesis: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("emulator.faults.requests.asyncio", type("Stub", (), {"sleep": staticmethod(note)}))
    plan.arm(Fault("slow", Delay(7.5), Scope("kinesis")))
    client = make_client(url, "kinesis")

    client.list_streams()

    assert waits == [7.5]
    client.close()


@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "operation"),
    [
        ("kinesis", "POST", "/", {"X-Amz-Target": "Kinesis_20131202.PutRecords"}, "PutRecords"),
        ("s3", "GET", "/bucket/key", {}, "GetObject"),
        ("s3", "GET", "/bucket?list-type=2&prefix=runs", {}, "ListObjectsV2"),
        ("s3", "PUT", "/bucket/key", {}, "PutObject"),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", {}, "POST"),
    ],
)
def test_find_operation(service: str, method: str, path: str, headers: dict[str, str], operation: str) -> None:
    assert find_operation(service, method, path, headers) == operation
