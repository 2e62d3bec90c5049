"""The segment documents of an execution.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

import json
from typing import Any

import pytest

from emulator.errors import AwsError
from tests.emulator.step_functions.doubles import (
    FakeLambda,
    FakeSdk,
    FunctionError,
    create_machine,
    invoke,
    jsonata,
    make_service,
    sleeping,
)
from tests.fakes.virtual_time import run_virtual

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
UPSTREAM = "53995c3f42cd8ad8"
MAP = {
    "Type": "Map",
    "Items": [1, 2, 3],
    "MaxConcurrency": 2,
    "ItemProcessor": {"StartAt": "Each", "States": {"Each": invoke("f")}},
    "End": True,
}


class Traced:
    """The documents that an execution sent, and the headers that functions got."""

    def __init__(
        self, definition: dict[str, Any], function: Any, *, header: str | None = None, enabled: bool = True
    ) -> None:
        sent: list[bytes] = []
        self.functions = FakeLambda({"f": function})

        async def scenario() -> None:
            sdk = FakeSdk({("s3", "GetObject"): lambda _: {}})
            service = make_service(self.functions, sdk, send_segment=sent.append)
            arn = await create_machine(service, definition, tracingConfiguration={"enabled": enabled})
            await (await service.start(arn, trace_header=header)).wait()
            await service.close()

        run_virtual(scenario())
        self.sizes = [len(document) for document in sent]
        self.documents: list[dict[str, Any]] = [json.loads(document) for document in sent]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [document for document in self.documents if document["name"] == name]

    @property
    def segment(self) -> dict[str, Any]:
        (found,) = (document for document in self.documents if "type" not in document)
        return found

    def parents(self) -> list[str]:
        headers = (call.trace_header or "" for call in self.functions.calls)
        return [dict(part.split("=") for part in header.split(";"))["Parent"] for header in headers]


def fail(_payload: Any) -> None:
    raise FunctionError("BrokenError")


def test_execution_sends_a_segment_under_its_caller() -> None:
    traced = Traced(
        jsonata("A", A=invoke("f")), sleeping(2), header=f"Root={ROOT};Parent={UPSTREAM};Sampled=1", enabled=False
    )

    segment = traced.segment
    assert (segment["trace_id"], segment["parent_id"]) == (ROOT, UPSTREAM)
    assert (segment["name"], segment["origin"]) == ("Machine", "AWS::StepFunctions::StateMachine")
    assert segment["resource_arn"].endswith(":stateMachine:Machine")
    assert ":express:Machine:" in segment["aws"]["execution_arn"]
    assert segment["end_time"] - segment["start_time"] == 2
    assert "fault" not in segment


def test_state_is_a_subsegment_and_the_function_continues_from_its_call() -> None:
    traced = Traced(jsonata("A", A=invoke("f", Next="B"), B={"Type": "Pass", "End": True}), sleeping(2))

    (task,), (passed,) = traced.named("A"), traced.named("B")
    assert {task["type"], passed["type"]} == {"subsegment"}
    assert {task["parent_id"], passed["parent_id"]} == {traced.segment["id"]}
    (call,) = task["subsegments"]
    assert (call["name"], call["namespace"], call["aws"]) == ("Lambda", "aws", {"operation": "Invoke"})
    assert traced.parents() == [call["id"]]
    assert "subsegments" not in passed


def test_states_of_iterations_are_subsegments_of_the_map() -> None:
    traced = Traced(jsonata("M", M=MAP), lambda payload: payload)

    (outer,) = traced.named("M")
    inner = traced.named("Each")
    assert [document["parent_id"] for document in inner] == [outer["id"]] * 3
    assert sorted(traced.parents()) == sorted(document["subsegments"][0]["id"] for document in inner)
    assert len({document["id"] for document in traced.documents}) == len(traced.documents) == 5


def test_state_takes_at_most_half_a_kilobyte() -> None:
    assert max(Traced(jsonata("M", M=MAP), lambda payload: payload).sizes) <= 512


def test_every_attempt_is_a_call_of_its_own_when_a_state_is_retried() -> None:
    retry = [{"ErrorEquals": ["BrokenError"], "MaxAttempts": 2, "IntervalSeconds": 1}]
    traced = Traced(jsonata("A", A=invoke("f", Retry=retry)), fail)

    (task,) = traced.named("A")
    assert [call["fault"] for call in task["subsegments"]] == [True] * 3
    assert traced.parents() == [call["id"] for call in task["subsegments"]]
    assert task["cause"]["exceptions"][0]["type"] == "BrokenError"
    assert traced.segment["fault"] is True


def test_document_stays_small_when_a_state_is_retried_for_long() -> None:
    retry = [{"ErrorEquals": ["BrokenError"], "MaxAttempts": 250, "IntervalSeconds": 1, "BackoffRate": 1}]
    traced = Traced(jsonata("A", A=invoke("f", Retry=retry)), fail)

    assert max(traced.sizes) < 64 * 1024


def test_call_is_throttled_when_the_function_has_no_concurrency_left() -> None:
    def throttle(_payload: Any) -> None:
        raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)

    (task,) = Traced(jsonata("A", A=invoke("f")), throttle).named("A")

    (call,) = task["subsegments"]
    assert (call["error"], call["throttle"], "fault" in call) == (True, True, False)


def test_call_of_an_api_has_its_service_and_operation() -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "End": True}
    traced = Traced(jsonata("A", A={**state, "Arguments": {"Bucket": "b", "Key": "k"}}), None)

    ((call,),) = [document["subsegments"] for document in traced.named("A")]
    assert (call["name"], call["aws"]) == ("S3", {"operation": "GetObject"})


@pytest.mark.parametrize(
    ("header", "enabled"), [(None, False), (f"Root={ROOT};Sampled=0", True), (f"Root={ROOT};Sampled=0", False)]
)
def test_nothing_is_sent_when_the_execution_is_not_sampled(header: str | None, *, enabled: bool) -> None:
    assert Traced(jsonata("A", A=invoke("f")), lambda payload: payload, header=header, enabled=enabled).documents == []
