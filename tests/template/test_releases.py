"""A release moves traffic by aliases, and the group's own alarms take it back."""

import re
from pathlib import Path
from typing import Any

import pytest

from emulator.stack import StackPlan
from emulator.stack.template_file import read_template
from tests.template.project_template import EXISTING_PROXY, TEMPLATE, plan_project

_TEMPLATE = read_template(TEMPLATE)
_RESOURCES: dict[str, dict[str, Any]] = _TEMPLATE["Resources"]
_ALARMS = {"RunsFailedAlarm", "SyncUsersErrorsAlarm", "WriteRowsErrorsAlarm"}
_FUNCTIONS = ("ListUsers", "SyncUsers", "WriteRows", "CloseRun")


def _plan(tmp_path: Path, release_type: str) -> StackPlan:
    return plan_project({**EXISTING_PROXY, "ReleaseType": release_type}, tmp_path)


def _alarms_of(plan: StackPlan, value: Any) -> set[str]:
    """Logical ids in a list of alarms, its Fn::If decided."""
    if isinstance(value, dict) and "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        assert condition == "WatchesReleases"
        value = otherwise if plan.parameters["ReleaseType"] == "AllAtOnce" else then
    found = value.get("Alarms", []) if isinstance(value, dict) else value
    return {item["Name"]["Ref"] if "Name" in item else item["Ref"] for item in found}


def test_alarms_exist_when_a_release_is_shifted_even_where_no_others_are_wanted(tmp_path: Path) -> None:
    def made(release_type: str) -> set[str]:
        return set(plan_project({**EXISTING_PROXY, "ReleaseType": release_type, "Alarms": "Off"}, tmp_path).resources)

    assert made("Canary10Percent15Minutes") - made("AllAtOnce") == _ALARMS
    assert not made("AllAtOnce") & _ALARMS


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_function_is_shifted_by_the_parameter_and_watched_by_all_alarms(tmp_path: Path, function: str) -> None:
    plan = _plan(tmp_path, "Canary10Percent15Minutes")
    group = plan.resources[f"{function}FunctionDeploymentGroup"].properties

    assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Canary10Percent15Minutes"}
    assert _alarms_of(plan, group["AlarmConfiguration"]) == _ALARMS
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert group["ServiceRoleArn"] == {"Fn::GetAtt": ["ReleaseRole", "Arn"]}


def test_no_alarm_is_watched_when_a_release_takes_over_at_once(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "AllAtOnce")
    group = plan.resources["SyncUsersFunctionDeploymentGroup"].properties

    assert _alarms_of(plan, group["AlarmConfiguration"]) == set()


def test_machine_is_shifted_as_the_functions_are() -> None:
    values = _TEMPLATE["Parameters"]["ReleaseType"]["AllowedValues"]
    shifts = _TEMPLATE["Mappings"]["MachineRelease"]

    assert list(shifts) == values
    for name, shift in shifts.items():
        assert shift["Type"] == ("ALL_AT_ONCE" if name == "AllAtOnce" else name.split("10")[0].upper())
        if name != "AllAtOnce":
            minutes = name.removesuffix("s").removesuffix("Minute").rsplit("Percent", 1)[1].removeprefix("Every")
            assert shift["IntervalMinutes"] == int(minutes)


def test_machine_is_watched_by_the_same_alarms() -> None:
    condition, watched, _ = _RESOURCES["UserBatch"]["Properties"]["DeploymentPreference"]["Alarms"]["Fn::If"]

    assert condition == "WatchesReleases"
    assert {alarm["Ref"] for alarm in watched} == _ALARMS


def test_schedule_and_stream_reach_the_released_versions(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "AllAtOnce")

    assert plan.resources["Schedule"].properties["Target"]["Arn"] == {"Ref": "UserBatchAliaslive"}
    assert plan.resources["RowStreamMapping"].properties["FunctionName"] == {"Ref": "WriteRowsFunctionAliaslive"}
    substitutions = plan.resources["UserBatch"].properties["DefinitionSubstitutions"]
    assert substitutions["SyncUsersFunctionArn"] == {"Ref": "SyncUsersFunctionAliaslive"}


# Parameters that a function uses and that publish no version, each with its reason.
_WITHOUT_VERSION = {
    "TenantGroup",  # another group is another stack
    "DatabaseAuth",  # the rules leave one value on AWS
    "DatabaseTls",
    "DatabasePassword",
    "SyncUsersReservedConcurrency",  # belongs to the function and not to a version
    "SubnetIds",  # would not fit; another VPC brings another host
    "DatabaseHost",  # as ${Host}, which is the own proxy's endpoint where there is one
}


