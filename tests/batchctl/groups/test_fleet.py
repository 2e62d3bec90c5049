"""The dashboards of all groups hold CloudWatch's limits, name what the stacks have, and change by a group's lines."""

import json
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from batchctl.groups.errors import GroupProblemsError, RenderError
from batchctl.groups.project import Project
from batchctl.groups.reading import read_groups
from batchctl.groups.rendering import render_project
from batchctl.project_tree import PROJECT_ROOT
from emulator.stack.template_file import read_template
from tests.batchctl.groups.groups_project import REGIONS, make_content, make_many, make_project, write_group
from tests.template.aws_metrics import AWS_METRICS
from tests.template.dashboard_body import find_problems, read_metrics
from tests.template.project_template import EXISTING_PROXY
from tests.template.resolved_template import STACK, ResolvedTemplate


def _lines(project: Project) -> list[str]:
    return render_project(project)[project.rendered_fleet].splitlines()


def _dashboards(project: Project) -> dict[str, str]:
    """Bodies by their logical ids."""
    project.rendered.mkdir(parents=True, exist_ok=True)
    project.rendered_fleet.write_text(render_project(project)[project.rendered_fleet], encoding="utf-8")
    resources = read_template(project.rendered_fleet)["Resources"]
    return {
        name: item["Properties"]["DashboardBody"]["Fn::Sub"].replace("${AWS::Partition}", "aws")
        for name, item in resources.items()
    }


def _widgets(body: str, kind: str) -> list[dict[str, Any]]:
    return [widget["properties"] for widget in json.loads(body)["widgets"] if widget["type"] == kind]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """200 groups over three regions and two accounts."""
    return make_project(tmp_path_factory.mktemp("many"), make_many(200))


def test_one_dashboard_shows_200_groups_over_three_regions(many: Project) -> None:
    dashboards = _dashboards(many)

    assert list(dashboards) == ["Fleet"]
    assert find_problems(dashboards["Fleet"]) == []
    rows = _widgets(dashboards["Fleet"], "metric")
    assert [row["title"].split(":")[0] for row in rows] == [f"group-{index:03}" for index in range(200)]
    assert {row["region"] for row in rows} == set(REGIONS)
    links = [text["markdown"] for text in _widgets(dashboards["Fleet"], "text")]
    assert all(any(f"[group-{index:03}](https://" in link for link in links) for index in range(200))


def test_every_alarm_of_trouble_is_listed_once_with_those_of_its_account_and_region(many: Project) -> None:
    groups = read_groups(many)

    lists = _widgets(_dashboards(many)["Fleet"], "alarm")
    found = [arn.split(":") for item in lists for arn in item["alarms"]]
    assert sorted((arn[3], arn[4], arn[6]) for arn in found) == sorted(
        (group.region, group.account, f"{group.stack_name}-GroupInTrouble") for group in groups
    )
    for item in lists:
        places = {(arn.split(":")[4], arn.split(":")[3]) for arn in item["alarms"]}
        assert [f"Account {account}, {region}" for account, region in places] == [item["title"]]


def test_further_dashboards_come_when_there_are_more_groups_than_one_takes(tmp_path: Path) -> None:
    project = make_project(tmp_path, make_many(450))

    dashboards = _dashboards(project)

    assert list(dashboards) == ["Fleet", "Fleet2"]
    assert [find_problems(body) for body in dashboards.values()] == [[], []]
    assert sum(len(_widgets(body, "metric")) for body in dashboards.values()) == 450
    resources = read_template(project.rendered_fleet)["Resources"].values()
    assert [item["Properties"]["DashboardName"] for item in resources] == [
        {"Ref": "DashboardName"},
        {"Fn::Sub": "${DashboardName}-2"},
    ]


def test_limits_hold_when_every_group_has_an_account_of_its_own(tmp_path: Path) -> None:
    groups = {name: {**item, "account": f"{index:012}"} for index, (name, item) in enumerate(make_many(200).items())}

    dashboards = _dashboards(make_project(tmp_path, groups))

    assert [find_problems(body) for body in dashboards.values()] == [[], []]


@pytest.mark.parametrize("name", ["aa-first", "group-050x", "zz-last"])
def test_adding_a_group_changes_its_own_lines_alone(tmp_path: Path, name: str) -> None:
    project = make_project(tmp_path, make_many(150))
    before = _lines(project)
    write_group(project, name, make_content(1, region="eu-west-1"))

    changes = list(unified_diff(before, _lines(project), lineterm="", n=0))[2:]

    assert [line for line in changes if name not in line and not line.startswith("@@")] == [
        "+          ,"  # the one beside its alarm
    ]
    assert len([line for line in changes if line.startswith("+") and name in line]) == 3


