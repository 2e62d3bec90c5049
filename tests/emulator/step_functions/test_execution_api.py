"""The API operations on executions.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html and its neighbours
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.step_functions import StepFunctionsService
from tests.emulator.step_functions.doubles import FakeLambda, create_machine, invoke, jsonata, make_service
from tests.fakes.virtual_time import run_virtual

PASS = jsonata("A", A={"Type": "Pass", "End": True})
WAIT = jsonata("W", W={"Type": "Wait", "Seconds": 60, "End": True})

Scenario = Callable[[StepFunctionsService, str], Awaitable[Any]]


def with_machine(definition: dict[str, Any], kind: str, scenario: Scenario) -> Any:
    """What `scenario` gives for a service with one state machine."""

    async def run() -> Any:
        service = make_service(FakeLambda({"f": lambda payload: payload}))
        try:
            return await scenario(service, await create_machine(service, definition, kind=kind))
        finally:
            await service.close()

    return run_virtual(run())


def refused(
    definition: dict[str, Any], kind: str, operation: str, request: Callable[[str], dict[str, Any]]
) -> AwsError:
    """The error of one operation; `request` gets the state machine's ARN."""

    async def scenario(service: StepFunctionsService, arn: str) -> AwsError:
        with pytest.raises(AwsError) as caught:
            await service.call(operation, request(arn))
        return caught.value

    error: AwsError = with_machine(definition, kind, scenario)
    return error


def test_standard_execution_is_started_and_described() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        started = await service.call("StartExecution", {"stateMachineArn": arn, "name": "one", "input": '{"n": 1}'})
        running = await service.call("DescribeExecution", {"executionArn": started["executionArn"]})
        await service.find_execution(started["executionArn"]).wait()
        return started, running, await service.call("DescribeExecution", {"executionArn": started["executionArn"]})

    started, running, ended = with_machine(PASS, "STANDARD", scenario)

    assert started["executionArn"] == "arn:aws:states:us-east-1:123456789012:execution:Machine:one"
    assert running["status"] == "RUNNING"
    assert "output" not in running
    assert (ended["status"], ended["output"], ended["input"]) == ("SUCCEEDED", '{"n": 1}', '{"n": 1}')
    assert ended["stateMachineArn"] == "arn:aws:states:us-east-1:123456789012:stateMachine:Machine"
    assert ended["stopDate"] >= ended["startDate"] == started["startDate"]


def test_express_execution_arn_has_the_express_form() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> str:
        answer = await service.call("StartExecution", {"stateMachineArn": arn, "name": "one"})
        return str(answer["executionArn"])

    arn = with_machine(PASS, "EXPRESS", scenario)

    assert re.fullmatch(r"arn:aws:states:us-east-1:123456789012:express:Machine:one:[0-9a-f-]{36}", arn)


def test_express_starts_twice_when_the_name_is_used_again() -> None:
    # "StartExecution isn't idempotent for EXPRESS workflows."
    async def scenario(service: StepFunctionsService, arn: str) -> int:
        for _ in range(2):
            await service.call("StartExecution", {"stateMachineArn": arn, "name": "one"})
        return len(service.executions())

    assert with_machine(PASS, "EXPRESS", scenario) == 2


def test_standard_start_gives_the_running_execution_when_name_and_input_are_the_same() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        request = {"stateMachineArn": arn, "name": "one", "input": '{"n":1}'}
        first = await service.call("StartExecution", request)
        await asyncio.sleep(1)
        return first, await service.call("StartExecution", {**request, "input": '{ "n": 1 }'})

    first, second = with_machine(WAIT, "STANDARD", scenario)

    assert first == second


@pytest.mark.parametrize("same_input", [True, False])
def test_standard_start_is_refused_when_the_name_was_used_otherwise(same_input: bool) -> None:
    # "If the execution is closed or if the input is different, it returns a 400 ExecutionAlreadyExists error."
    async def scenario(service: StepFunctionsService, arn: str) -> AwsError:
        request = {"stateMachineArn": arn, "name": "one"}
        started = await service.call("StartExecution", request)
        if same_input:
            await service.find_execution(started["executionArn"]).wait()
        with pytest.raises(AwsError) as caught:
            await service.call("StartExecution", {**request, "input": "{}" if same_input else "[]"})
        return caught.value

    error = with_machine(WAIT, "STANDARD", scenario)

    assert error.code == "ExecutionAlreadyExists"
    assert error.message == ("Execution Already Exists: 'arn:aws:states:us-east-1:123456789012:execution:Machine:one'")


