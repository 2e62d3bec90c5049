"""The template's Rules: combinations of parameters that it refuses by name."""

from collections.abc import Mapping
from typing import Any

from emulator.stack.errors import ParameterError
from emulator.stack.intrinsics import Resolver


def check_rules(rules: Mapping[str, Mapping[str, Any]], resolver: Resolver) -> None:
    """Raises ParameterError with the description of each assertion that does not hold.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    problems = []
    for name, rule in rules.items():
        condition = rule.get("RuleCondition", True)
        if not resolver.resolve_boolean(condition, f"Rules.{name}.RuleCondition"):
            continue
        for index, assertion in enumerate(rule.get("Assertions", [])):
            if not resolver.resolve_boolean(assertion["Assert"], f"Rules.{name}.Assertions[{index}]"):
                problems.append(f"rule {name}: {assertion.get('AssertDescription', 'does not hold')}")
    if problems:
        raise ParameterError(problems)
