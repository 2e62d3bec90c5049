"""What a function tells of itself."""

import io
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from express_batch.observability import Observer, observe_invocation


def make_logger(output: io.StringIO) -> Logger:
    logger = Logger(service="sync_users", stream=output, level="INFO")
    logger.append_keys(tenant_group="blue")
    return logger


def read_lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_log_line_is_a_constant_phrase_with_its_data_in_keys() -> None:
    output = io.StringIO()
    observer = observe_invocation(
        make_logger(output), SimpleNamespace(aws_request_id="request-1"), run_id="20261122T083000Z", chunk=3
    )

    observer.log("rows written", records=2, rows=40)
    observer.warn("stream record rejected", key="rejected/s/1.json")

    first, second = read_lines(output)
    assert {name: first[name] for name in ("message", "tenant_group", "run_id", "chunk", "records", "rows")} == {
        "message": "rows written",
        "tenant_group": "blue",
        "run_id": "20261122T083000Z",
        "chunk": 3,
        "records": 2,
        "rows": 40,
    }
    assert (first["level"], first["aws_request_id"]) == ("INFO", "request-1")
    assert (second["level"], second["key"]) == ("WARNING", "rejected/s/1.json")


@pytest.mark.parametrize("trace_header", [None, "Root=1-a-b;Parent=c;Sampled=0", "Root=1-a-b"])
def test_tracing_costs_no_import_when_the_invocation_is_not_sampled(trace_header: str | None) -> None:
    imported = "aws_xray_sdk.core" in sys.modules
    observer = Observer(make_logger(io.StringIO()), trace_header)

    with observer.span("send rows") as span:
        span.annotate(synced=3)

    assert ("aws_xray_sdk.core" in sys.modules) == imported
    assert observer.trace_header == trace_header


def test_trace_header_is_that_of_the_present_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda sets the variable anew for each invocation.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    logger, context = make_logger(io.StringIO()), SimpleNamespace(aws_request_id="request-1")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-a-b;Sampled=0")
    first = observe_invocation(logger, context)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-c-d;Sampled=0")

    assert (first.trace_header, observe_invocation(logger, context).trace_header) == (
        "Root=1-a-b;Sampled=0",
        "Root=1-c-d;Sampled=0",
    )