def test_start_sync_execution_gives_the_result_of_an_express_execution() -> None:
    definition = jsonata("W", W={"Type": "Wait", "Seconds": 2, "Next": "A"}, A=invoke("f"))

    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        return await service.call("StartSyncExecution", {"stateMachineArn": arn, "input": '{"n":1}'})

    answer = with_machine(definition, "EXPRESS", scenario)

    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '{"n":1}')
    assert answer["outputDetails"] == {"included": True}
    assert answer["billingDetails"] == {"billedDurationInMilliseconds": 2000, "billedMemoryUsedInMB": 64}


def test_start_sync_execution_answers_with_the_failure_when_the_execution_fails() -> None:
    definition = jsonata("F", F={"Type": "Fail", "Error": "Bad", "Cause": "because"})

    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        return await service.call("StartSyncExecution", {"stateMachineArn": arn})

    answer = with_machine(definition, "EXPRESS", scenario)

    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "Bad", "because")
    assert "output" not in answer


def test_start_sync_execution_is_refused_when_the_machine_is_standard() -> None:
    error = refused(PASS, "STANDARD", "StartSyncExecution", lambda arn: {"stateMachineArn": arn})

    assert error.code == "StateMachineTypeNotSupported"
    assert error.message == "This operation is not supported by this type of state machine"


def test_list_executions_is_refused_when_the_machine_is_express() -> None:
    error = refused(PASS, "EXPRESS", "ListExecutions", lambda arn: {"stateMachineArn": arn})

    assert error.code == "StateMachineTypeNotSupported"


@pytest.mark.parametrize(
    "operation",
    ["DescribeExecution", "GetExecutionHistory", "StopExecution", "DescribeStateMachineForExecution"],
)
def test_operation_is_refused_when_the_execution_is_express(operation: str) -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> AwsError:
        started = await service.call("StartExecution", {"stateMachineArn": arn})
        with pytest.raises(AwsError) as caught:
            await service.call(operation, {"executionArn": started["executionArn"]})
        return caught.value

    error = with_machine(PASS, "EXPRESS", scenario)

    assert (error.code, error.message) == (
        "InvalidArn",
        "Invalid Arn: 'Resource type not valid in this context: express'",
    )


def test_stop_execution_aborts_with_error_and_cause() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        started = await service.call("StartExecution", {"stateMachineArn": arn})
        await asyncio.sleep(5)
        stopped = await service.call(
            "StopExecution", {"executionArn": started["executionArn"], "error": "Enough", "cause": "told to"}
        )
        return stopped, await service.call("DescribeExecution", {"executionArn": started["executionArn"]})

    stopped, described = with_machine(WAIT, "STANDARD", scenario)

    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Enough", "told to")
    assert described["stopDate"] == stopped["stopDate"]


def test_stop_execution_aborts_when_no_state_has_begun() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        started = await service.call("StartExecution", {"stateMachineArn": arn})
        await service.call("StopExecution", {"executionArn": started["executionArn"]})
        return await service.call("DescribeExecution", {"executionArn": started["executionArn"]})

    assert with_machine(WAIT, "STANDARD", scenario)["status"] == "ABORTED"


def test_list_executions_gives_the_latest_first_filtered_and_in_pages() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        for name in ("a", "b", "c"):
            await service.call("StartExecution", {"stateMachineArn": arn, "name": name})
        await asyncio.sleep(61)
        await service.call("StartExecution", {"stateMachineArn": arn, "name": "d"})
        request = {"stateMachineArn": arn}
        first = await service.call("ListExecutions", {**request, "maxResults": 3})
        second = await service.call("ListExecutions", {**request, "maxResults": 3, "nextToken": first["nextToken"]})
        running = await service.call("ListExecutions", {**request, "statusFilter": "RUNNING"})
        return [[each["name"] for each in page["executions"]] for page in (first, second, running)]

    assert with_machine(WAIT, "STANDARD", scenario) == [["d", "c", "b"], ["a"], ["d"]]


