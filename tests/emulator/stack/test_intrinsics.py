"""Intrinsic functions give what CloudFormation's give, and the others are refused by name.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from typing import Any

import pytest

from emulator.identity import Identity
from emulator.stack.errors import TemplateError
from emulator.stack.intrinsics import DEFERRED, NoResources, Resolver

_TEMPLATE = {
    "Mappings": {"Sizes": {"us-east-1": {"Small": 1}}},
    "Conditions": {
        "IsSmall": {"Fn::Equals": [{"Ref": "Size"}, "small"]},
        "IsLarge": {"Fn::Not": [{"Condition": "IsSmall"}]},
        "Both": {"Fn::And": [{"Condition": "IsSmall"}, {"Condition": "IsLarge"}]},
        "Either": {"Fn::Or": [{"Condition": "IsSmall"}, {"Condition": "IsLarge"}]},
        "Hen": {"Fn::Not": [{"Condition": "Egg"}]},
        "Egg": {"Fn::Not": [{"Condition": "Hen"}]},
    },
}


class _OneBucket:
    """A stack with one bucket, which is known or not yet."""

    def __init__(self, name: Any = "demo-bucket") -> None:
        self._name = name

    def has(self, logical_id: str) -> bool:
        return logical_id == "Bucket"

    def reference(self, logical_id: str, where: str) -> Any:
        return self._name

    def attribute(self, logical_id: str, name: str, where: str) -> Any:
        return DEFERRED if self._name is DEFERRED else f"arn:aws:s3:::{self._name}/{name}"


def _resolver(size: str = "small") -> Resolver:
    return Resolver(
        _TEMPLATE,
        {"Size": size, "Ids": ["a", "b"], "Count": "0"},
        stack_name="demo",
        identity=Identity(),
        imports={"network": "vpc-1"},
    )


def _resolve(value: Any, size: str = "small") -> Any:
    return _resolver(size).resolve(value, _OneBucket(), "Thing")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Size"}, "small"),
        ({"Ref": "Ids"}, ["a", "b"]),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        ({"Ref": "AWS::StackName"}, "demo"),
        ({"Ref": "Bucket"}, "demo-bucket"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::demo-bucket/Arn"),
        ({"Fn::GetAtt": "Bucket.Nested.Arn"}, "arn:aws:s3:::demo-bucket/Nested.Arn"),
        ({"Fn::Sub": "${AWS::Partition}-${Bucket.Arn}-${Size}"}, "aws-arn:aws:s3:::demo-bucket/Arn-small"),
        ({"Fn::Sub": ["${Size}-${Other}", {"Other": {"Ref": "Bucket"}}]}, "small-demo-bucket"),
        ({"Fn::Sub": "${!Literal}"}, "${Literal}"),
        ({"Fn::Join": ["-", ["x", {"Ref": "Size"}, 1]]}, "x-small-1"),
        ({"Fn::Join": [",", {"Ref": "Ids"}]}, "a,b"),
        ({"Fn::Split": [":", "a:b:c"]}, ["a", "b", "c"]),
        ({"Fn::Select": [1, {"Fn::Split": [":", "a:b:c"]}]}, "b"),
        ({"Fn::Select": ["0", {"Ref": "Ids"}]}, "a"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "Small"]}, 1),
        ({"Fn::If": ["IsSmall", "yes", {"Ref": "Nowhere"}]}, "yes"),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::GetAZs": ""}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ({"Fn::ImportValue": "network"}, "vpc-1"),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ),
    ],
)
def test_resolve_gives_the_value_when_the_function_is_known(value: Any, expected: Any) -> None:
    assert _resolve(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"A": {"Ref": "AWS::NoValue"}, "B": 1}, {"B": 1}),
        ({"A": ["x", {"Fn::If": ["IsLarge", "y", {"Ref": "AWS::NoValue"}]}]}, {"A": ["x"]}),
    ],
)
def test_resolve_drops_the_property_when_it_has_no_value(value: Any, expected: Any) -> None:
    assert _resolve(value) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("IsSmall", False), ("IsLarge", True), ("Both", False), ("Either", True)],
)
def test_is_true_follows_the_parameter_when_conditions_build_on_each_other(condition: str, *, expected: bool) -> None:
    assert _resolver("large").is_true(condition, "Thing") is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Fn::Equals": [{"Ref": "Count"}, 0]}, True),
        ({"Fn::Contains": [["small", "large"], {"Ref": "Size"}]}, True),
        ({"Fn::EachMemberIn": [{"Ref": "Ids"}, ["a", "b", "c"]]}, True),
        ({"Fn::EachMemberEquals": [{"Ref": "Ids"}, "a"]}, False),
    ],
)
def test_resolve_boolean_gives_the_answer_when_the_function_belongs_to_rules(value: Any, *, expected: bool) -> None:
    assert _resolver().resolve_boolean(value, "Rules.R") is expected


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::Sub": "x-${Bucket}"},
        {"Fn::Sub": "x-${Bucket.Arn}"},
        {"Fn::Join": ["", ["x", {"Ref": "Bucket"}]]},
        {"Fn::Select": [6, {"Fn::Split": [":", {"Fn::GetAtt": ["Bucket", "Arn"]}]}]},
        {"Fn::Base64": {"Ref": "Bucket"}},
    ],
)
def test_resolve_defers_the_value_when_the_resource_is_not_there_yet(value: Any) -> None:
    assert _resolver().resolve(value, _OneBucket(DEFERRED), "Thing") is DEFERRED


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Nowhere"}, r"Thing\.A: Ref names Nowhere, which is not a parameter or a resource"),
        ({"Fn::GetAtt": ["Nowhere", "Arn"]}, "Fn::GetAtt names Nowhere, which is not a resource"),
        ({"Fn::Sub": "${Nowhere}"}, "Ref names Nowhere"),
        ({"Fn::Transform": {"Name": "AWS::Include"}}, "Fn::Transform is not emulated"),
        ({"Fn::ToJsonString": {}}, "Fn::ToJsonString is not emulated"),
        ("{{resolve:ssm:name}}", "dynamic references .* are not emulated"),
        ({"Fn::Sub": "{{resolve:secretsmanager:${Size}}}"}, "dynamic references .* are not emulated"),
        ({"Fn::ForEach::Names": []}, "Fn::ForEach is not emulated"),
        ({"Fn::ImportValue": "database"}, "Fn::ImportValue needs the export database"),
        ({"Fn::FindInMap": ["Sizes", "eu-west-1", "Small"]}, r"Mappings\.Sizes has no eu-west-1, only us-east-1"),
        ({"Fn::Select": [2, {"Ref": "Ids"}]}, "asks for item 2 of 2"),
        ({"Fn::Join": ["", "text"]}, "Fn::Join takes a list"),
        ({"Fn::Cidr": ["10.0.0.0/24", 3, 7]}, "cannot make 3 blocks"),
        ({"Fn::If": ["Unknown", 1, 2]}, "condition Unknown is not defined"),
        ({"Fn::If": ["Hen", 1, 2]}, "conditions need each other: Hen -> Egg -> Hen"),
        ({"Ref": "Size", "Other": 1}, "Ref stands beside other keys"),
    ],
)
def test_resolve_names_the_place_and_the_cause_when_the_value_cannot_be_had(value: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        _resolve({"A": value})


@pytest.mark.parametrize(
    "value", [{"Fn::Equals": [{"Ref": "Bucket"}, "x"]}, {"Fn::Equals": [{"Fn::GetAtt": ["Bucket", "Arn"]}, "x"]}]
)
def test_resolve_boolean_refuses_a_resource_when_it_stands_in_a_condition(value: Any) -> None:
    with pytest.raises(TemplateError, match="Bucket"):
        _resolver().resolve_boolean(value, "Conditions.C")


def test_no_resources_has_none_when_asked() -> None:
    assert NoResources().has("Bucket") is False
