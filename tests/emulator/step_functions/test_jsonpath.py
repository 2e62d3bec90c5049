"""JSONPath states: paths, and the way of the data through a state.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html
"""

from typing import Any

import pytest

from emulator.step_functions.jsonpath import JsonPath, PathNotFoundError, ReferencePath
from emulator.step_functions.jsonpath_parser import PathError
from emulator.step_functions.scope import Scope
from tests.emulator.step_functions.doubles import jsonpath, run_machine

STORE = {
    "book": [
        {"title": "a", "price": 8, "isbn": "1"},
        {"title": "b", "price": 12, "tags": ["x", "y"]},
        {"title": "c", "price": 9, "isbn": "3"},
    ],
    "odd name": {"it's": 1},
    "none": None,
}
SCOPE = Scope(STORE, {"Execution": {"Name": "e"}}, {"v": {"n": 2}})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", STORE),
        ("$.book[0].title", "a"),
        ("$.book[-1].title", "c"),
        ("$['book'][1]['tags']", ["x", "y"]),
        ("$['odd name']['it\\'s']", 1),
        ("$.none", None),
        ("$.book[*].price", [8, 12, 9]),
        ("$.book[0,2].title", ["a", "c"]),
        ("$.book[1:].title", ["b", "c"]),
        ("$.book[:1].title", ["a"]),
        ("$..price", [8, 12, 9]),
        ("$.book[?(@.isbn)].title", ["a", "c"]),
        ("$.book[?(!@.isbn)].title", ["b"]),
        ("$.book[?(@.price > 8 && @.price < 12)].title", ["c"]),
        ("$.book[?(@.title == 'a' || @.title == 'b')].price", [8, 12]),
        ("$.book[?(@.title =~ /[ab]/)].price", [8, 12]),
        ("$.book[?(@.price != 8)].title", ["b", "c"]),
        ("$.missing[*]", []),
        ("$.*.title", []),
        ("$$.Execution.Name", "e"),
        ("$$", {"Execution": {"Name": "e"}}),
        ("$v.n", 2),
        ("$v", {"n": 2}),
    ],
)
def test_path_reads_what_it_names(path: str, expected: Any) -> None:
    assert JsonPath(path).read(SCOPE) == expected


@pytest.mark.parametrize("path", ["$.missing", "$.book[9]", "$.book.title", "$$.State", "$unknown", "$.none.x"])
def test_path_is_not_found_when_it_leads_nowhere(path: str) -> None:
    with pytest.raises(PathNotFoundError):
        JsonPath(path).read(SCOPE)


@pytest.mark.parametrize("path", ["book", "$.", "$.book[", "$.book['a]", "$.book[a]", "$.a b", "$.book[?(1)]", ""])
def test_path_is_refused_when_it_does_not_parse(path: str) -> None:
    with pytest.raises(PathError):
        JsonPath(path)


def test_path_keeps_a_backslash_that_escapes_nothing() -> None:
    scope = Scope({'a\\"b': 1, "it's": 2, "back\\slash": 3}, {}, {})

    assert JsonPath("$['a\\\"b']").read(scope) == 1
    assert JsonPath("$['it\\'s']").read(scope) == 2
    assert JsonPath("$['back\\\\slash']").read(scope) == 3


def test_missing_path_is_told_in_awss_words() -> None:
    execution = run_machine(jsonpath("A", A={"Type": "Pass", "InputPath": "$.a[0].b", "End": True}), {})

    assert execution.cause == (
        "An error occurred while executing the state 'A' (entered at the event id #2). "
        "Invalid path '$.a[0].b' : No results for path: $['a'][0]['b']"
    )


def test_path_function_is_refused_by_name() -> None:
    with pytest.raises(PathError, match=r"not implemented by this emulator: the path function 'length\(\)'"):
        JsonPath("$.book.length()")


def test_reference_path_writes_a_copy_and_makes_objects_on_the_way() -> None:
    root = {"a": {"kept": 1}, "list": [1, 2]}

    assert ReferencePath("$.a.new.deep").write(root, 5) == {"a": {"kept": 1, "new": {"deep": 5}}, "list": [1, 2]}
    assert ReferencePath("$.list[1]").write(root, 5)["list"] == [1, 5]
    assert root == {"a": {"kept": 1}, "list": [1, 2]}


@pytest.mark.parametrize("path", ["$.a[*]", "$..a", "$.a[0,1]", "$$.a", "a"])
def test_reference_path_is_refused_when_it_may_name_several_places(path: str) -> None:
    with pytest.raises(PathError):
        ReferencePath(path)


def test_data_flow_follows_the_guides_example() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-example.html
    # InputPath selects for the task; ResultPath combines with the raw input; OutputPath selects from that.
    state = {
        "Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:HelloFunction",
        "InputPath": "$.lambda",
        "ResultPath": "$.data.lambdaresult",
        "OutputPath": "$.data",
        "End": True,
    }
    data = {"comment": "x", "data": {"val1": 23, "val2": 17}, "lambda": {"who": "AWS Step Functions"}}

    execution = run_machine(
        jsonpath("A", A=state), data, functions={"HelloFunction": lambda payload: f"Hello, {payload['who']}!"}
    )

    assert execution.output == {"val1": 23, "val2": 17, "lambdaresult": "Hello, AWS Step Functions!"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Result": {"r": 1}}, {"r": 1}),
        ({"Result": {"r": 1}, "ResultPath": "$.at"}, {"n": 1, "at": {"r": 1}}),
        ({"Result": {"r": 1}, "ResultPath": None}, {"n": 1}),
        ({"Parameters": {"m.$": "$.n", "fixed": "$.n", "deep": {"k.$": "States.MathAdd($.n, 1)"}}}, None),
        ({"InputPath": "$.n"}, 1),
        ({"InputPath": None}, {}),
        ({"OutputPath": "$.n"}, 1),
        ({"OutputPath": None}, {}),
    ],
)
def test_pass_shapes_its_data_when_it_is_jsonpath(fields: dict[str, Any], expected: Any) -> None:
    execution = run_machine(jsonpath("A", A={"Type": "Pass", "End": True, **fields}), {"n": 1})

    assert execution.output == (expected if expected is not None else {"m": 1, "fixed": "$.n", "deep": {"k": 2}})


def test_result_selector_shapes_the_result_before_result_path_places_it() -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f", "Payload.$": "$"},
        "ResultSelector": {"id.$": "$.Payload.id", "state.$": "$$.State.Name"},
        "ResultPath": "$.found",
        "End": True,
    }

    execution = run_machine(jsonpath("A", A=state), {"n": 1}, functions={"f": lambda _payload: {"id": 3, "x": 4}})

    assert execution.output == {"n": 1, "found": {"id": 3, "state": "A"}}


def test_fail_takes_error_and_cause_from_paths_and_intrinsics() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html
    state = {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('{} failed', $.e)"}

    execution = run_machine(jsonpath("F", F=state), {"e": "Bad"})

    assert (execution.error, execution.cause) == ("Bad", "Bad failed")


def test_task_timeout_path_is_read_from_the_input() -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f"},
        "TimeoutSecondsPath": "$.limit",
        "End": True,
    }

    execution = run_machine(jsonpath("A", A=state), {"limit": "soon"}, functions={"f": lambda _payload: 1})

    assert execution.error == "States.Runtime"
    assert 'refers to value "soon" which is not a valid integer' in (execution.cause or "")
