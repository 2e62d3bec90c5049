"""The template's Rules: combinations of parameters that it refuses by name."""

from collections.abc import Mapping
from typing import Any

from emulator.stack.errors import ParameterError, TemplateError
from emulator.stack.intrinsics import Resolver

# The only functions that a rule may use; CloudFormation has three more, which are not emulated.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
_FUNCTIONS = frozenset(
    {"Ref", "Fn::And", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn", "Fn::Equals", "Fn::Not", "Fn::Or"}
)


def check_rules(rules: Mapping[str, Mapping[str, Any]], resolver: Resolver) -> None:
    """Raises ParameterError with the description of each assertion that does not hold.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    problems = []
    for name, rule in rules.items():
        if not _holds(rule.get("RuleCondition", True), f"Rules.{name}.RuleCondition", resolver):
            continue
        for index, assertion in enumerate(rule.get("Assertions", [])):
            if not _holds(assertion["Assert"], f"Rules.{name}.Assertions[{index}]", resolver):
                problems.append(f"rule {name}: {assertion.get('AssertDescription', 'does not hold')}")
    if problems:
        raise ParameterError(problems)


def _holds(expression: Any, where: str, resolver: Resolver) -> bool:
    _check_functions(expression, where)
    return resolver.resolve_boolean(expression, where)


def _check_functions(value: Any, where: str) -> None:
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    for name in value if isinstance(value, dict) else ():
        if name not in _FUNCTIONS:
            raise TemplateError(f"{where}: a rule cannot use {name}, only {', '.join(sorted(_FUNCTIONS))}")
    for item in items:
        _check_functions(item, where)
