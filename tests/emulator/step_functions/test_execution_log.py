"""What a state machine writes to its log group.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

import json
from typing import Any

import pytest

from tests.emulator.step_functions.doubles import (
    EPOCH_SECONDS,
    FakeLambda,
    FunctionError,
    create_machine,
    invoke,
    jsonata,
    make_service,
)
from tests.fakes.virtual_time import run_virtual

GROUP_ARN = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/m:*"


class FakeLog:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, dict[str, Any], float]] = []

    def write(self, group: str, stream: str, message: str, timestamp: float, /) -> None:
        self.written.append((group, stream, json.loads(message), timestamp))


def fail(_payload: Any) -> None:
    raise FunctionError("BrokenError", "no such thing")


def log_of(function: Any, **logging: Any) -> FakeLog:
    log = FakeLog()

    async def scenario() -> None:
        service = make_service(FakeLambda({"f": function}), event_log=log)
        destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": GROUP_ARN}}]
        arn = await create_machine(
            service,
            jsonata("A", A=invoke("f", {"secret": 1})),
            loggingConfiguration={"destinations": destinations, **logging},
        )
        await (await service.start(arn, {"in": 1})).wait()
        await service.close()

    run_virtual(scenario())
    return log


def types(log: FakeLog) -> list[str]:
    return [document["type"] for _, _, document, _ in log.written]


def test_all_events_are_written_in_awss_shape_when_the_level_is_all() -> None:
    log = log_of(lambda payload: payload, level="ALL", includeExecutionData=True)

    assert types(log) == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip
    group, stream, document, timestamp = log.written[1]
    assert group == "/aws/vendedlogs/states/m"
    assert stream.startswith("states/Machine/2027-01-15-08-00/")
    assert timestamp == EPOCH_SECONDS
    assert ":express:Machine:" in document.pop("execution_arn")
    assert document == {
        "id": "2",
        "type": "TaskStateEntered",
        "details": {"name": "A", "input": '{"in":1}', "inputDetails": {"truncated": False}},
        "previous_event_id": "0",
        "event_timestamp": "1800000000000",
        "redrive_count": "0",
    }


def test_data_are_left_out_when_they_are_not_asked_for() -> None:
    log = log_of(lambda payload: payload, level="ALL", includeExecutionData=False)

    assert "secret" not in json.dumps(log.written)
    assert log.written[1][2]["details"] == {"name": "A"}


@pytest.mark.parametrize(
    ("level", "expected"),
    [("ERROR", ["TaskFailed", "ExecutionFailed"]), ("FATAL", ["ExecutionFailed"]), ("OFF", [])],
)
def test_only_events_of_the_level_are_written(level: str, expected: list[str]) -> None:
    log = log_of(fail, level=level, includeExecutionData=False)

    assert types(log) == expected
    if log.written:
        assert log.written[-1][2]["details"]["error"] == "BrokenError"


def test_nothing_is_written_when_a_good_run_logs_errors() -> None:
    assert log_of(lambda payload: payload, level="ERROR").written == []
