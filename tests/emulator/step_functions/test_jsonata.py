"""JSONata expressions as Step Functions evaluates them.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.step_functions.failures import EvaluationError
from emulator.step_functions.jsonata_expressions import JsonataExpression
from tests.emulator.step_functions.doubles import jsonata, run_machine

BINDINGS = {
    "states": {"input": {"n": 5, "none": None, "items": [{"k": 1}, {"k": 2}], "one": [{"k": 1}], "text": '{"a": [1]}'}},
    "empty": None,
}


def evaluate(source: str) -> Any:
    """The value of an expression over the bindings above."""
    return JsonataExpression(f"{{% {source} %}}", "Output").evaluate(BINDINGS)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$states.input.n", 5),
        ("$states.input.n * 2", 10),
        ("$states.input.none", None),
        ("$empty", None),
        ("$empty = null", True),
        ("null", None),
        ("$states.input.one", [{"k": 1}]),
        ("$states.input.items.k", [1, 2]),
        ("$states.input.one.k", 1),
        ("[$states.input.one.k]", [1]),
        ("$states.input.items[k > 1]", {"k": 2}),
        ("[0..2]", [0, 1, 2]),
        ("[[0..0].{'start': $}]", [{"start": 0}]),
        ("{'a': [1..2], 'b': null, 'c': $nothing}", {"a": [1, 2], "b": None}),
        ("( $a := 2; $a + $states.input.n )", 7),
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$partition([], 2)", []),
        ("$range(0, 10, 5)", [0, 5, 10]),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("$parse($states.input.text).a[0]", 1),
        ("$random(7) = $random(7)", True),
        ("$map(['1', '2'], $parse)", [1, 2]),
        ("$states.input.items ~> $count", 2),
    ],
)
def test_expression_gives_its_json_value_when_evaluated(source: str, expected: Any) -> None:
    value = evaluate(source)

    assert value == expected
    assert type(value) is type(expected)


def test_uuid_gives_a_random_uuid_each_time() -> None:
    first, second = evaluate("$uuid()"), evaluate("$uuid()")

    assert uuid.UUID(first).version == 4
    assert first != second


def test_random_is_at_least_0_and_below_1() -> None:
    assert all(0 <= evaluate("$random()") < 1 for _ in range(50))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("$states.input.missing", "returned nothing (undefined)."),
        ("$", "returned nothing (undefined)."),
        ("n", "returned nothing (undefined)."),
        ("$unknown(1)", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
        # "$eval is not supported": use $parse
        ("$eval('1')", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
        ("'a' - 1", "threw an error during evaluation. T2001: The left side of the - operator must evaluate to a"),
        ("1 / 0", "threw an error during evaluation."),
        ("$number('1e999')", "threw an error during evaluation. D1001: Number out of range"),
        ("$parse('[1e999]')", "returned an unsupported result type."),
        ("$parse('[NaN]')", "D3137: $parse: the argument is no JSON: NaN is no JSON"),
        ("function($x) { $x }", "returned an unsupported result type."),
        ("$hash('a', 'CRC')", "D3137: $hash: unsupported hash algorithm 'CRC'"),
        ("$parse('{')", "D3137: $parse: the argument is no JSON"),
        ("$range(1, 2, 0)", "D3137: $range: the step must not be 0"),
    ],
)
def test_expression_fails_by_name_when_it_has_no_json_value(source: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(source)

    assert caught.value.error == "States.QueryEvaluationError"
    assert message in caught.value.detail


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES, path=st.lists(st.sampled_from("abc"), max_size=3))
def test_plain_path_gives_what_the_evaluator_gives(value: Any, path: list[str]) -> None:
    # Paths of names are read without the evaluator; in brackets the same path goes through it.
    source = ".".join(["$v", *path])

    def outcome(text: str) -> Any:
        try:
            return JsonataExpression(f"{{% {text} %}}", "Output").evaluate({"v": value})
        except EvaluationError:
            return "undefined"

    assert outcome(source) == outcome(f"({source})")


def test_string_is_no_expression_when_the_delimiters_do_not_enclose_it() -> None:
    output = {"plain": "a {% 1 %}", "expression": "{% 1 %}", "nested": ["{%$states.input%}"]}

    execution = run_machine(jsonata("A", A={"Type": "Pass", "Output": output, "End": True}), 7)

    assert execution.output == {"plain": "a {% 1 %}", "expression": 1, "nested": [7]}


def test_evaluation_leaves_the_input_as_it_was_when_an_expression_transforms_it() -> None:
    state = {
        "Type": "Pass",
        "Output": {"new": "{% $states.input ~> |$|{'n': 2}| %}", "old": "{% $states.input %}"},
        "End": True,
    }

    assert run_machine(jsonata("A", A=state), {"n": 1}).output == {"new": {"n": 2}, "old": {"n": 1}}


def test_context_object_is_seen_by_expressions() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    state = {"Type": "Pass", "Output": "{% $states.context %}", "End": True}

    execution = run_machine(jsonata("Look", Look=state), {"n": 1})

    context = execution.output
    assert context["Execution"]["Id"] == execution.arn
    assert context["Execution"]["Input"] == {"n": 1}
    assert context["Execution"]["Name"] == execution.name
    assert context["Execution"]["StartTime"] == "2027-01-15T08:00:00.000Z"
    assert context["StateMachine"]["Name"] == "Machine"
    assert context["State"]["Name"] == "Look"
    assert context["State"]["EnteredTime"] == "2027-01-15T08:00:00.000Z"


def test_fail_state_computes_error_and_cause() -> None:
    state = {"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "{% 'because ' & $states.input.e %}"}

    execution = run_machine(jsonata("F", F=state), {"e": "Bad"})

    assert (execution.status, execution.error, execution.cause) == ("FAILED", "Bad", "because Bad")


def test_jsonata_state_in_a_jsonpath_machine_uses_its_own_language() -> None:
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Parameters": {"n.$": "$.n"}, "Next": "B"},
            "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.n + 1 %}", "End": True},
        },
    }

    assert run_machine(definition, {"n": 1, "dropped": True}).output == 2
