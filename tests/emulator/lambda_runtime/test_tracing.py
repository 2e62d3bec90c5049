"""The trace header and the segments that Lambda itself sends.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
"""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.lambda_runtime.tracing import Sampler, begin_trace, parse_trace_header
from tests.emulator.lambda_runtime.harness import create_function, invoke, running_service

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
UPSTREAM = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
TELL = "import os\ndef handler(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')\n"


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        yield receiver


def receive_segments(daemon: socket.socket) -> list[dict[str, Any]]:
    segments: list[dict[str, Any]] = []
    while True:
        try:
            preamble, document = daemon.recv(65536).split(b"\n", 1)
        except BlockingIOError:
            return segments
        assert json.loads(preamble) == {"format": "json", "version": 1}
        segments.append(json.loads(document))


def test_invocation_continues_the_trace_when_header_says_sampled(
    runtime_dir: Path, tmp_path: Path, daemon: socket.socket
) -> None:
    async def scenario() -> None:
        address = f"127.0.0.1:{daemon.getsockname()[1]}"
        async with running_service(runtime_dir, tmp_path, xray_daemon_address=address) as service:
            # GIVEN a function without tracing of its own
            await create_function(service, TELL)
            # WHEN a traced caller invokes it
            result = await invoke(service, trace_header=UPSTREAM)
            # THEN Lambda sends its two segments, the first a child of the caller's
            service_segment, function_segment = receive_segments(daemon)
            assert service_segment["origin"] == "AWS::Lambda"
            assert function_segment["origin"] == "AWS::Lambda::Function"
            assert (service_segment["trace_id"], function_segment["trace_id"]) == (ROOT, ROOT)
            assert service_segment["parent_id"] == "53995c3f42cd8ad8"
            assert function_segment["parent_id"] == service_segment["id"]
            assert [part["name"] for part in function_segment["subsegments"]] == ["Initialization"]
            assert function_segment["start_time"] <= function_segment["end_time"]
            assert function_segment["aws"]["request_id"] == result.request_id
            # AND the handler's own are children of the second
            assert json.loads(result.payload) == f"Root={ROOT};Parent={function_segment['id']};Sampled=1"
            report = service.log_of("sync_users").messages()[-1]
            assert f"XRAY TraceId: {ROOT}\tSegmentId: {function_segment['id']}\tSampled: true" in report

    asyncio.run(scenario())


def test_invocation_is_not_traced_when_no_header_comes(
    runtime_dir: Path, tmp_path: Path, daemon: socket.socket
) -> None:
    async def scenario() -> None:
        address = f"127.0.0.1:{daemon.getsockname()[1]}"
        async with running_service(runtime_dir, tmp_path, xray_daemon_address=address) as service:
            await create_function(service, TELL)
            assert (await invoke(service)).payload == b"null"
            unsampled = json.loads((await invoke(service, trace_header=f"Root={ROOT};Sampled=0")).payload)
            assert unsampled.endswith("Sampled=0")
            assert receive_segments(daemon) == []

    asyncio.run(scenario())


def test_invocation_begins_a_trace_when_tracing_is_active(
    runtime_dir: Path, tmp_path: Path, daemon: socket.socket
) -> None:
    async def scenario() -> None:
        address = f"127.0.0.1:{daemon.getsockname()[1]}"
        async with running_service(runtime_dir, tmp_path, xray_daemon_address=address) as service:
            code = "def handler(event, context):\n    raise ValueError\n"
            await create_function(service, code, TracingConfig={"Mode": "Active"})
            await invoke(service)
            service_segment, function_segment = receive_segments(daemon)
            assert "parent_id" not in service_segment
            assert (service_segment["fault"], function_segment["fault"]) == (True, True)

    asyncio.run(scenario())


def test_sampler_takes_the_first_of_each_second() -> None:
    sampler = Sampler()
    decisions = [sampler.decide(second + part / 1000) for second in range(100, 110) for part in range(100)]
    assert all(decisions[::100])
    assert sum(decisions) < 200


@pytest.mark.parametrize(("active", "expected"), [(True, True), (False, False)])
def test_begin_trace_decides_by_mode_when_header_leaves_it_open(active: bool, expected: bool) -> None:
    trace = begin_trace(f"Root={ROOT};Sampled=?", active=active, sampler=Sampler(), now=100.0)
    assert trace is not None
    assert trace.sampled is expected


def test_parse_trace_header_ignores_what_it_does_not_know() -> None:
    header = parse_trace_header(f"Self=1-2-3; Root={ROOT};Lineage=a:1;Parent=53995c3f42cd8ad8;Sampled=1")
    assert header is not None
    assert header.encode() == UPSTREAM
    assert parse_trace_header("Parent=53995c3f42cd8ad8") is None
