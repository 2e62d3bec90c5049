"""Catch: which errors, and what the next state receives.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-fallback-states
"""

import json
from typing import Any

from tests.emulator.step_functions.doubles import FunctionError, invoke, jsonata, jsonpath, run_machine

DONE = {"Type": "Pass", "End": True}


def fail(error_type: str) -> Any:
    """A function that fails."""

    def function(_payload: Any) -> None:
        raise FunctionError(error_type, "broken")

    return function


def test_catch_gives_error_and_cause_to_the_next_state_when_it_has_no_output() -> None:
    definition = jsonata("A", A=invoke("f", Catch=[{"ErrorEquals": ["Broken"], "Next": "B"}]), B=DONE)

    execution = run_machine(definition, {"x": 1}, functions={"f": fail("Broken")})

    assert execution.output["Error"] == "Broken"
    assert json.loads(execution.output["Cause"]) == {"errorMessage": "broken", "errorType": "Broken"}


def test_catch_computes_output_and_variables_from_error_output_when_given() -> None:
    catch = {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"error": "{% $states.errorOutput.Error %}", "given": "{% $states.input.x %}"},
        "Output": {"reason": "{% $states.errorOutput.Error %}"},
        "Next": "B",
    }
    after = {"Type": "Pass", "Output": {"in": "{% $states.input %}", "vars": "{% [$error, $given] %}"}, "End": True}

    execution = run_machine(jsonata("A", A=invoke("f", Catch=[catch]), B=after), {"x": 1}, functions={"f": fail("E")})

    assert execution.output == {"in": {"reason": "E"}, "vars": ["E", 1]}


def test_catch_takes_the_first_that_matches_when_several_do() -> None:
    catchers = [
        {"ErrorEquals": ["Other"], "Next": "B"},
        {"ErrorEquals": ["Broken", "More"], "Next": "C"},
        {"ErrorEquals": ["States.ALL"], "Next": "B"},
    ]
    states = {name: {"Type": "Pass", "Output": name, "End": True} for name in ("B", "C")}

    execution = run_machine(jsonata("A", A=invoke("f", Catch=catchers), **states), functions={"f": fail("Broken")})

    assert execution.output == "C"


def test_catch_takes_over_when_the_retries_are_used_up() -> None:
    state = invoke(
        "f",
        Retry=[{"ErrorEquals": ["Broken"], "MaxAttempts": 1}],
        Catch=[{"ErrorEquals": ["States.ALL"], "Output": "caught", "Next": "B"}],
    )

    execution = run_machine(jsonata("A", A=state, B=DONE), functions={"f": fail("Broken")})

    assert execution.output == "caught"


def test_catch_all_lets_a_result_over_the_limit_fail_the_execution() -> None:
    # "This error type can't catch the States.DataLimitExceeded terminal error."
    state = invoke("f", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}])

    execution = run_machine(jsonata("A", A=state, B=DONE), functions={"f": lambda _payload: "x" * 262_200})

    assert (execution.status, execution.error) == ("FAILED", "States.DataLimitExceeded")


def test_catch_by_name_takes_a_result_over_the_limit() -> None:
    state = invoke("f", Catch=[{"ErrorEquals": ["States.DataLimitExceeded"], "Output": "large", "Next": "B"}])

    execution = run_machine(jsonata("A", A=state, B=DONE), functions={"f": lambda _payload: "x" * 262_200})

    assert execution.output == "large"


def test_catch_takes_an_expression_that_fails_when_it_names_the_evaluation_error() -> None:
    state = invoke(
        "f",
        Output="{% $states.result.Payload.nothing %}",
        Catch=[{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}],
    )

    execution = run_machine(jsonata("A", A=state, B=DONE), functions={"f": lambda _payload: {}})

    assert execution.output["Error"] == "States.QueryEvaluationError"
    assert "returned nothing (undefined)" in execution.output["Cause"]


def test_catch_never_takes_a_runtime_error_of_a_path() -> None:
    # "A retry or catch on States.ALL won't catch States.Runtime errors."
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f", "Payload.$": "$.missing"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}],
        "End": True,
    }

    execution = run_machine(jsonpath("A", A=state, B=DONE), {}, functions={"f": lambda _payload: 1})

    assert execution.error == "States.Runtime"
    assert execution.cause == (
        "An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$.missing' "
        "specified for the field 'Payload.$' could not be found in the input '{}'"
    )


def test_catch_places_the_error_by_result_path_when_the_state_is_jsonpath() -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f"},
        "Catch": [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.failure", "Next": "B"}],
        "End": True,
    }

    execution = run_machine(jsonpath("A", A=state, B=DONE), {"kept": 1}, functions={"f": fail("Broken")})

    assert execution.output["kept"] == 1
    assert execution.output["failure"]["Error"] == "Broken"


def test_catch_of_a_map_takes_the_failure_of_an_iteration() -> None:
    state = {
        "Type": "Map",
        "Items": [1, 2],
        "ItemProcessor": {"StartAt": "I", "States": {"I": invoke("f")}},
        "Catch": [{"ErrorEquals": ["Broken"], "Output": "caught", "Next": "B"}],
        "End": True,
    }

    execution = run_machine(jsonata("A", A=state, B=DONE), functions={"f": fail("Broken")})

    assert execution.output == "caught"


def test_catch_fails_the_execution_when_its_result_path_cannot_be_written() -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.text.failure", "Next": "B"}],
        "End": True,
    }

    execution = run_machine(jsonpath("A", A=state, B=DONE), {"text": "no object"}, functions={"f": fail("Broken")})

    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert "$.text.failure" in (execution.cause or "")


def test_retry_and_catch_apply_to_parallel_as_a_whole() -> None:
    calls: list[int] = []

    def flaky(_payload: Any) -> int:
        calls.append(1)
        if len(calls) < 3:
            raise FunctionError("Broken")
        return len(calls)

    branch = {"StartAt": "F", "States": {"F": invoke("f")}}
    state = {
        "Type": "Parallel",
        "Branches": [branch],
        "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["Broken"], "Output": "caught", "Next": "B"}],
        "End": True,
    }

    assert run_machine(jsonata("P", P=state, B=DONE), functions={"f": flaky}).output == "caught"
    assert len(calls) == 2
