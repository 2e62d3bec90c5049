"""The events of an execution.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
"""

from typing import Any

from emulator.step_functions import ExecutionEvent
from tests.emulator.step_functions.doubles import (
    EPOCH_SECONDS,
    FakeLambda,
    create_machine,
    invoke,
    jsonata,
    make_service,
    run_machine,
)
from tests.fakes.virtual_time import run_virtual

FUNCTIONS = {"f": lambda payload: payload}


def get_history(definition: dict[str, Any], data: Any, **request: Any) -> list[dict[str, Any]]:
    """What GetExecutionHistory answers for a STANDARD execution."""

    async def scenario() -> list[dict[str, Any]]:
        service = make_service(FakeLambda(dict(FUNCTIONS)))
        execution = await service.start(await create_machine(service, definition, kind="STANDARD"), data)
        await execution.wait()
        answer = await service.call("GetExecutionHistory", {"executionArn": execution.arn, **request})
        await service.close()
        events: list[dict[str, Any]] = answer["events"]
        return events

    return run_virtual(scenario())


def test_history_of_a_lambda_task_has_awss_events_ids_and_details() -> None:
    events = get_history(jsonata("A", A=invoke("f", {"n": 1}, TimeoutSeconds=9, Assign={"v": 1})), {"in": 1})

    assert [(event["id"], event["previousEventId"], event["type"]) for event in events] == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "TaskStateEntered"),
        (3, 2, "TaskScheduled"),
        (4, 3, "TaskStarted"),
        (5, 4, "TaskSucceeded"),
        (6, 5, "TaskStateExited"),
        (7, 6, "ExecutionSucceeded"),
    ]
    assert events[0]["executionStartedEventDetails"] == {
        "input": '{"in":1}',
        "inputDetails": {"truncated": False},
        "roleArn": "arn:aws:iam::123456789012:role/states",
    }
    assert events[1]["stateEnteredEventDetails"]["name"] == "A"
    assert events[2]["taskScheduledEventDetails"] == {
        "resourceType": "lambda",
        "resource": "invoke",
        "region": "us-east-1",
        "parameters": '{"FunctionName":"f","Payload":{"n":1}}',
        "timeoutInSeconds": 9,
    }
    assert events[3]["taskStartedEventDetails"] == {"resourceType": "lambda", "resource": "invoke"}
    assert '"Payload":{"n":1}' in events[4]["taskSucceededEventDetails"]["output"]
    assert events[5]["stateExitedEventDetails"] == {
        "name": "A",
        "output": '{"n":1}',
        "outputDetails": {"truncated": False},
        "assignedVariables": {"v": "1"},
        "assignedVariablesDetails": {"truncated": False},
    }
    assert events[6]["executionSucceededEventDetails"]["output"] == '{"n":1}'
    assert {event["timestamp"].timestamp() for event in events} == {EPOCH_SECONDS}


def test_history_of_a_map_leads_each_iteration_back_to_its_start() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    state = {"Type": "Map", "Items": [1, 2], "MaxConcurrency": 1, "ItemProcessor": inner, "End": True}

    events = get_history(jsonata("M", M=state), {})

    # As AWS does: the next iteration follows the last state's exit, the Map's end the last MapIterationSucceeded.
    assert [(event["id"], event["previousEventId"], event["type"]) for event in events[2:]] == [
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 4, "PassStateEntered"),
        (6, 5, "PassStateExited"),
        (7, 6, "MapIterationSucceeded"),
        (8, 6, "MapIterationStarted"),
        (9, 8, "PassStateEntered"),
        (10, 9, "PassStateExited"),
        (11, 10, "MapIterationSucceeded"),
        (12, 11, "MapStateSucceeded"),
        (13, 11, "MapStateExited"),
        (14, 13, "ExecutionSucceeded"),
    ]
    assert events[2]["mapStateStartedEventDetails"] == {"length": 2}
    assert events[7]["mapIterationStartedEventDetails"] == {"name": "M", "index": 1}


def test_history_of_a_failing_expression_has_the_evaluation_failed_event() -> None:
    events = get_history(jsonata("A", A={"Type": "Pass", "Output": "{% $missing %}", "End": True}), {})

    failed, ended = events[-2:]
    assert (failed["type"], ended["type"]) == ("EvaluationFailed", "ExecutionFailed")
    assert failed["evaluationFailedEventDetails"]["state"] == "A"
    assert failed["evaluationFailedEventDetails"]["error"] == "States.QueryEvaluationError"
    assert ended["executionFailedEventDetails"] == {
        "error": "States.QueryEvaluationError",
        "cause": failed["evaluationFailedEventDetails"]["cause"],
    }


def test_history_comes_in_reverse_in_pages_and_without_data_when_asked() -> None:
    definition = jsonata("A", A={"Type": "Pass", "End": True})

    assert [e["id"] for e in get_history(definition, {}, reverseOrder=True, maxResults=2)] == [4, 3]
    assert [e["id"] for e in get_history(definition, {}, maxResults=2, nextToken="2")] == [3, 4]
    bare = get_history(definition, {}, includeExecutionData=False)
    assert bare[1]["stateEnteredEventDetails"] == {"name": "A"}


def test_express_history_is_kept_for_the_emulator_and_bounded_by_a_number() -> None:
    async def scenario() -> tuple[list[ExecutionEvent], int]:
        service = make_service(kept_events=5)
        inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
        definition = jsonata("M", M={"Type": "Map", "Items": [1, 2, 3], "ItemProcessor": inner, "End": True})
        execution = await (await service.start(await create_machine(service, definition))).wait()
        events = service.history(execution.arn)
        await service.close()
        return events, execution.history.dropped

    events, dropped = run_virtual(scenario())

    assert len(events) == 5
    assert events[-1].type == "ExecutionSucceeded"
    assert events[-1].id == dropped + 5


def test_listener_is_told_every_event_with_state_and_output_as_it_happens() -> None:
    told: list[ExecutionEvent] = []

    async def scenario() -> str:
        service = make_service(FakeLambda({"f": lambda payload: {"synced": payload}}))
        service.listeners.append(told.append)
        definition = jsonata("SyncUsers", SyncUsers=invoke("f"))
        execution = await (await service.start(await create_machine(service, definition), 3)).wait()
        await service.close()
        return execution.arn

    arn = run_virtual(scenario())

    (exited,) = [event for event in told if event.type == "TaskStateExited"]
    assert (exited.execution_arn, exited.state_name, exited.output) == (arn, "SyncUsers", {"synced": 3})
    assert [event.id for event in told] == list(range(1, 8))


def test_aborted_express_execution_tells_its_end() -> None:
    execution = run_machine({**jsonata("W", W={"Type": "Wait", "Seconds": 9, "End": True}), "TimeoutSeconds": 1})

    assert [event.type for event in execution.history][-2:] == ["WaitStateAborted", "ExecutionTimedOut"]