def _description(function: str) -> tuple[str, dict[str, Any]]:
    """What the function's versions are described by, and what its own variables stand for."""
    text, variables = _RESOURCES[f"{function}Function"]["Properties"]["VersionDescription"]["Fn::Sub"]
    return text, variables


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_new_version_is_published_when_a_parameter_changes(function: str) -> None:
    """The alias would stay on the version before it, and the new value would do nothing."""
    properties = _RESOURCES[f"{function}Function"]["Properties"]
    properties = {name: value for name, value in properties.items() if name != "VersionDescription"}
    text, variables = _description(function)
    # Role and log group are attributes of resources; the alias and its alarms are no part of a version.
    shared = {
        name: _TEMPLATE["Globals"]["Function"][name] for name in ("Runtime", "Architectures", "Tracing", "Environment")
    }
    used = set(re.findall(r"'Ref': '(\w+)'", str([properties, shared]))) & set(_TEMPLATE["Parameters"])

    described = set(re.findall(r"\$\{(\w+)\}", text)) | set(_switches(variables).values())
    assert used - described - _WITHOUT_VERSION == set()
    assert "DATABASE_HOST" not in str(properties) or "DatabaseHost" in str(variables["Host"])


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_description_of_a_version_fits_whatever_the_parameters_are(function: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
    text, variables = _description(function)
    names = re.findall(r"\$\{(\w+)\}", text)
    lengths = {"Host": "DatabaseHost"}
    known = [len(_switches(variables)) if name == "Switches" else _longest(lengths.get(name, name)) for name in names]

    assert len(names) - 1 + sum(known) <= 256


def _switches(variables: dict[str, Any]) -> dict[str, str]:
    """{letter: parameter} of the parameters that are on or off: a letter each, because their values would not fit."""
    found = {}
    for item in variables["Switches"]["Fn::Join"][1]:
        condition, letter, other = item["Fn::If"]
        (parameter,) = (part["Ref"] for part in _TEMPLATE["Conditions"][condition]["Fn::Equals"] if "Ref" in part)
        assert (len(letter), other) == (1, "-")
        assert len(_TEMPLATE["Parameters"][parameter]["AllowedValues"]) == 2
        found[letter] = parameter
    return found


def test_new_version_is_published_when_a_layer_changes() -> None:
    layers = {layer["Ref"] for name in _FUNCTIONS for layer in _RESOURCES[f"{name}Function"]["Properties"]["Layers"]}

    assert layers == {"BatchLayer", "JobLayer"}
    assert all(_RESOURCES[name]["Properties"]["PublishLambdaVersion"] for name in layers)


def _longest(name: str) -> int:
    parameter = _TEMPLATE["Parameters"][name]
    if "AllowedValues" in parameter:
        return max(len(str(value)) for value in parameter["AllowedValues"])
    if "MaxValue" in parameter:
        return len(str(parameter["MaxValue"]))
    if "MaxLength" in parameter:
        return int(parameter["MaxLength"])
    prefix = 1 if parameter["AllowedPattern"].startswith("^[A-Za-z_][") else 0
    return prefix + int(re.findall(r",(\d+)\}", parameter["AllowedPattern"])[-1])


@pytest.mark.parametrize("name", sorted(_ALARMS))
def test_alarm_is_quiet_when_nothing_runs(name: str) -> None:
    alarm = _RESOURCES[name]["Properties"]

    assert _RESOURCES[name]["Condition"] == "WatchesRuns"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert sum(metric.get("ReturnData", True) for metric in alarm["Metrics"]) == 1


@pytest.mark.parametrize("function", ["SyncUsers", "WriteRows"])
def test_alarm_reads_the_alias_and_rings_for_a_tenth_that_always_fails(function: str) -> None:
    alarm = _RESOURCES[f"{function}ErrorsAlarm"]["Properties"]
    dimensions = [item["MetricStat"]["Metric"]["Dimensions"] for item in alarm["Metrics"] if "MetricStat" in item]

    assert len(dimensions) == 2
    for names in dimensions:
        assert {"Name": "Resource", "Value": {"Fn::Sub": f"${{{function}Function}}:live"}} in names
    assert alarm["Threshold"] < 10


def test_alarm_of_runs_makes_no_circle_with_what_it_watches() -> None:
    # Alias -> deployment group -> alarm; the machine needs the aliases, so the alarm may not need the machine.
    assert "'UserBatch'" not in str(_RESOURCES["RunsFailedAlarm"])
