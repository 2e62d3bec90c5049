"""Parameters are checked as CloudFormation checks them.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from typing import Any

import pytest

from emulator.stack.errors import ParameterError, TemplateError
from emulator.stack.parameters import resolve_parameters


def _problems(declared: dict[str, dict[str, Any]], given: dict[str, Any]) -> list[str]:
    with pytest.raises(ParameterError) as caught:
        resolve_parameters(declared, given)
    return caught.value.problems


def test_resolve_parameters_gives_text_when_values_are_numbers_and_booleans() -> None:
    declared: dict[str, dict[str, Any]] = {"Size": {"Type": "Number", "Default": 5}, "On": {"Type": "String"}}

    assert resolve_parameters(declared, {"On": True}) == {"Size": "5", "On": "true"}


def test_resolve_parameters_gives_a_list_when_the_type_is_a_list() -> None:
    declared = {"Ids": {"Type": "CommaDelimitedList"}, "Ports": {"Type": "List<Number>", "Default": "1, 2"}}

    assert resolve_parameters(declared, {"Ids": ["a", "b"]}) == {"Ids": ["a", "b"], "Ports": ["1", "2"]}


@pytest.mark.parametrize(
    ("rules", "value", "rule"),
    [
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc1", "does not match AllowedPattern [a-z]+"),
        ({"Type": "String", "AllowedValues": ["on", "off"]}, "no", "is not one of AllowedValues on, off"),
        ({"Type": "Number", "MinValue": 1}, "0", "is below MinValue 1"),
        ({"Type": "Number", "MaxValue": 40}, 41, "is above MaxValue 40"),
        ({"Type": "Number"}, "many", "is no number"),
        ({"Type": "String", "MinLength": 2}, "a", "is shorter than MinLength 2"),
        ({"Type": "String", "MaxLength": 2}, "abc", "is longer than MaxLength 2"),
        ({"Type": "CommaDelimitedList", "AllowedPattern": "s-.+"}, "s-1,x", "does not match AllowedPattern s-.+"),
    ],
)
def test_resolve_parameters_names_parameter_value_and_rule_when_the_value_breaks_it(
    rules: dict[str, Any], value: Any, rule: str
) -> None:
    problems = _problems({"Thing": {**rules, "ConstraintDescription": "what it has to be"}}, {"Thing": value})

    assert len(problems) == 1
    assert problems[0].startswith("parameter Thing: value ")
    assert rule in problems[0]
    assert problems[0].endswith(": what it has to be")


def test_resolve_parameters_says_everything_at_once_when_several_are_wrong() -> None:
    declared: dict[str, dict[str, Any]] = {"Size": {"Type": "Number", "MaxValue": 1}, "Name": {"Type": "String"}}

    problems = _problems(declared, {"Size": 2, "Nmae": "x"})

    assert [problem.split(" ")[1].rstrip(":") for problem in problems] == ["Nmae", "Size", "Name"]
    assert "is unknown to the template, which has Name, Size" in problems[0]
    assert "has no value and no default" in problems[2]


def test_resolve_parameters_hides_the_value_when_the_parameter_has_no_echo() -> None:
    declared = {"Password": {"Type": "String", "NoEcho": True, "MaxLength": 3}}

    problems = _problems(declared, {"Password": "hunter2"})

    assert "hunter2" not in problems[0]


def test_resolve_parameters_refuses_the_type_by_name_when_it_is_not_emulated() -> None:
    declared = {"Image": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/image"}}

    with pytest.raises(TemplateError, match="parameter Image is of type AWS::SSM::Parameter::Value<String>"):
        resolve_parameters(declared, {})
