"""Every problem of every group's file is told at once, by file and key."""

from pathlib import Path
from typing import Any

import pytest

from batchctl.groups.errors import GroupProblemsError
from batchctl.groups.project import Project
from batchctl.groups.reading import read_groups
from tests.batchctl.groups.groups_project import make_content, make_project


def _problems(project: Project) -> list[str]:
    with pytest.raises(GroupProblemsError) as caught:
        read_groups(project)
    return caught.value.problems


def test_read_groups_gives_them_by_name_when_all_are_right(tmp_path: Path) -> None:
    groups = {
        "south": make_content(1, stack="south-stack", tags={"CostCenter": "7"}, parameters={"ChunkSize": 500}),
        "north": make_content(0),
    }

    north, south = read_groups(make_project(tmp_path, groups))

    assert (north.name, north.wave, north.stack_name) == ("north", 0, "express-batch-north")
    assert (south.name, south.stack_name, south.parameters["ChunkSize"]) == ("south", "south-stack", "500")
    assert south.parameters["TenantGroup"] == "south"
    assert south.parameters["SubnetIds"] == "subnet-0123456789abcdef0,subnet-0123456789abcdef1"
    assert south.stack_tags == {"Project": "express-batch", "TenantGroup": "south", "CostCenter": "7"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"wave": None}, "wave is missing: a whole number from 0 (the canary"),
        ({"wave": "first"}, 'wave: "first" is refused: expected a whole number from 0'),
        ({"wave": True}, "wave: true is refused: expected a whole number"),
        (
            {"account": 111122223333},
            "account: 111122223333 is refused: expected the AWS account's 12 digits, in quotes",
        ),
        ({"region": "us-east"}, 'region: "us-east" is refused: expected an AWS region'),
        ({"region": "eu-south-1"}, "region: eu-south-1 is not in template.yaml's Mappings.RegionNetwork"),
        (
            {"stack": "express-batch-pipeline"},
            "stack: express-batch-pipeline is called like express-batch-pipeline, which is no group's: give it another",
        ),
        (
            {"stack": "express-batch-fleet-two"},
            "stack: express-batch-fleet-two is called like express-batch-fleet, which is no group's: give it another",
        ),
        ({"stack": "1st"}, 'stack: "1st" is refused: expected the stack\'s name'),
        ({"paramters": {}}, "paramters is unknown to the schema: did you mean parameters?"),
        ({"tags": {"aws:x": "y"}}, 'tags: "aws:x" is refused: expected a tag\'s key'),
        ({"tags": {"Cost": 7}}, "tags.Cost: 7 is refused: expected a text"),
        ({"description": ""}, 'description: "" is refused: expected one sentence'),
        (
            {"parameters": {"ChunkSize": {"a": 1}}},
            'parameters.ChunkSize: {"a": 1} is refused: expected a text, a number',
        ),
        ({"parameters": {"TenantGroup": "other"}}, "parameters.TenantGroup: 'other' is not the file's name"),
        (
            {"parameters": {"ChunkConcurrency": 41}},
            "parameters.ChunkConcurrency: 41 is above MaxValue 40: a whole number",
        ),
        ({"parameters": {"ChunkConcurrency": 0}}, "parameters.ChunkConcurrency: 0 is below MinValue 1"),
        (
            {"parameters": {"ChunkConcurency": 4}},
            "parameters.ChunkConcurency: is unknown to template.yaml: did you mean Ch",
        ),
        ({"parameters": {"LogLevel": "LOUD"}}, "parameters.LogLevel: LOUD is not one of AllowedValues DEBUG, INFO"),
        ({"parameters": {"VpcId": "vpc-X"}}, "parameters.VpcId: vpc-X does not match AllowedPattern"),
        ({"parameters": {"PartnerApiUrl": None}}, "parameters.PartnerApiUrl: has no value and no default"),
        (
            {"parameters": {"DatabaseHost": None}},
            "parameters: rule ExistingProxyIsComplete: DatabaseMode existing-proxy",
        ),
        ({"parameters": {"DatabasePassword": "p4ss"}}, "parameters.DatabasePassword: is a secret (NoEcho)"),
    ],
)
def test_check_names_file_key_and_value_when_a_group_is_wrong(
    tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    project = make_project(tmp_path, {"canary": make_content(0), "alpha": make_content(**{"wave": 1, **change})})

    problems = _problems(project)

    assert len(problems) == 1
    assert problems[0].startswith(f"pipeline/tenant-groups/alpha.yaml: {problem}")
    assert "\n" not in problems[0]
    assert "p4ss" not in problems[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no map of description, wave, account, region and parameters"),
        ("- a\n", "has no map of description"),
        ("wave: 1\nwave: 2\n", "line 2: wave is given twice"),
        ("wave: [1\n", "line 2: expected ',' or ']'"),
        ("!!python/object:os.system {}\n", "line 1: could not determine a constructor"),
    ],
)
def test_check_names_the_line_when_a_file_is_no_map(tmp_path: Path, text: str, problem: str) -> None:
    problems = _problems(make_project(tmp_path, {"canary": make_content(0), "alpha": text}))

    assert len(problems) == 1
    assert problems[0].startswith(f"pipeline/tenant-groups/alpha.yaml: {problem}")


