"""Intrinsic functions.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from typing import Any

import pytest

from emulator.step_functions.failures import EvaluationError
from emulator.step_functions.intrinsic_calls import parse_call
from emulator.step_functions.intrinsics import INTRINSICS
from emulator.step_functions.jsonpath_parser import PathError
from emulator.step_functions.scope import Scope

INPUT = {
    "name": "Foo",
    "items": [1, 2, 3, 4, 5, 6, 7, 8, 9],
    "again": [1, 2, 3, 3, True, 1],
    "one": {"a": 1, "b": 2},
    "two": {"a": 3},
    "text": '{"number": 20}',
}


def evaluate(call: str) -> Any:
    """The value of a call over the input above."""
    return parse_call(call).evaluate(Scope(INPUT, {"Execution": {"Name": "e"}}, {"v": 4}))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("States.Array($.name, 1, null, true)", ["Foo", 1, None, True]),
        ("States.Array()", []),
        ("States.ArrayPartition($.items, 4)", [[1, 2, 3, 4], [5, 6, 7, 8], [9]]),
        ("States.ArrayContains($.items, 5)", True),
        ("States.ArrayContains($.items, '5')", False),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayGetItem($.items, 5)", 6),
        ("States.ArrayLength($.items)", 9),
        ("States.ArrayUnique($.again)", [1, 2, 3, True]),
        ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
        ("States.Base64Decode('RGVjb2RlZCBkYXRh')", "Decoded data"),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("States.JsonMerge($.one, $.two, false)", {"a": 3, "b": 2}),
        ("States.StringToJson($.text)", {"number": 20}),
        ("States.JsonToString($.one)", '{"a":1,"b":2}'),
        ("States.MathAdd(111, -1)", 110),
        ("States.StringSplit('1,2,3,4,5', ',')", ["1", "2", "3", "4", "5"]),
        ("States.StringSplit('This.is+a,test', '.+,')", ["This", "is", "a", "test"]),
        ("States.Format('Hello, my name is {}.', $.name)", "Hello, my name is Foo."),
        ("States.Format('{}: {} of {}', $.name, 1, $.one)", "Foo: 1 of {a=1, b=2}"),
        ("States.Format('{} {}', States.Array(1, 'x', null), true)", "[1, x, null] true"),
        ("States.StringToJson(' ')", None),
        ("States.MathAdd(0.5, 0)", 1),
        ("States.MathAdd(-1.5, 2.5)", 2),
        ("States.Format('\\{{}\\} \\'x\\'', $.name)", "{Foo} 'x'"),
        ("States.StringSplit('a\\{b', '\\{')", ["a", "b"]),
        ("States.Format('{}', $$.Execution.Name)", "e"),
        ("States.MathAdd($v, States.ArrayLength(States.Array(1, 2)))", 6),
    ],
)
def test_call_gives_the_documented_value(call: str, expected: Any) -> None:
    assert evaluate(call) == expected


def test_math_random_is_in_its_range_and_repeatable_by_seed() -> None:
    # "The start number is inclusive and the end number is exclusive."
    assert {evaluate("States.MathRandom(1, 4)") for _ in range(200)} == {1, 2, 3}
    assert evaluate("States.MathRandom(1, 1000, 5)") == evaluate("States.MathRandom(1, 1000, 5)")


def test_uuid_differs_each_time() -> None:
    assert evaluate("States.UUID()") != evaluate("States.UUID()")


def test_every_documented_function_is_there() -> None:
    assert len(INTRINSICS) == 18


@pytest.mark.parametrize(
    "call",
    [
        "States.ArrayGetItem($.items, 99)",
        "States.ArrayRange(1, 5000, 1)",
        "States.ArrayRange(1, 5, 0)",
        "States.StringToJson('{')",
        "States.Hash('a', 'CRC')",
        "States.JsonMerge($.one, $.two, true)",
        "States.Format('{} {}', 1)",
        "States.ArrayLength($.name)",
        "States.Base64Decode('not base 64')",
    ],
)
def test_call_fails_by_name_when_the_arguments_do_not_fit(call: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(call)

    assert caught.value.error == "States.IntrinsicFailure"
    assert call.split("(", maxsplit=1)[0] in caught.value.detail


@pytest.mark.parametrize(
    "call",
    [
        "States.Nope(1)",
        "States.Format",
        "States.Format('a'",
        "States.UUID(1)",
        "States.MathAdd(1)",
        "States.UUID() x",
        "States.Format('\\n')",
        "States.ArrayLength(States.Array(" * 6 + "1" + "))" * 6,
    ],
)
def test_call_is_refused_when_it_does_not_parse_or_nests_too_deep(call: str) -> None:
    with pytest.raises(PathError):
        parse_call(call)