@pytest.mark.parametrize(
    ("request_of", "code", "message"),
    [
        (lambda _arn: {}, "ValidationException", "1 validation error detected: Missing required parameter"),
        (lambda _arn: {"stateMachineArn": "nonsense"}, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nonsense'"),
        (
            lambda arn: {"stateMachineArn": f"{arn}X"},
            "StateMachineDoesNotExist",
            "State Machine Does Not Exist: 'arn:aws:states:us-east-1:123456789012:stateMachine:MachineX'",
        ),
        (
            lambda arn: {"stateMachineArn": f"{arn}:7"},
            "StateMachineDoesNotExist",
            "State Machine Does Not Exist: 'arn:aws:states:us-east-1:123456789012:stateMachine:Machine:7'",
        ),
        (lambda arn: {"stateMachineArn": arn, "name": "a b"}, "InvalidName", "Invalid Name: 'a b'"),
        (lambda arn: {"stateMachineArn": arn, "name": "x" * 81}, "InvalidName", f"Invalid Name: '{'x' * 81}'"),
        (lambda arn: {"stateMachineArn": arn, "input": "x" * 262_145}, "ValidationException", "1 validation error"),
        (
            lambda arn: {"stateMachineArn": arn, "input": "not json"},
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: '",
        ),
        (
            lambda arn: {"stateMachineArn": arn, "input": "[NaN]"},
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: 'NaN is no JSON",
        ),
    ],
)
def test_start_execution_is_refused_by_name_when_the_request_is_bad(
    request_of: Callable[[str], dict[str, Any]], code: str, message: str
) -> None:
    error = refused(PASS, "STANDARD", "StartExecution", request_of)

    assert error.code == code
    assert error.message.startswith(message)


def test_describe_execution_is_refused_when_there_is_none() -> None:
    arn = "arn:aws:states:us-east-1:123456789012:execution:Machine:none"

    error = refused(PASS, "STANDARD", "DescribeExecution", lambda _arn: {"executionArn": arn})

    assert (error.code, error.message) == ("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")


@pytest.mark.parametrize("operation", ["RedriveExecution", "SendTaskSuccess", "CreateActivity", "TestState"])
def test_operation_is_refused_by_name_when_it_is_not_implemented(operation: str) -> None:
    error = refused(PASS, "STANDARD", operation, lambda _arn: {})

    assert (error.code, error.status) == ("NotImplemented", 501)
    assert error.message == f"not implemented by this emulator: {operation}"


@pytest.mark.parametrize(
    ("operation", "request_of", "option"),
    [
        ("ListExecutions", lambda arn: {"stateMachineArn": arn, "redriveFilter": "REDRIVEN"}, "redriveFilter"),
        (
            "DescribeStateMachine",
            lambda arn: {"stateMachineArn": arn, "includedData": "METADATA_ONLY"},
            "includedData METADATA_ONLY",
        ),
    ],
)
def test_option_is_refused_by_name_when_it_is_not_implemented(
    operation: str, request_of: Callable[[str], dict[str, Any]], option: str
) -> None:
    error = refused(PASS, "STANDARD", operation, request_of)

    assert (error.code, error.message) == ("NotImplemented", f"not implemented by this emulator: {option}")


def test_unknown_operation_is_refused() -> None:
    assert refused(PASS, "STANDARD", "StartEverything", lambda _arn: {}).code == "UnknownOperationException"


def test_execution_runs_its_own_revision_when_the_machine_is_updated_meanwhile() -> None:
    # "Running executions will continue to use the previous definition and roleArn."
    # Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
    old = jsonata("W", W={"Type": "Wait", "Seconds": 60, "Output": "old", "End": True})
    new = json.dumps(jsonata("W", W={"Type": "Wait", "Seconds": 1, "Output": "new", "End": True}))

    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        first = await service.start(arn)
        await asyncio.sleep(1)
        await service.call("UpdateStateMachine", {"stateMachineArn": arn, "definition": new})
        second = await service.start(arn)
        description = await service.call("DescribeStateMachineForExecution", {"executionArn": first.arn})
        return (await first.wait()).output, (await second.wait()).output, json.loads(description["definition"])

    assert with_machine(old, "STANDARD", scenario) == ("old", "new", old)


def test_whoever_stops_waiting_does_not_end_the_execution() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> str:
        execution = await service.start(arn)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(execution.wait(), 1)
        return (await execution.wait()).status

    assert with_machine(WAIT, "EXPRESS", scenario) == "SUCCEEDED"


def test_ended_express_executions_are_dropped_beyond_the_kept_number() -> None:
    async def run() -> list[str]:
        service = make_service(kept_express_executions=2)
        arn = await create_machine(service, PASS)
        for index in range(4):
            await (await service.start(arn, name=f"e{index}")).wait()
        names = [execution.name for execution in service.executions()]
        await service.close()
        return names

    assert run_virtual(run()) == ["e1", "e2", "e3"]


def test_describe_execution_says_timed_out_without_an_error_as_aws_does() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        execution = await (await service.start(arn)).wait()
        return execution.error, await service.call("DescribeExecution", {"executionArn": execution.arn})

    error, described = with_machine({**WAIT, "TimeoutSeconds": 5}, "STANDARD", scenario)

    assert (described["status"], error) == ("TIMED_OUT", "States.Timeout")
    assert not {"error", "cause", "output"} & described.keys()


def test_trace_header_is_described_when_it_was_given() -> None:
    async def scenario(service: StepFunctionsService, arn: str) -> Any:
        given = await service.start(arn, name="given", trace_header="Root=1-a-b")
        none = await service.start(arn, name="none")
        return [await service.call("DescribeExecution", {"executionArn": each.arn}) for each in (given, none)]

    given, none = with_machine(PASS, "STANDARD", scenario)

    assert given["traceHeader"] == "Root=1-a-b"
    assert "traceHeader" not in none
