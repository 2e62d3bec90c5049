"""Workflow variables.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

import json
from typing import Any

import pytest

from emulator.step_functions.definition import parse_definition
from emulator.step_functions.diagnostics import InvalidDefinitionError
from tests.emulator.step_functions.doubles import invoke, jsonata, jsonpath, run_machine

SHOW = {"Type": "Pass", "Output": "{% [$x, $states.input] %}", "End": True}


def test_variable_is_seen_by_later_states_and_leaves_the_output_alone() -> None:
    start = {"Type": "Pass", "Assign": {"x": "{% $states.input.n %}"}, "Next": "Show"}

    assert run_machine(jsonata("Start", Start=start, Show=SHOW), {"n": 1}).output == [1, {"n": 1}]


def test_assign_and_output_see_the_values_from_before_when_a_state_sets_a_variable() -> None:
    # "Assign and Output are evaluated in parallel": $x changes after the state.
    start = {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "Swap"}
    swap = {"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Output": "{% $x %}", "Next": "Show"}
    show = {"Type": "Pass", "Output": "{% [$states.input, $x, $y] %}", "End": True}

    assert run_machine(jsonata("Start", Start=start, Swap=swap, Show=show)).output == [1, 2, 1]


def test_task_assigns_from_its_result_when_it_succeeds() -> None:
    task = invoke("f", Assign={"x": "{% $states.result.Payload.id %}"}, Output="{% $states.input %}", Next="Show")

    execution = run_machine(jsonata("T", T=task, Show=SHOW), {"n": 1}, functions={"f": lambda _payload: {"id": 7}})

    assert execution.output == [7, {"n": 1}]


def test_variable_that_was_never_set_fails_the_expression() -> None:
    execution = run_machine(jsonata("A", A={"Type": "Pass", "Output": {"result": "{% $missing %}"}, "End": True}))

    assert (execution.error, execution.cause) == (
        "States.QueryEvaluationError",
        "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression "
        "'$missing' specified for the field 'Output/result' returned nothing (undefined).",
    )


def test_null_variable_is_null_and_not_undefined() -> None:
    start = {"Type": "Pass", "Assign": {"x": None}, "Next": "Show"}
    show = {"Type": "Pass", "Output": {"same": "{% $x = null %}", "x": "{% $x %}"}, "End": True}

    assert run_machine(jsonata("Start", Start=start, Show=show)).output == {"same": True, "x": None}


def map_with(inner: dict[str, Any], after: dict[str, Any] | None = None) -> dict[str, Any]:
    """A machine that sets $x, maps over two items and goes on."""
    return jsonata(
        "Start",
        Start={"Type": "Pass", "Assign": {"x": "outer"}, "Next": "M"},
        M={
            "Type": "Map",
            "Items": [1, 2],
            "ItemProcessor": {"StartAt": "I", "States": {"I": inner, "J": {**SHOW, "Output": "{% [$x, $own] %}"}}},
            "Next": "After",
        },
        After=after or {"Type": "Pass", "End": True},
    )


def test_iterations_read_outer_variables_and_keep_their_own() -> None:
    inner = {"Type": "Pass", "Assign": {"own": "{% $states.input %}"}, "Next": "J"}

    assert run_machine(map_with(inner)).output == [["outer", 1], ["outer", 2]]


def test_variable_of_an_iteration_is_gone_when_the_map_has_ended() -> None:
    inner = {"Type": "Pass", "Assign": {"own": 1}, "Next": "J"}
    after = {"Type": "Pass", "Output": "{% $own %}", "End": True}

    assert run_machine(map_with(inner, after)).error == "States.QueryEvaluationError"


def test_creation_is_refused_when_an_inner_scope_assigns_an_outer_variable() -> None:
    # "If the top-level scope assigns a value to a variable called myVariable, then no other scope (inside a Map,
    # Parallel) can assign to myVariable as well."
    inner = {"Type": "Pass", "Assign": {"x": 1}, "Next": "J"}

    with pytest.raises(InvalidDefinitionError, match=r"'x' is assigned in an outer scope.*/States/M/States/I/Assign"):
        parse_definition(json.dumps(map_with(inner)), "EXPRESS")


def test_jsonpath_state_sets_and_reads_variables_by_path() -> None:
    definition = jsonpath(
        "A",
        A={"Type": "Pass", "Assign": {"x.$": "$.n", "fixed": [1]}, "Next": "B"},
        B={"Type": "Pass", "Parameters": {"x.$": "$x", "first.$": "$fixed[0]"}, "End": True},
    )

    assert run_machine(definition, {"n": {"deep": True}}).output == {"x": {"deep": True}, "first": 1}


def test_choice_assigns_by_the_rule_that_it_takes() -> None:
    choice = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input > 1 %}", "Assign": {"x": "large"}, "Next": "Show"}],
        "Assign": {"x": "small"},
        "Default": "Show",
    }

    assert run_machine(jsonata("C", C=choice, Show=SHOW), 2).output == ["large", 2]
    assert run_machine(jsonata("C", C=choice, Show=SHOW), 1).output == ["small", 1]
