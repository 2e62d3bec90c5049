"""What is rendered holds the quotas, is taken by the tools, and changes by a group's own lines alone."""

import json
import shutil
import tomllib
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]

from batchctl.groups.errors import RenderError
from batchctl.groups.places import ACTIONS_PER_PIPELINE, ACTIONS_PER_STAGE
from batchctl.groups.project import Project
from batchctl.groups.rendering import compare_rendered, render_project, write_rendered
from batchctl.project_tree import PROJECT_ROOT
from emulator.stack.template_file import read_template
from tests.batchctl.groups.groups_project import REGIONS, make_content, make_many, make_project, render, write_group

_GROUPS = 200
_TOO_MANY = 500  # for one pipeline


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """200 groups over three regions, rendered."""
    project = make_project(tmp_path_factory.mktemp("many"), make_many(_GROUPS))
    render(project)
    return project


@pytest.fixture(scope="module")
def too_many(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Groups for which one pipeline is not enough, rendered."""
    project = make_project(tmp_path_factory.mktemp("too-many"), make_many(_TOO_MANY))
    render(project)
    return project


def _pipelines(project: Project) -> dict[str, dict[str, Any]]:
    resources = read_template(project.rendered_pipeline)["Resources"]
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CodePipeline::Pipeline"
    }


def _stages(pipeline: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for stage in pipeline["Stages"]:
        yield stage["Fn::If"][1] if "Fn::If" in stage else stage


def _actions(project: Project) -> dict[str, dict[str, Any]]:
    return {
        action["Name"]: action
        for pipeline in _pipelines(project).values()
        for stage in _stages(pipeline)
        for action in stage["Actions"]
    }


def _changed_lines(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    return [
        line
        for name in sorted(set(before) | set(after))
        for line in list(unified_diff(before.get(name, []), after.get(name, []), lineterm="", n=0))[2:]
        if not line.startswith("@@")
    ]


@pytest.mark.parametrize(("fixture", "groups", "pipelines"), [("many", _GROUPS, 1), ("too_many", _TOO_MANY, 2)])
def test_rendered_pipelines_keep_the_quotas_when_there_are_many_groups(
    request: pytest.FixtureRequest, fixture: str, groups: int, pipelines: int
) -> None:
    project: Project = request.getfixturevalue(fixture)

    rendered = _pipelines(project)

    assert len(rendered) == pipelines
    for pipeline in rendered.values():
        counts = [len(stage["Actions"]) for stage in _stages(pipeline)]
        assert max(counts) <= ACTIONS_PER_STAGE
        assert sum(counts) <= ACTIONS_PER_PIPELINE
    assert project.rendered_pipeline.stat().st_size < 1_000_000
    deployed = [name for name in _actions(project) if name.endswith("-Deploy")]
    assert sorted(deployed) == [f"group-{index:03}-Deploy" for index in range(groups)]


def test_groups_of_a_stage_wait_for_nobody(many: Project) -> None:
    # A run order is common to a stage: with another one a group would wait for its neighbours.
    orders = {action["RunOrder"] for name, action in _actions(many).items() if name.startswith("group-")}

    assert orders == {1}
    waves = [stage for stage in _stages(_pipelines(many)["Pipeline"]) if stage["Name"].startswith("Wave")]
    assert {str(stage["OnFailure"]["Fn::If"][2]["RetryConfiguration"]) for stage in waves} == {
        "{'RetryMode': 'FAILED_ACTIONS'}"
    }


def test_the_projects_own_pipeline_is_taken_by_cfn_lint_when_there_are_many_groups(tmp_path: Path) -> None:
    project = make_project(tmp_path, make_many(_TOO_MANY))
    shutil.copy(Project().base_pipeline, project.base_pipeline)
    render(project)

    assert len(_pipelines(project)) == 2
    assert [str(match) for match in lint(project.rendered_pipeline.read_text(), regions=list(REGIONS))] == []
    # Nothing but the waves of its own is missing in the second one.
    first, second = _pipelines(project).values()
    assert {*first} - {*second} == {"RestartExecutionOnUpdate", "Triggers"}


def test_waves_run_in_their_order_when_they_are_in_several_pipelines(too_many: Project) -> None:
    names = [stage["Name"] for pipeline in _pipelines(too_many).values() for stage in _stages(pipeline)]

    waves = [name for name in names if name.startswith("Wave")]
    assert waves[0] == "Wave0a"
    assert waves == sorted(waves)
    # The second pipeline builds the first one's commit, starts through it alone and leaves the stack to it.
    first, second = _pipelines(too_many).values()
    start = first["Stages"][-1]["Actions"][0]
    assert start["Configuration"]["PipelineName"] == {"Ref": "Pipeline2"}
    assert json.loads(start["Configuration"]["SourceRevisions"])[0]["revisionValue"] == "#{SourceVariables.CommitId}"
    assert [stage["Name"] for stage in _stages(second)][:3] == ["Source", "Build", "Wave3g"]
    assert "Triggers" in first
    assert "Triggers" not in second
    assert second["Stages"][0]["Actions"][0]["Configuration"]["DetectChanges"] == "false"
    assert second["Name"] == {"Fn::Sub": "${AWS::StackName}-2"}


def test_further_pipeline_fails_when_anything_but_the_one_before_starts_it(too_many: Project) -> None:
    first, second = _pipelines(too_many).values()

    # CodePipeline starts a pipeline that was just made, and one that is updated where it is told so.
    assert "RestartExecutionOnUpdate" in first
    assert "RestartExecutionOnUpdate" not in second
    (condition,) = second["Stages"][1]["BeforeEntry"]["Conditions"]
    assert condition["Result"] == "FAIL"
    assert condition["Rules"][0]["Configuration"] == {
        "Variable": "#{variables.StartedBy}",
        "Operator": "EQ",
        "Value": "pipeline",
    }
    assert second["Variables"] == [{"Name": "StartedBy", "DefaultValue": "nobody"}]
    start = first["Stages"][-1]["Actions"][0]["Configuration"]
    assert json.loads(start["Variables"]) == [{"name": "StartedBy", "value": "pipeline"}]
    assert "BeforeEntry" not in first["Stages"][1]


def test_failures_are_told_of_every_pipeline_when_there_are_several(too_many: Project) -> None:
    rule = read_template(too_many.rendered_pipeline)["Resources"]["FailureRule"]["Properties"]

    assert rule["EventPattern"]["detail"]["pipeline"] == [{"Ref": "Pipeline"}, {"Ref": "Pipeline2"}]


def test_rendering_again_changes_nothing_when_nothing_has_changed(many: Project) -> None:
    assert compare_rendered(many, render_project(many)) == []
    assert write_rendered(many, render_project(many)) == ([], [])


@pytest.mark.parametrize("name", ["aa-first", "group-050x", "zz-last"])
@pytest.mark.parametrize("wave", [0, 1, 2, 3])
def test_adding_a_group_changes_its_own_lines_alone_when_there_are_200(
    tmp_path: Path, many: Project, name: str, wave: int
) -> None:
    before = {many.show(path): path.read_text().splitlines() for path in _rendered_files(many)}
    write_group(many, name, make_content(wave, region="eu-west-1"))

    after = {many.show(path): text.splitlines() for path, text in render_project(many).items()}
    (many.groups / f"{name}.yaml").unlink()

    changed = _changed_lines(before, after)
    assert all(line.startswith("+") for line in changed)
    # Its action has as many lines as any other's, its stage's beginning 10 where it opens one.
    assert len([line for line in changed if name in line]) >= 10
    own = {make_line.replace("group-002", name) for make_line in _lines_of(before, "group-002")}
    stage_lines = (
        "Wave",
        "OnFailure",
        "Fn::If",
        "RollsWavesBack",
        "Result:",
        "RetryConfiguration",
        "RetryMode",
        "Actions",
    )
    foreign = [line for line in changed if line[1:] not in own and not any(word in line for word in stage_lines)]
    assert [line for line in foreign if "group-" in line and name not in line] == []


@pytest.mark.parametrize("name", ["group-000", "group-077", "group-199"])
def test_removing_a_group_changes_its_own_lines_alone_when_there_are_200(many: Project, name: str) -> None:
    before = {many.show(path): path.read_text().splitlines() for path in _rendered_files(many)}
    content = (many.groups / f"{name}.yaml").read_text()
    (many.groups / f"{name}.yaml").unlink()

    after = {many.show(path): text.splitlines() for path, text in render_project(many).items()}
    (many.groups / f"{name}.yaml").write_text(content)

    changed = _changed_lines(before, after)
    assert all(line.startswith("-") for line in changed)
    assert {line for line in changed if "group-" in line} == {line for line in changed if name in line}
    pipeline = "pipeline/rendered/codepipeline.yaml"
    assert after[pipeline] == _without(before[pipeline], name)


def _rendered_files(project: Project) -> list[Path]:
    return [project.samconfig, *(path for path in project.rendered.rglob("*") if path.is_file())]


def _lines_of(files: dict[str, list[str]], name: str) -> set[str]:
    return {line for lines in files.values() for line in lines if name in line}


def _without(lines: list[str], name: str) -> list[str]:
    """The pipeline's lines without the actions of a group: each begins with its Name and ends before the next one."""
    kept, skips = [], False
    for line in lines:
        if line.startswith("        - Name: ") or (len(line) - len(line.lstrip()) < 8):
            skips = line.startswith(f"        - Name: {name}-")
        if not skips:
            kept.append(line)
    return kept


def test_a_group_is_deployed_and_tried_with_its_own_values(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {"canary": make_content(0), "north": make_content(1, account="444455556666", region="eu-west-1", stack="nord")},
    )
    render(project)
    actions = _actions(project)

    assert actions["north-Deploy"] == {
        "Name": "north-Deploy",
        "ActionTypeId": {"Category": "Invoke", "Owner": "AWS", "Provider": "StepFunctions", "Version": "1"},
        "RunOrder": 1,
        "Region": "eu-west-1",
        "RoleArn": {"Fn::Sub": "arn:${AWS::Partition}:iam::444455556666:role/express-batch-deploy"},
        "InputArtifacts": [{"Name": "BuildOutput"}],
        "Configuration": {
            "StateMachineArn": {
                "Fn::Sub": "arn:${AWS::Partition}:states:eu-west-1:444455556666:stateMachine:ExpressBatchDeployGroup"
            },
            "ExecutionNamePrefix": "north",
            "InputType": "FilePath",
            "Input": "deployments/north.json",
        },
    }


def test_smoke_run_names_a_state_machine_that_the_template_has() -> None:
    machine = read_template(PROJECT_ROOT / "template.yaml")["Resources"]["SmokeRun"]["Properties"]

    assert machine["Name"] == {"Fn::Sub": "${AWS::StackName}-SmokeRun"}
    # The action does not wait for an Express one.
    assert machine.get("Type", "STANDARD") == "STANDARD"


def test_each_later_wave_waits_for_an_approval_when_it_is_asked_for(tmp_path: Path) -> None:
    project = make_project(tmp_path, {f"in-{wave}": make_content(wave) for wave in range(3)})
    render(project)

    stages = _pipelines(project)["Pipeline"]["Stages"][3:]
    names = [stage.get("Name") or (stage["Fn::If"][0], stage["Fn::If"][1]["Name"]) for stage in stages]
    assert names == [
        "Wave0a",
        ("ApprovesWaves", "ApproveWave1"),
        "Wave1a",
        ("ApprovesWaves", "ApproveWave2"),
        "Wave2a",
    ]


def test_pipeline_has_an_artifact_store_for_each_region_of_a_group(tmp_path: Path) -> None:
    groups = {f"in-{region}"[:24]: make_content(0, region=region) for region in REGIONS}
    project = make_project(tmp_path, groups)
    render(project)

    stores = _pipelines(project)["Pipeline"]["ArtifactStores"]
    assert stores[0]["Region"] == {"Ref": "AWS::Region"}
    assert [store["Fn::If"][1]["Region"] for store in stores[1:]] == sorted(REGIONS)


def test_configuration_file_holds_texts_alone(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"north": make_content(0, tags={"CostCenter": "7"}, parameters={"ChunkSize": 9})})
    render(project)

    assert json.loads((project.configurations / "north.json").read_text()) == {
        "Parameters": {
            "TenantGroup": "north",
            "PartnerApiUrl": "https://partner.example.com/v1",
            "DatabaseMode": "existing-proxy",
            "DatabaseHost": "shared.proxy-abc.us-east-1.rds.amazonaws.com",
            "DatabaseResourceId": "prx-0123456789abcdef0",
            "VpcId": "vpc-0123456789abcdef0",
            "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
            "DatabaseSecurityGroupId": "sg-0123456789abcdef0",
            "ChunkSize": "9",
            "PermissionsBoundaryName": "ExpressBatchBoundary",  # which deploy-roles.yaml demands
        },
        "Tags": {"Project": "express-batch", "TenantGroup": "north", "CostCenter": "7"},
    }


