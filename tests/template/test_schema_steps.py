"""The schema steps are applied before what needs them is updated, and nothing else waits for them."""

from pathlib import Path
from typing import Any

import pytest

from emulator.stack.template_file import read_template
from tests.template.project_template import EXISTING_PROXY, LOCAL, TEMPLATE, plan_project

_RESOURCES: dict[str, dict[str, Any]] = read_template(TEMPLATE)["Resources"]
_FUNCTION = _RESOURCES["MigrateSchemaFunction"]["Properties"]
_STEPS = _RESOURCES["SchemaSteps"]["Properties"]


def _needs(tmp_path: Path, logical_id: str) -> set[str]:
    """What the resource waits for, however indirectly."""
    resources = plan_project({**EXISTING_PROXY, "MigrationUser": "migrator"}, tmp_path).resources
    found: set[str] = set()
    waiting = {logical_id}
    while waiting:
        new = set[str]().union(*(resources[name].depends_on for name in waiting)) - found
        found |= new
        waiting = new
    return found


@pytest.mark.parametrize("function", ["ListUsers", "WriteRows", "CloseRun"])
def test_function_waits_for_the_steps_when_it_touches_the_database(tmp_path: Path, function: str) -> None:
    assert "SchemaSteps" in _needs(tmp_path, f"{function}Function")
    assert "SchemaSteps" in _needs(tmp_path, f"{function}FunctionAliaslive")


def test_function_waits_for_no_step_when_it_does_not_touch_the_database(tmp_path: Path) -> None:
    assert "SchemaSteps" not in _needs(tmp_path, "SyncUsersFunction")


def test_steps_wait_for_what_reaches_the_database_and_for_the_function_with_all_it_has(tmp_path: Path) -> None:
    needs = _needs(tmp_path, "SchemaSteps")

    assert {"FunctionsToDatabase", "DatabaseFromStack", "FunctionSecurityGroup"} <= needs
    assert {"MigrateSchemaFunction", "MigrateSchemaFunctionEventInvokeConfig", "MigrateSchemaRole"} <= needs
    assert {name.rstrip("0123456789abcdef") for name in needs if "Layer" in name} == {
        "BatchLayer", "MigrateLayer", "MigrationsLayer",
    }  # fmt: skip


def test_steps_wait_for_every_resource_between_functions_and_database_when_it_is_made() -> None:
    between = {
        name
        for name, item in _RESOURCES.items()
        if item["Type"] in ("AWS::RDS::DBProxyTargetGroup", "AWS::EC2::VPCEndpoint")
        or (item["Type"].startswith("AWS::EC2::SecurityGroup") and item["Type"] != "AWS::EC2::SecurityGroup")
    }
    after = {item["Fn::If"][1]["Ref"]: item["Fn::If"][0] for item in _STEPS["After"] if "Fn::If" in item}

    assert set(after) == between
    assert all(_RESOURCES[name]["Condition"] == condition for name, condition in after.items())


def test_steps_are_applied_when_a_file_changes_and_only_then(tmp_path: Path) -> None:
    first, second = (
        plan_project({**EXISTING_PROXY, "MigrationUser": "migrator", "ChunkSize": size}, tmp_path).resources
        for size in ("500", "600")
    )

    (layer,) = (name for name in first if name.startswith("MigrationsLayer"))
    assert first["SchemaSteps"].properties["Steps"] == {"Ref": layer}
    assert layer != "MigrationsLayer", "the id has to hold a digest of the files"
    assert first["SchemaSteps"].properties == second["SchemaSteps"].properties


def test_cloudformation_waits_longer_than_the_function_lives_and_is_answered_once() -> None:
    # 3,600 s are the most. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
    assert _FUNCTION["Timeout"] < _STEPS["ServiceTimeout"] <= 3600
    assert _FUNCTION["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}
    assert _STEPS["ServiceToken"] == {"Fn::GetAtt": ["MigrateSchemaFunction", "Arn"]}


@pytest.mark.parametrize("parameters", [LOCAL, EXISTING_PROXY])
def test_template_has_no_trace_of_it_when_no_user_is_named(tmp_path: Path, parameters: dict[str, str]) -> None:
    made = plan_project(parameters, tmp_path).resources

    assert not [name for name in made if name.startswith(("Migrat", "SchemaSteps"))]
