"""Choice in both query languages.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

from typing import Any

import pytest

from emulator.step_functions.choice_rules import OPERATORS, compile_rule
from emulator.step_functions.failures import EvaluationError
from emulator.step_functions.jsonpath_parser import PathError
from emulator.step_functions.scope import Scope
from tests.emulator.step_functions.doubles import jsonata, jsonpath, run_machine

INPUT = {
    "n": 5,
    "m": 5,
    "s": "log-2026.txt",
    "b": True,
    "none": None,
    "t": "2026-01-01T00:00:00Z",
    "u": "2026-01-01T01:00:00+01:00",
}
SCOPE = Scope(INPUT, {"Execution": {"Name": "e"}}, {"v": 5})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"Variable": "$.n", "NumericEquals": 5}, True),
        ({"Variable": "$.n", "NumericEquals": 5.0}, True),
        ({"Variable": "$.n", "NumericLessThan": 5}, False),
        ({"Variable": "$.n", "NumericLessThanEquals": 5}, True),
        ({"Variable": "$.n", "NumericGreaterThan": 4}, True),
        ({"Variable": "$.n", "NumericGreaterThanEquals": 6}, False),
        ({"Variable": "$.n", "NumericEqualsPath": "$.m"}, True),
        ({"Variable": "$.n", "NumericEqualsPath": "$v"}, True),
        ({"Variable": "$.b", "NumericEquals": 1}, False),
        ({"Variable": "$.s", "NumericEquals": 5}, False),
        ({"Variable": "$.s", "StringEquals": "log-2026.txt"}, True),
        ({"Variable": "$.s", "StringLessThan": "m"}, True),
        ({"Variable": "$.s", "StringGreaterThanEquals": "m"}, False),
        ({"Variable": "$.s", "StringMatches": "log-*.txt"}, True),
        ({"Variable": "$.s", "StringMatches": "*.log"}, False),
        ({"Variable": "$.s", "StringMatches": "log-\\*.txt"}, False),
        ({"Variable": "$.b", "BooleanEquals": True}, True),
        ({"Variable": "$.n", "BooleanEquals": True}, False),
        ({"Variable": "$.b", "BooleanEqualsPath": "$.b"}, True),
        ({"Variable": "$.t", "TimestampEquals": "2026-01-01T00:00:00Z"}, True),
        ({"Variable": "$.t", "TimestampEqualsPath": "$.u"}, True),
        ({"Variable": "$.t", "TimestampLessThan": "2026-01-02T00:00:00Z"}, True),
        ({"Variable": "$.none", "IsNull": True}, True),
        ({"Variable": "$.n", "IsNull": False}, True),
        ({"Variable": "$.n", "IsNumeric": True}, True),
        ({"Variable": "$.b", "IsNumeric": True}, False),
        ({"Variable": "$.s", "IsString": True}, True),
        ({"Variable": "$.b", "IsBoolean": True}, True),
        ({"Variable": "$.t", "IsTimestamp": True}, True),
        ({"Variable": "$.s", "IsTimestamp": True}, False),
        ({"Variable": "$.missing", "IsPresent": False}, True),
        ({"Variable": "$.none", "IsPresent": True}, True),
        ({"Variable": "$$.Execution.Name", "StringEquals": "e"}, True),
        ({"Not": {"Variable": "$.b", "BooleanEquals": True}}, False),
        ({"And": [{"Variable": "$.n", "IsNumeric": True}, {"Variable": "$.s", "IsString": True}]}, True),
        ({"And": [{"Variable": "$.n", "IsNumeric": True}, {"Variable": "$.s", "IsNull": True}]}, False),
        ({"Or": [{"Variable": "$.n", "IsNull": True}, {"Not": {"Variable": "$.s", "IsNull": True}}]}, True),
    ],
)
def test_rule_decides_as_documented(rule: dict[str, Any], expected: bool) -> None:
    assert compile_rule(rule)(SCOPE) is expected


def test_every_documented_operator_is_there() -> None:
    assert len(OPERATORS) == 39


def test_rule_fails_the_execution_when_its_variable_is_missing() -> None:
    with pytest.raises(EvaluationError) as caught:
        compile_rule({"Variable": "$.missing", "NumericEquals": 1})(SCOPE)

    assert caught.value.error == "States.Runtime"
    assert "$.missing" in caught.value.detail


@pytest.mark.parametrize(
    "rule",
    [
        {"NumericEquals": 1},
        {"Variable": "$.n"},
        {"Variable": "$.n", "NumericEquals": 1, "IsNull": True},
        {"Variable": "$.n", "NumericEquals": "1"},
        {"Variable": "$.n", "IsNull": "yes"},
        {"Variable": "$.n", "TimestampEquals": "yesterday"},
        {"Variable": "$.n", "NumericAbout": 1},
        {"And": []},
        {"Not": []},
    ],
)
def test_rule_is_refused_when_it_is_malformed(rule: dict[str, Any]) -> None:
    with pytest.raises(PathError):
        compile_rule(rule)


def endings(*names: str) -> dict[str, Any]:
    """Succeed states that tell their name by the history."""
    return {name: {"Type": "Succeed"} for name in names}


def reached(definition: dict[str, Any], data: Any) -> str | None:
    """The last state that was entered."""
    execution = run_machine(definition, data)
    return next(event.state_name for event in reversed(list(execution.history)) if event.state_name)


def test_choice_takes_the_first_condition_that_holds_when_it_is_jsonata() -> None:
    choices = [
        {"Condition": "{% $states.input > 10 %}", "Next": "Large"},
        {"Condition": "{% $states.input > 5 %}", "Next": "Middle"},
        {"Condition": False, "Next": "Never"},
    ]
    definition = jsonata(
        "C",
        C={"Type": "Choice", "Choices": choices, "Default": "Small"},
        **endings("Large", "Middle", "Never", "Small"),
    )

    assert [reached(definition, n) for n in (11, 6, 1)] == ["Large", "Middle", "Small"]


def test_choice_takes_the_first_rule_that_holds_when_it_is_jsonpath() -> None:
    choices = [
        {"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Large"},
        {"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Middle"},
    ]
    definition = jsonpath(
        "C", C={"Type": "Choice", "Choices": choices, "Default": "Small"}, **endings("Large", "Middle", "Small")
    )

    assert [reached(definition, {"n": n}) for n in (11, 6, 1)] == ["Large", "Middle", "Small"]


def test_choice_fails_by_name_when_nothing_matches_and_there_is_no_default() -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% $states.input = 1 %}", "Next": "S"}]}

    execution = run_machine(jsonata("C", C=choice, **endings("S")), 2)

    assert (execution.status, execution.error) == ("FAILED", "States.NoChoiceMatched")


def test_choice_fails_when_a_condition_is_no_boolean() -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% $states.input %}", "Next": "S"}], "Default": "S"}

    execution = run_machine(jsonata("C", C=choice, **endings("S")), 2)

    assert execution.error == "States.QueryEvaluationError"
    assert "Expected 'boolean', but was 'number' for value: 2" in (execution.cause or "")
