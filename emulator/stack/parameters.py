"""The parameters of a stack, checked against what the template says of each."""

import re
from collections.abc import Mapping
from typing import Any

from emulator.stack.errors import ParameterError, TemplateError

_NUMBER_TYPES = frozenset({"Number", "List<Number>"})
_LIST_TYPES = frozenset({"CommaDelimitedList", "List<Number>", "List<String>"})
_ANYTHING = re.compile(r"AWS::(EC2|Route53)::[A-Za-z:]+|List<AWS::(EC2|Route53)::[A-Za-z:]+>")


def resolve_parameters(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]
) -> dict[str, str | list[str]]:
    """The value of every declared parameter: a string, or a list of strings for a list type, as Ref gives it.

    Raises ParameterError with one line for each parameter that is unknown, missing or outside its rule.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    problems = [_describe_unknown(name, declared) for name in given if name not in declared]
    values: dict[str, str | list[str]] = {}
    for name, rules in declared.items():
        _check_type(name, rules)
        value = given.get(name, rules.get("Default"))
        if value is None:
            problems.append(f"parameter {name} has no value and no default: {_constraint(rules)}")
            continue
        text = to_parameter_text(value)
        items = _split(text) if _is_list(rules) else [text]
        problems += [problem for item in items if (problem := _check(name, item, rules))]
        values[name] = items if _is_list(rules) else text
    if problems:
        raise ParameterError(problems)
    return values


def to_parameter_text(value: Any) -> str:
    """The value as CloudFormation takes it: every parameter travels as a string."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(to_parameter_text(item) for item in value)
    return str(value)


def _check_type(name: str, rules: Mapping[str, Any]) -> None:
    declared_type = str(rules.get("Type", "String"))
    if declared_type in {"String", *_NUMBER_TYPES, *_LIST_TYPES} or _ANYTHING.fullmatch(declared_type):
        return
    raise TemplateError(f"parameter {name} is of type {declared_type}, which is not emulated: use String or Number")


def _check(name: str, value: str, rules: Mapping[str, Any]) -> str | None:
    broken = _find_broken_rule(value, rules)
    if broken is None:
        return None
    shown = "****" if _is_secret(rules) else repr(value)
    return f"parameter {name}: value {shown} {broken}: {_constraint(rules)}"


def _find_broken_rule(value: str, rules: Mapping[str, Any]) -> str | None:
    """The first rule of the template that the value breaks, as the end of a sentence."""
    allowed = [to_parameter_text(item) for item in rules.get("AllowedValues", [])]
    pattern = rules.get("AllowedPattern")
    if allowed and value not in allowed:
        return f"is not one of AllowedValues {', '.join(allowed)}"
    if pattern is not None and not re.fullmatch(str(pattern), value):
        return f"does not match AllowedPattern {pattern}"
    if rules.get("Type") in _NUMBER_TYPES:
        return _find_broken_bound(value, rules)
    if "MinLength" in rules and len(value) < int(rules["MinLength"]):
        return f"is shorter than MinLength {rules['MinLength']}"
    if "MaxLength" in rules and len(value) > int(rules["MaxLength"]):
        return f"is longer than MaxLength {rules['MaxLength']}"
    return None


def _find_broken_bound(value: str, rules: Mapping[str, Any]) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "is no number"
    if "MinValue" in rules and number < float(rules["MinValue"]):
        return f"is below MinValue {rules['MinValue']}"
    if "MaxValue" in rules and number > float(rules["MaxValue"]):
        return f"is above MaxValue {rules['MaxValue']}"
    return None


def _describe_unknown(name: str, declared: Mapping[str, Any]) -> str:
    return f"parameter {name} is unknown to the template, which has {', '.join(sorted(declared))}"


def _constraint(rules: Mapping[str, Any]) -> str:
    return str(rules.get("ConstraintDescription") or rules.get("Description") or rules.get("Type", "String"))


def _is_list(rules: Mapping[str, Any]) -> bool:
    declared_type = str(rules.get("Type", "String"))
    return declared_type in _LIST_TYPES or declared_type.startswith("List<")


def _is_secret(rules: Mapping[str, Any]) -> bool:
    return str(rules.get("NoEcho", "false")).lower() == "true"


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")]
