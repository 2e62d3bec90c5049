"""TimeoutSeconds of tasks and machines, the five minutes of EXPRESS, stopping."""

import asyncio
from typing import Any

from emulator.step_functions import Execution
from tests.emulator.step_functions.doubles import (
    FakeLambda,
    create_machine,
    event_types,
    invoke,
    jsonata,
    make_service,
    run_machine,
    sleeping,
)
from tests.fakes.virtual_time import run_virtual


def duration(execution: Execution) -> float:
    """Seconds from start to end."""
    assert execution.stop_date is not None
    return round(execution.stop_date - execution.start_date, 3)


def test_task_fails_with_states_timeout_when_its_timeout_passes() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html#task-state-fields
    execution = run_machine(jsonata("A", A=invoke("f", TimeoutSeconds=5)), functions={"f": sleeping(30)})

    assert (execution.status, execution.error, execution.cause) == ("FAILED", "States.Timeout", None)
    assert duration(execution) == 5
    assert event_types(execution)[-2:] == ["TaskTimedOut", "ExecutionFailed"]


def test_task_timeout_is_computed_when_it_is_an_expression() -> None:
    state = invoke("f", TimeoutSeconds="{% $states.input.limit * 2 %}")

    assert duration(run_machine(jsonata("A", A=state), {"limit": 4}, functions={"f": sleeping(30)})) == 8


def test_task_timeout_counts_for_each_attempt_when_the_task_is_retried() -> None:
    state = invoke("f", TimeoutSeconds=5, Retry=[{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}])

    assert duration(run_machine(jsonata("A", A=state), functions={"f": sleeping(30)})) == 5 + 1 + 5


def test_task_timeout_leaves_the_function_running_as_on_aws() -> None:
    async def scenario() -> int:
        functions = FakeLambda({"f": sleeping(30)})
        service = make_service(functions)
        arn = await create_machine(service, jsonata("A", A=invoke("f", TimeoutSeconds=5)))
        await (await service.start(arn)).wait()
        assert functions.in_flight == 1
        await asyncio.sleep(60)
        await service.close()
        return functions.finished

    assert run_virtual(scenario()) == 1


def test_express_execution_is_timed_out_when_five_minutes_pass() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    execution = run_machine(jsonata("W", W={"Type": "Wait", "Seconds": 301, "End": True}))

    assert (execution.status, execution.error, duration(execution)) == ("TIMED_OUT", "States.Timeout", 300)
    assert event_types(execution)[-1] == "ExecutionTimedOut"


def test_standard_execution_goes_on_when_five_minutes_pass() -> None:
    execution = run_machine(jsonata("W", W={"Type": "Wait", "Seconds": 86_400, "End": True}), kind="STANDARD")

    assert (execution.status, duration(execution)) == ("SUCCEEDED", 86_400)


def test_execution_is_timed_out_when_the_machines_own_timeout_passes() -> None:
    definition = {**jsonata("W", W={"Type": "Wait", "Seconds": 60, "End": True}), "TimeoutSeconds": 20}

    execution = run_machine(definition, kind="STANDARD")

    assert (execution.status, duration(execution)) == ("TIMED_OUT", 20)


def test_execution_timeout_is_not_caught_by_a_state() -> None:
    # Catch handles a state's errors, not the execution's end.
    state = invoke("f", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}])
    definition = {**jsonata("A", A=state, B={"Type": "Succeed"}), "TimeoutSeconds": 10}

    assert run_machine(definition, functions={"f": sleeping(60)}).status == "TIMED_OUT"


def test_execution_stops_all_iterations_when_it_times_out() -> None:
    state: dict[str, Any] = {
        "Type": "Map",
        "Items": "{% [1..50] %}",
        "MaxConcurrency": 5,
        "ItemProcessor": {"StartAt": "I", "States": {"I": invoke("f")}},
        "End": True,
    }
    functions = FakeLambda({"f": sleeping(4)})

    execution = run_machine({**jsonata("M", M=state), "TimeoutSeconds": 10}, functions=functions)

    assert execution.status == "TIMED_OUT"
    assert len(functions.calls) == 15  # three rounds of five had begun at 0, 4 and 8 seconds


def test_close_ends_executions_and_the_calls_they_left_behind() -> None:
    async def scenario() -> tuple[str, int]:
        functions = FakeLambda({"f": sleeping(1000)})
        service = make_service(functions)
        arn = await create_machine(service, jsonata("A", A=invoke("f")))
        execution = await service.start(arn)
        await asyncio.sleep(1)
        await service.close()
        return execution.status, functions.in_flight

    assert run_virtual(scenario()) == ("ABORTED", 0)
