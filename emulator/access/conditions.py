"""The conditions of a policy statement.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from emulator.access.patterns import as_list, matches
from emulator.errors import AwsError

_Test = Callable[[str, str], bool]
_IF_EXISTS = "IfExists"


def _equals_ignoring_case(value: str, wanted: str) -> bool:
    return value.lower() == wanted.lower()


_OPERATORS: dict[str, _Test] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": _equals_ignoring_case,
    "StringLike": lambda value, wanted: matches(wanted, value),
    "ArnEquals": lambda value, wanted: matches(wanted, value),
    "ArnLike": lambda value, wanted: matches(wanted, value),
    "Bool": _equals_ignoring_case,
}
# The same with the answer turned round; a key that the request lacks fulfils them.
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def are_met(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Whether the request fulfils every condition; AwsError names an operator that is not emulated."""
    return all(
        _is_met(operator, key.lower(), [str(item) for item in as_list(wanted)], context)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _is_met(operator: str, key: str, wanted: list[str], context: Mapping[str, str]) -> bool:
    value = context.get(key)
    if operator == "Null":
        return (value is None) == (wanted[0].lower() == "true")
    base = operator.removesuffix(_IF_EXISTS)
    if base in _NEGATED:
        return value is None or not any(_OPERATORS[_NEGATED[base]](value, item) for item in wanted)
    if base not in _OPERATORS:
        raise AwsError("NotImplemented", f"not implemented by this emulator: the condition operator {operator}", 501)
    if value is None:
        return operator.endswith(_IF_EXISTS)
    return any(_OPERATORS[base](value, item) for item in wanted)
