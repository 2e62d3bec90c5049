"""Graphs and filters over traces.

Sources: https://docs.aws.amazon.com/xray/latest/api/API_GetServiceGraph.html
https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.services.xray import XRayService

TIMES = {"StartTime": datetime.fromtimestamp(0, UTC), "EndTime": datetime.fromtimestamp(1000, UTC)}
MACHINE, LAMBDA, FUNCTION = "AWS::StepFunctions::StateMachine", "AWS::Lambda", "AWS::Lambda::Function"


def trace_id(number: int) -> str:
    return f"1-5759e988-{number:024x}"


def make_part(identifier: str, name: str, end: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"id": identifier, "name": name, "start_time": 0.0, "end_time": end, **more}


def make_run(number: int, **function: Any) -> list[dict[str, Any]]:
    """A run as the emulator records one: the machine, a state with its call, Lambda's two segments, a call of S3."""
    trace: dict[str, Any] = {"trace_id": trace_id(number)}
    s3 = make_part("e" * 16, "S3", 0.25, namespace="aws")
    return [
        make_part("a" * 16, "UserBatch", 4.0, origin=MACHINE, **trace),
        make_part(
            "b" * 16, "SyncUsers", parent_id="a" * 16, type="subsegment", **trace,
            subsegments=[make_part("c" * 16, "Lambda", namespace="aws")],
        ),
        make_part("d" * 16, "sync", 2.0, origin=LAMBDA, parent_id="c" * 16, **trace),
        make_part("f" * 16, "sync", 2.0, origin=FUNCTION, parent_id="d" * 16, **trace, **function),
        # The SDK sends what it has finished before the segment ends.
        make_part("0" * 16, "slice", parent_id="f" * 16, type="subsegment", subsegments=[s3], **trace),
    ]  # fmt: skip


def make_service(*runs: list[dict[str, Any]]) -> XRayService:
    service = XRayService(Identity())
    for document in (document for run in runs for document in run):
        service.add(json.dumps(document).encode())
    return service


def call(service: XRayService, operation: str, **request: Any) -> dict[str, Any]:
    return asyncio.run(service.call(operation, request))


def find(services: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (service for service in services if service["Type"] == kind)
    return found


def test_graph_leads_from_the_client_through_machine_and_functions_to_what_they_call() -> None:
    services = call(make_service(make_run(1), make_run(2)), "GetServiceGraph", **TIMES)["Services"]

    kinds = {service["ReferenceId"]: service["Type"] for service in services}
    edges = {(service["Type"], kinds[edge["ReferenceId"]]) for service in services for edge in service["Edges"]}
    assert edges == {("client", MACHINE), (MACHINE, LAMBDA), (LAMBDA, FUNCTION), (FUNCTION, "AWS::S3")}
    machine = find(services, MACHINE)
    assert (machine["Name"], machine["Root"], machine["State"]) == ("UserBatch", True, "active")
    assert machine["SummaryStatistics"]["TotalCount"] == 2
    assert machine["SummaryStatistics"]["TotalResponseTime"] == 8.0
    (edge,) = machine["Edges"]
    assert edge["SummaryStatistics"]["OkCount"] == 2
    assert edge["ResponseTimeHistogram"] == [{"Value": 2.0, "Count": 2}]
    assert find(services, "AWS::S3")["SummaryStatistics"]["TotalResponseTime"] == 0.5


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"fault": True}, (0, 0, 0, 1)),
        ({"error": True}, (0, 0, 1, 0)),
        ({"error": True, "throttle": True}, (0, 1, 0, 0)),
        ({}, (1, 0, 0, 0)),
    ],
)
def test_statistics_tell_faults_errors_and_throttles_apart(
    flags: dict[str, bool], expected: tuple[int, int, int, int]
) -> None:
    services = call(make_service(make_run(1, **flags)), "GetTraceGraph", TraceIds=[trace_id(1)])["Services"]

    counts = find(services, FUNCTION)["SummaryStatistics"]
    errors = counts["ErrorStatistics"]
    found = counts["OkCount"], errors["ThrottleCount"], errors["OtherCount"], counts["FaultStatistics"]["TotalCount"]
    assert found == expected
    assert counts["TotalCount"] == 1


def test_trace_graph_holds_only_the_traces_asked_for() -> None:
    services = call(make_service(make_run(1), make_run(2)), "GetTraceGraph", TraceIds=[trace_id(2)])["Services"]
    assert find(services, MACHINE)["SummaryStatistics"]["TotalCount"] == 1


def test_graph_holds_only_traces_that_began_within_the_times() -> None:
    late = {"StartTime": datetime.fromtimestamp(1, UTC), "EndTime": datetime.fromtimestamp(2, UTC)}
    assert call(make_service(make_run(1)), "GetServiceGraph", **late)["Services"] == []


def test_group_is_refused_by_name() -> None:
    with pytest.raises(AwsError, match="Groups of traces are not emulated"):
        call(make_service(), "GetServiceGraph", GroupName="g", **TIMES)


def test_graph_ends_when_subsegments_name_each_other_as_parents() -> None:
    broken = [
        make_part("1" * 16, "x", parent_id="2" * 16, type="subsegment", trace_id=trace_id(1), namespace="aws"),
        make_part("2" * 16, "y", parent_id="1" * 16, type="subsegment", trace_id=trace_id(1), namespace="aws"),
    ]
    assert call(make_service(broken), "GetTraceGraph", TraceIds=[trace_id(1)])["Services"] == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('annotation.run_id = "r1"', [1]),
        ('annotation[run_id] = "r1"', [1]),
        ('annotation.run_id != "r1"', [2]),
        ("annotation.users > 10", [2]),
        ("annotation.users <= 10 AND annotation.dry = true", [1]),
        ('service("UserBatch")', [1, 2]),
        ('service("S3") AND annotation.run_id = "r2"', [2]),
        ('service("Nobody")', []),
        ("fault", [2]),
        ('fault and annotation.run_id = "r1"', []),
        ("duration >= 4", [1, 2]),
        ("responsetime < 1.5", []),
        ('annotation.users = "10"', []),
    ],
)
def test_summaries_are_those_that_the_expression_asks_for(expression: str, expected: list[int]) -> None:
    service = make_service(
        make_run(1, annotations={"run_id": "r1", "users": 10, "dry": True}),
        make_run(2, annotations={"run_id": "r2", "users": 250, "dry": False}, fault=True),
    )

    found = call(service, "GetTraceSummaries", FilterExpression=expression, **TIMES)["TraceSummaries"]

    assert [summary["Id"] for summary in found] == [trace_id(number) for number in expected]


@pytest.mark.parametrize(
    "expression",
    [
        'service(id(name: "x"))', 'edge("a", "b")', 'http.url = "x"', 'annotation.a = "b" OR fault', "!fault",
        "fault = true", "annotation.a", 'annotation.a BEGINSWITH "b"', "annotation.a = 1.2.3", "AND",
    ],
)  # fmt: skip
def test_expression_is_refused_by_name_when_it_is_not_emulated(expression: str) -> None:
    with pytest.raises(AwsError, match="FilterExpression is not emulated from") as refused:
        call(make_service(), "GetTraceSummaries", FilterExpression=expression, **TIMES)
    assert refused.value.code == "InvalidRequestException"