def test_check_tells_everything_together_when_several_files_are_wrong(tmp_path: Path) -> None:
    groups = {
        "alpha": make_content(0, parameters={"ChunkSize": 0, "LogLevel": "LOUD"}),
        "beta": make_content(1, account=None, region=None),
        "gamma": make_content(1, parameters={"Nonsense": "x"}),
    }

    problems = _problems(make_project(tmp_path, groups))

    assert [problem.split(": ")[0].rpartition("/")[2] for problem in problems] == [
        "beta.yaml", "beta.yaml", "alpha.yaml", "alpha.yaml", "gamma.yaml",
    ]  # fmt: skip


def test_check_refuses_a_second_stack_of_one_name_when_account_and_region_are_the_same(tmp_path: Path) -> None:
    groups = {
        "alpha": make_content(0),
        "beta": make_content(0, stack="express-batch-alpha"),
        "gamma": make_content(0, stack="express-batch-alpha", region="eu-west-1"),
        "delta": make_content(0, stack="express-batch-alpha", account="444455556666"),
    }

    assert _problems(make_project(tmp_path, groups)) == [
        "pipeline/tenant-groups/beta.yaml: stack: express-batch-alpha is taken by alpha in account 111122223333,"
        " us-east-1: the stack's name is for one group alone"
    ]


def test_check_refuses_a_second_endpoint_when_two_groups_name_one_route_table(tmp_path: Path) -> None:
    tables = {"RouteTableIds": ["rtb-0123456789abcdef0"]}
    groups = {"alpha": make_content(0, parameters=tables), "beta": make_content(0, parameters=tables)}

    problems = _problems(make_project(tmp_path, groups))

    assert len(problems) == 1
    assert "beta.yaml: parameters.RouteTableIds: rtb-0123456789abcdef0 is taken by alpha" in problems[0]


@pytest.mark.parametrize(
    ("waves", "problem"),
    [
        ((1, 2), "pipeline/tenant-groups: no group has wave 0, the canary: give it to the smallest one"),
        ((0, 2), "pipeline/tenant-groups: wave 1 has no group, although wave 2 has: number the waves without a gap"),
    ],
)
def test_check_names_the_wave_when_nobody_is_in_it(tmp_path: Path, waves: tuple[int, int], problem: str) -> None:
    project = make_project(tmp_path, {"alpha": make_content(waves[0]), "beta": make_content(waves[1])})

    (found,) = _problems(project)

    assert found.startswith(problem)


def test_check_names_the_group_when_its_name_is_not_one(tmp_path: Path) -> None:
    (found,) = _problems(make_project(tmp_path, {"Alpha_1": make_content(0)}))

    assert found.startswith(
        "pipeline/tenant-groups/Alpha_1.yaml: the group's name: Alpha_1 does not match AllowedPattern"
    )


def test_check_blames_no_wave_when_the_canary_cannot_be_read(tmp_path: Path) -> None:
    (found,) = _problems(make_project(tmp_path, {"alpha": "wave: [", "beta": make_content(1)}))

    assert "alpha.yaml: line" in found


def test_check_refuses_a_file_when_it_ends_with_yml(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"alpha": make_content(0)})
    (project.groups / "alpha.yml").write_text("wave: 0\n")

    assert _problems(project) == ["pipeline/tenant-groups/alpha.yml: a tenant group's file ends with .yaml: rename it"]


def test_check_says_how_to_begin_when_there_is_no_group(tmp_path: Path) -> None:
    (found,) = _problems(make_project(tmp_path, {}))

    assert found == "pipeline/tenant-groups: has no group: `batchctl groups add` writes the first"
