"""What the gateway adds to a request on its way: hooks before the fallback, a service's share, the trace header."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from emulator.gateway import Gateway
from tests.emulator.gateway.loop_thread import LoopThread

HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


class ShareOfLogs:
    """Answers one operation."""

    answered_operations = frozenset({"FilterLogEvents"})

    async def call(self, _operation: str, _request: dict[str, Any]) -> dict[str, Any]:
        return {"events": [{"message": "here"}]}


class TracedFunctions:
    """Remembers the trace header."""

    def __init__(self) -> None:
        self.trace_header: str | None = None

    async def call(
        self, _operation: str, _request: dict[str, Any], *, trace_header: str | None = None
    ) -> dict[str, Any]:
        self.trace_header = trace_header
        return {"StatusCode": 200, "Payload": b"{}"}


class Bench:
    def __init__(self) -> None:
        self.functions = TracedFunctions()
        self.hooked = 0
        self.url = ""

    async def hook(self) -> None:
        self.hooked += 1

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload] # the name is a variable
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}),
        )


@pytest.fixture
def bench(loop_thread: LoopThread, moto_url: str) -> Iterator[Bench]:
    made = Bench()
    services: dict[str, Any] = {"logs": ShareOfLogs(), "lambda": made.functions}
    gateway = Gateway(services, moto_url, before_fallback={"logs": made.hook})
    made.url = loop_thread.run(gateway.start())
    yield made
    loop_thread.run(gateway.close())


def test_operation_is_passed_on_when_the_service_does_not_answer_it(bench: Bench) -> None:
    client = bench.client("logs")

    client.create_log_group(logGroupName="passed-on")
    client.put_retention_policy(logGroupName="passed-on", retentionInDays=7)

    (group,) = client.describe_log_groups(logGroupNamePrefix="passed-on")["logGroups"]
    assert group["retentionInDays"] == 7
    assert bench.hooked == 3
    assert client.filter_log_events(logGroupName="any")["events"] == [{"message": "here"}]
    assert bench.hooked == 3


def test_trace_header_reaches_the_service_when_the_request_has_one(bench: Bench) -> None:
    client = bench.client("lambda")
    client.meta.events.register(
        "before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", HEADER)
    )

    client.invoke(FunctionName="any")

    assert bench.functions.trace_header == HEADER
