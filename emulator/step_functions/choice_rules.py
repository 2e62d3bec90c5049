"""The choice rules of JSONPath states.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html#state-choice-rules
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from emulator.step_functions.failures import RUNTIME, EvaluationError
from emulator.step_functions.jsonpath import JsonPath, PathNotFoundError
from emulator.step_functions.jsonpath_parser import PathError
from emulator.step_functions.scope import Scope
from emulator.step_functions.timestamps import parse_timestamp

Rule = Callable[[Scope], bool]
Compare = Callable[[Any, Any], bool]

COMBINATORS = ("And", "Or", "Not")
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda left, right: bool(left == right),
    "LessThan": lambda left, right: bool(left < right),
    "GreaterThan": lambda left, right: bool(left > right),
    "LessThanEquals": lambda left, right: bool(left <= right),
    "GreaterThanEquals": lambda left, right: bool(left >= right),
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_timestamp(value: Any) -> datetime | None:
    return parse_timestamp(value) if isinstance(value, str) else None


_TYPE_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": _is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: _as_timestamp(value) is not None,
}


_CASTS: dict[str, Callable[[Any], Any]] = {
    "String": lambda value: value if isinstance(value, str) else None,
    "Numeric": lambda value: value if _is_number(value) else None,
    "Boolean": lambda value: value if isinstance(value, bool) else None,
    "Timestamp": _as_timestamp,
}


@lru_cache(maxsize=1024)
def _wildcard(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"(\\\*|\\\\|\*)", pattern)
    return re.compile("".join({"*": ".*", "\\*": r"\*", "\\\\": r"\\"}.get(p, re.escape(p)) for p in pieces), re.DOTALL)


def _comparison(kind: str, ordering: str) -> Compare:
    cast, order = _CASTS[kind], _ORDERINGS[ordering]

    def compare(left: Any, right: Any) -> bool:
        # Values of another type never match; nothing is converted.
        first, second = cast(left), cast(right)
        return first is not None and second is not None and order(first, second)

    return compare


COMPARISONS: dict[str, Compare] = {
    "BooleanEquals": _comparison("Boolean", "Equals"),
    **{
        f"{kind}{order}": _comparison(kind, order)
        for kind in ("String", "Numeric", "Timestamp")
        for order in _ORDERINGS
    },
}
OPERATORS = frozenset(
    {*COMPARISONS, *(f"{name}Path" for name in COMPARISONS), *_TYPE_TESTS, "IsPresent", "StringMatches"}
)


def compile_rule(source: dict[str, Any]) -> Rule:
    """The test that a choice rule stands for; raises PathError with a message that names the field."""
    for combinator in COMBINATORS:
        if combinator in source:
            return _combine(combinator, source[combinator])
    variable = source.get("Variable")
    if not isinstance(variable, str):
        raise PathError("These fields are required: [Variable]")
    operators = [name for name in source if name in OPERATORS]
    if len(operators) != 1:
        raise PathError("A choice rule must have exactly one comparison operator")
    unknown = set(source) - OPERATORS - {"Variable", "Next", "Comment", "Assign", "Output"}
    if unknown:
        raise PathError(f"The field '{min(unknown)}' is not supported by Step Functions")
    return _compile_comparison(JsonPath(variable), operators[0], source[operators[0]])


def _combine(combinator: str, operands: Any) -> Rule:
    if combinator == "Not":
        if not isinstance(operands, dict):
            raise PathError("'Not' must be a choice rule")
        inner = compile_rule(operands)
        return lambda scope: not inner(scope)
    if not isinstance(operands, list) or not operands or not all(isinstance(item, dict) for item in operands):
        raise PathError(f"'{combinator}' must be a list of choice rules that is not empty")
    rules = [compile_rule(item) for item in operands]
    if combinator == "And":
        return lambda scope: all(rule(scope) for rule in rules)
    return lambda scope: any(rule(scope) for rule in rules)


def _compile_comparison(variable: JsonPath, operator: str, operand: Any) -> Rule:
    if operator == "IsPresent":
        expected = _boolean(operator, operand)
        return lambda scope: _is_present(variable, scope) == expected
    if operator in _TYPE_TESTS:
        test, expected = _TYPE_TESTS[operator], _boolean(operator, operand)
        return lambda scope: test(_read(variable, scope)) == expected
    if operator == "StringMatches":
        if not isinstance(operand, str):
            raise PathError("'StringMatches' must be a string")
        pattern = _wildcard(operand)

        def matches(scope: Scope) -> bool:
            value = _read(variable, scope)
            return isinstance(value, str) and pattern.fullmatch(value) is not None

        return matches
    if operator.endswith("Path"):
        if not isinstance(operand, str):
            raise PathError(f"'{operator}' must be a path")
        compare, other = COMPARISONS[operator.removesuffix("Path")], JsonPath(operand)
        return lambda scope: compare(_read(variable, scope), _read(other, scope))
    compare = COMPARISONS[operator]
    if not compare(operand, operand) and not operator.endswith(("LessThan", "GreaterThan")):
        raise PathError(f"The value of '{operator}' has the wrong type")
    return lambda scope: compare(_read(variable, scope), operand)


def _boolean(operator: str, operand: Any) -> bool:
    if not isinstance(operand, bool):
        raise PathError(f"'{operator}' must be true or false")
    return operand


def _is_present(path: JsonPath, scope: Scope) -> bool:
    try:
        path.read(scope)
    except PathNotFoundError:
        return False
    return True


def _read(path: JsonPath, scope: Scope) -> Any:
    try:
        return path.read(scope)
    except PathNotFoundError as error:
        raise EvaluationError(
            RUNTIME, f"Invalid path '{path.text}': The choice state's condition path references an invalid value."
        ) from error