def test_a_group_is_linked_to_its_dashboard_where_it_has_one_and_else_to_its_alarms(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "north": make_content(0, region="eu-west-1", parameters={"Dashboard": "Active"}, stack="nord"),
            "south": make_content(1, parameters={"Alarms": "Off"}),
        },
    )

    (body,) = _dashboards(project).values()
    north, south = [text["markdown"] for text in _widgets(body, "text")][1:]

    assert "console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/nord-eu-west-1)" in north
    assert "#alarmsV2:?search=express-batch-south)" in south
    assert [item["alarms"] for item in _widgets(body, "alarm")] == [
        ["arn:aws:cloudwatch:eu-west-1:111122223333:alarm:nord-GroupInTrouble"]
    ]


def test_names_are_those_of_the_groups_stack(tmp_path: Path) -> None:
    """Function, machine, alarm, dashboard: no reference holds the fleet's dashboard and the stacks together."""
    project = make_project(tmp_path, {"demo": make_content(0, parameters={"Dashboard": "Active"}, stack=STACK)})
    template = ResolvedTemplate({**EXISTING_PROXY, "Dashboard": "Active"})
    (body,) = _dashboards(project).values()
    machine = template.reference("UserBatch", "test").split(":")

    values = {
        "StateMachineArn": {":".join([*machine[:4], "111122223333", *machine[5:]])},
        "FunctionName": {template.reference("WriteRowsFunction", "test")},
        "Resource": {template.reference("WriteRowsFunction", "test") + ":live"},
        "TenantGroup": {"demo"},
    }
    metrics = list(read_metrics(body))
    assert {(name, value) for _, _, dimensions in metrics for name, value in dimensions.items()} == {
        (name, value) for name, known in values.items() for value in known
    }
    own = [item for item in metrics if item[0].startswith("AWS/")]
    assert [item for item in own if set(item[2]) not in AWS_METRICS[item[:2]]] == []
    assert template.properties("GroupInTroubleAlarm")["AlarmName"] in body
    assert f"/{template.properties('GroupDashboard')['DashboardName']})" in body


def test_committed_dashboard_is_what_its_source_says() -> None:
    project = Project()

    assert project.rendered_fleet.read_text(encoding="utf-8") == render_project(project)[project.rendered_fleet]


@pytest.mark.parametrize(
    ("old", "new"), [("  Fleet:", "  Fleets:"), ('"widgets"', '"wigets"'), ('{"start"', '"start"'), ("!Sub |", "|")]
)
def test_nothing_is_rendered_when_the_base_is_not_such_a_dashboard(tmp_path: Path, old: str, new: str) -> None:
    project = make_project(tmp_path, {"north": make_content(0)})
    project.base_fleet.write_text(project.base_fleet.read_text().replace(old, new, 1))

    with pytest.raises(RenderError, match="the base of the fleet's dashboard"):
        render_project(project)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"ScheduleExpression": "rate(1 hour)"}, "25 rings between two runs of rate(1 hour): give 125"),
        ({"ScheduleExpression": "rate(1 day)"}, "25 rings between two runs of rate(1 day): give 0"),
        ({"ExpectedRunMinutes": 10}, "10 rings between two runs of rate(10 minutes): give 25"),
    ],
)
def test_check_refuses_an_alarm_that_rings_between_two_runs(
    tmp_path: Path, parameters: dict[str, Any], problem: str
) -> None:
    project = make_project(tmp_path, {"north": make_content(0, parameters=parameters)})

    with pytest.raises(GroupProblemsError, match=r"parameters\.ExpectedRunMinutes: ") as caught:
        read_groups(project)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {"ScheduleExpression": "cron(0 4 * * ? *)"},
        {"ScheduleExpression": "rate(1 day)", "ExpectedRunMinutes": 0},
        {"ScheduleExpression": "rate(1 hour)", "ExpectedRunMinutes": 125},
    ],
)
def test_check_takes_an_alarm_that_fits_or_that_it_cannot_judge(tmp_path: Path, parameters: dict[str, Any]) -> None:
    assert len(read_groups(make_project(tmp_path, {"north": make_content(0, parameters=parameters)}))) == 1


def test_base_is_a_dashboard_by_itself() -> None:
    body = read_template(PROJECT_ROOT / "pipeline/fleet-dashboard.yaml")["Resources"]["Fleet"]["Properties"]

    problems = find_problems(body["DashboardBody"]["Fn::Sub"])
    assert [problem for problem in problems if "<alarms>" not in problem] == []
