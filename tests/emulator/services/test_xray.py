"""The X-Ray daemon and what is read back."""

import asyncio
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.services.xray import XRayService

TRACE = "1-5759e988-bd862e3fe1be46a994272793"
HEADER = b'{"format": "json", "version": 1}\n'


def trace_id(number: int) -> str:
    return f"1-5759e988-{number:024x}"


def make_segment(trace: str = TRACE, **more: Any) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "id": "53995c3f42cd8ad8",
        "name": "UserBatch",
        "start_time": 100.0,
        "end_time": 103.5,
        **more,
    }


def put(service: XRayService, *segments: dict[str, Any]) -> dict[str, Any]:
    documents = [json.dumps(segment) for segment in segments]
    return asyncio.run(service.call("PutTraceSegments", {"TraceSegmentDocuments": documents}))


def summaries(service: XRayService) -> list[dict[str, Any]]:
    times = {"StartTime": datetime.fromtimestamp(0, UTC), "EndTime": datetime.fromtimestamp(200, UTC)}
    found: list[dict[str, Any]] = asyncio.run(service.call("GetTraceSummaries", times))["TraceSummaries"]
    return found


def test_segment_is_read_back_when_it_came_by_udp() -> None:
    """Source: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html"""

    async def scenario() -> dict[str, Any]:
        service = XRayService(Identity())
        host, _, port = (await service.start()).partition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in (b"noise", HEADER + b"no trace", HEADER + json.dumps(make_segment()).encode()):
                sender.sendto(datagram, (host, int(port)))
        while service.counts.received == 0:
            await asyncio.sleep(0)
        assert service.counts.bad == 2
        answer = await service.call("BatchGetTraces", {"TraceIds": [TRACE, trace_id(1)]})
        await service.close()
        return answer

    answer = asyncio.run(asyncio.wait_for(scenario(), 30))
    (trace,) = answer["Traces"]
    assert trace["Duration"] == 3.5
    assert [json.loads(segment["Document"]) for segment in trace["Segments"]] == [make_segment()]
    assert answer["UnprocessedTraceIds"] == [trace_id(1)]


def test_burst_of_segments_is_received_whole_when_the_loop_is_busy() -> None:
    async def scenario() -> tuple[int, int]:
        service = XRayService(Identity())
        host, _, port = (await service.start()).partition(":")
        document = HEADER + json.dumps(make_segment()).encode()
        # While this sends, the loop cannot receive: the socket's buffer holds it all.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(300):
                sender.sendto(document, (host, int(port)))
        while service.counts.received < 300:
            await asyncio.sleep(0)
        await service.close()
        return service.counts.received, service.counts.bad

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == (300, 0)


def test_summary_tells_flags_and_annotations_when_they_stand_in_subsegments() -> None:
    """Source: https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html"""
    service = XRayService(Identity())
    inner = {"id": "a", "name": "call", "start_time": 101.0, "end_time": 104.0, "error": True, "throttle": True}
    outer = {
        "id": "b",
        "name": "slice",
        "start_time": 101.0,
        "subsegments": [inner],
        "annotations": {"run_id": "r1", "users": 3},
    }
    put(
        service,
        make_segment(subsegments=[outer]),
        make_segment(id="c", parent_id="b", start_time=103.0, end_time=105.0),
    )
    (summary,) = summaries(service)
    assert summary["Id"] == TRACE
    assert (summary["Duration"], summary["ResponseTime"]) == (5.0, 3.5)
    assert (summary["HasFault"], summary["HasError"], summary["HasThrottle"]) == (False, True, True)
    assert summary["Annotations"] == {
        "run_id": [{"AnnotationValue": {"StringValue": "r1"}}],
        "users": [{"AnnotationValue": {"NumberValue": 3.0}}],
    }


def test_summaries_leave_out_traces_when_they_began_outside_the_times() -> None:
    service = XRayService(Identity())
    put(service, make_segment(trace_id(1), start_time=300.0, end_time=301.0), make_segment(trace_id(2)))
    assert [summary["Id"] for summary in summaries(service)] == [trace_id(2)]


def test_oldest_traces_go_as_a_whole_when_there_are_too_many_documents() -> None:
    service = XRayService(Identity(), max_documents=4)
    put(service, *[make_segment(trace_id(number), id=f"{part}") for number in range(3) for part in range(2)])
    assert [summary["Id"] for summary in summaries(service)] == [trace_id(1), trace_id(2)]
    assert (service.counts.dropped_traces, service.counts.dropped_documents) == (1, 2)


def test_oldest_traces_go_when_the_documents_are_too_large() -> None:
    size = len(json.dumps(make_segment()))
    service = XRayService(Identity(), max_bytes=2 * size)
    put(service, *[make_segment(trace_id(number)) for number in range(5)])
    assert [summary["Id"] for summary in summaries(service)] == [trace_id(3), trace_id(4)]


def test_document_is_given_back_when_it_has_no_trace_id() -> None:
    service = XRayService(Identity())
    answer = put(service, {"id": "a"}, make_segment())
    assert len(answer["UnprocessedTraceSegments"]) == 1
    assert service.counts.received == 1


@pytest.mark.parametrize("operation", ["GetInsight", "CreateGroup"])
def test_operation_is_refused_by_name_when_it_is_not_emulated(operation: str) -> None:
    with pytest.raises(AwsError, match=f"xray:{operation} is not emulated"):
        asyncio.run(XRayService(Identity()).call(operation, {}))


def test_sampling_is_refused_by_name_when_given() -> None:
    times = {"StartTime": datetime.fromtimestamp(0, UTC), "EndTime": datetime.fromtimestamp(1, UTC)}
    with pytest.raises(AwsError, match="Sampling of summaries is not emulated"):
        asyncio.run(XRayService(Identity()).call("GetTraceSummaries", {**times, "Sampling": True}))


def test_trace_says_limit_exceeded_when_its_documents_pass_500_kilobytes() -> None:
    """Source: https://docs.aws.amazon.com/general/latest/gr/xray.html"""
    service = XRayService(Identity())
    put(service, *(make_segment(id=f"{number:016x}", metadata={"x": "y" * 60_000}) for number in range(9)))
    put(service, make_segment(trace_id(1)))

    answer = asyncio.run(service.call("BatchGetTraces", {"TraceIds": [TRACE, trace_id(1)]}))

    assert [trace["LimitExceeded"] for trace in answer["Traces"]] == [True, False]
    assert len(answer["Traces"][0]["Segments"]) == 9


@pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="the system does not tell")
def test_datagrams_are_counted_as_lost_when_the_buffer_is_full() -> None:
    async def scenario() -> int:
        service = XRayService(Identity())
        host, _, port = (await service.start()).partition(":")
        datagram = HEADER + json.dumps(make_segment(metadata="x" * 60_000)).encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(2_000):  # 120 MB, which no buffer here holds
                sender.sendto(datagram, (host, int(port)))
        lost = service.counts.lost_datagrams
        await service.close()
        return lost

    assert asyncio.run(scenario()) > 0