def test_boundary_is_that_of_the_group_when_it_names_one(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"north": make_content(0, parameters={"PermissionsBoundaryName": "Stricter"})})
    render(project)

    configuration = json.loads((project.configurations / "north.json").read_text())
    assert configuration["Parameters"]["PermissionsBoundaryName"] == "Stricter"


def test_configuration_file_goes_when_its_group_has_gone(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"north": make_content(0), "south": make_content(1)})
    render(project)
    (project.groups / "south.yaml").unlink()

    lines = compare_rendered(project, render_project(project))
    written, removed = write_rendered(project, render_project(project))

    assert "--- pipeline/rendered/configurations/south.json" in lines
    assert [path.name for path in removed] == ["south.json"]
    assert [path.name for path in project.configurations.iterdir()] == ["north.json"]
    assert project.configurations / "north.json" not in written


def test_samconfig_keeps_what_stands_outside_of_the_markers(tmp_path: Path) -> None:
    parameters = {"ScheduleExpression": "rate(1 hour)", "ExpectedRunMinutes": 125}
    project = make_project(tmp_path, {"north": make_content(0, parameters=parameters)})
    render(project)
    edited = project.samconfig.read_text().replace("version = 0.1", "# by hand\nversion = 0.1") + "# at the end\n"
    project.samconfig.write_text(edited)

    assert render_project(project)[project.samconfig] == edited
    north = tomllib.loads(edited)["north"]["deploy"]["parameters"]
    assert (north["stack_name"], north["region"]) == ("express-batch-north", "us-east-1")
    assert 'ScheduleExpression="rate(1 hour)"' in north["parameter_overrides"]
    assert "DatabaseMode=existing-proxy" in north["parameter_overrides"]
    assert north["tags"] == "Project=express-batch TenantGroup=north"


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("samconfig.toml", "[default.", "[north.", "samconfig.toml has an environment north of its own"),
        ("samconfig.toml", "version = 0.1", "version", "samconfig.toml outside of the markers is no TOML"),
        ("pipeline/codepipeline.yaml", "  Pipeline:", "  Other:", "the base template has no resource Pipeline"),
        ("pipeline/codepipeline.yaml", "PipelineType: V2", "PipelineType: V1", "has to be of PipelineType V2"),
        ("pipeline/codepipeline.yaml", "[{ Name: BuildOutput }]", "[]", "has the output artifact BuildOutput"),
    ],
)
def test_nothing_is_rendered_when_what_it_goes_into_does_not_fit(
    tmp_path: Path, file: str, old: str, new: str, problem: str
) -> None:
    project = make_project(tmp_path, {"north": make_content(0)})
    path = tmp_path / file
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(RenderError, match=problem):
        render_project(project)


@pytest.mark.parametrize(
    "text", ["", "groups: [a]", "groups: {north: Wave0a}\nstages: {}\n", "groups: {n: x}\nstages: {x: 1}"]
)
def test_places_are_refused_when_somebody_has_edited_them(tmp_path: Path, text: str) -> None:
    project = make_project(tmp_path, {"north": make_content(0)})
    project.rendered.mkdir()
    project.places.write_text(text)

    with pytest.raises(RenderError, match=r"pipeline/rendered/places\.yaml is not what render wrote"):
        render_project(project)
