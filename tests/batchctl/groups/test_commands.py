"""The commands as somebody types them: what they print, what they write, how they exit."""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
import yaml

from batchctl.groups.project import Project
from batchctl.groups.rendering import compare_rendered, render_project
from batchctl.main import main
from tests.batchctl.groups.groups_project import PARAMETERS, make_content, make_project, render


class _Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def _run(project: Project, command: str, *arguments: str) -> _Result:
    """What batchctl's entry point does with this command line."""
    stdout, stderr = io.StringIO(), io.StringIO()
    command_line = ["batchctl", "groups", command, *arguments, "--project", str(project.root)]
    with (
        patch.object(sys, "argv", command_line),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return _Result(int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue())


def _add(project: Project, name: str, *more: str, wave: int = 1) -> _Result:
    pairs = [f"{key}={','.join(value) if isinstance(value, list) else value}" for key, value in PARAMETERS.items()]
    return _run(
        project, "add", name, f"--wave={wave}", "--account=012345678901", "--region=eu-west-1",
        *(f"-p{pair}" for pair in pairs), *more,
    )  # fmt: skip


def test_what_is_committed_is_what_the_tenant_groups_render() -> None:
    project = Project()

    assert compare_rendered(project, render_project(project)) == []


def test_committed_canary_is_the_smallest_group() -> None:
    # Of whichever groups there are: whoever takes the project over replaces those it came with.
    contents = [yaml.safe_load(path.read_text()) for path in Project().groups.glob("*.yaml")]

    shards = {
        wave: [item["parameters"].get("ShardCount", 1) for item in contents if item["wave"] == wave]
        for wave in (0, 1, 2)
    }
    assert shards[0]
    assert max(shards[0]) <= min(shards[1] + shards[2], default=max(shards[0]))


def test_add_writes_a_file_that_check_takes(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"canary": make_content(0)})

    added = _add(project, "north", "--description=The north.", "--tag=CostCenter=7 north", "-pChunkSize=500")
    checked = _run(project, "check")

    assert (added.returncode, added.stderr) == (0, "")
    assert "pipeline/tenant-groups/north.yaml is written" in added.stdout
    assert yaml.safe_load((project.groups / "north.yaml").read_text()) == {
        "description": "The north.",
        "wave": 1,
        "account": "012345678901",
        "region": "eu-west-1",
        "tags": {"CostCenter": "7 north"},
        "parameters": {**PARAMETERS, "ChunkSize": 500},
    }
    assert (checked.returncode, checked.stdout) == (0, "2 groups in 2 waves are right\n")


@pytest.mark.parametrize(
    ("name", "more", "problem"),
    [
        ("north", ("-pChunkSize=0",), "pipeline/tenant-groups/north.yaml: parameters.ChunkSize: 0 is below MinValue 1"),
        ("north", ("--stack=1st",), 'pipeline/tenant-groups/north.yaml: stack: "1st" is refused'),
        ("../north", (), "pipeline/tenant-groups/../north.yaml: the group's name: ../north does not match"),
        ("canary", (), "pipeline/tenant-groups/canary.yaml: is there already"),
    ],
)
def test_add_writes_nothing_when_check_would_refuse_it(
    tmp_path: Path, name: str, more: tuple[str, ...], problem: str
) -> None:
    project = make_project(tmp_path, {"canary": make_content(0)})

    result = _add(project, name, *more)

    assert result.returncode == 1
    assert problem in result.stderr
    assert [path.name for path in project.root.rglob("*.yaml") if "north" in path.name] == []


def test_add_refuses_a_gap_when_the_wave_before_has_no_group(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"canary": make_content(0)})

    result = _add(project, "north", wave=3)

    assert result.returncode == 1
    assert "wave 1 has no group, although wave 3 has" in result.stderr
    assert not (project.groups / "north.yaml").exists()


def test_add_blames_the_options_when_a_pair_is_none(tmp_path: Path) -> None:
    result = _add(make_project(tmp_path, {"canary": make_content(0)}), "north", "-pChunkSize")

    assert result.returncode == 2
    assert "--parameter 'ChunkSize': expected NAME=VALUE" in result.stderr


def test_check_prints_each_problem_on_its_line_when_there_are_several(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, {"canary": make_content(0), "north": make_content(1, parameters={"ChunkSize": 0, "LogLevel": "X"})}
    )

    result = _run(project, "check")

    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines[:2]] == [
        ["pipeline/tenant-groups/north.yaml", "parameters.ChunkSize"],
        ["pipeline/tenant-groups/north.yaml", "parameters.LogLevel"],
    ]
    assert lines[2:] == ["error: 2 problems in the tenant groups: nothing was done"]


def test_render_writes_nothing_when_a_group_is_wrong(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"canary": make_content(0), "north": make_content(1, region="nowhere")})
    before = project.samconfig.read_text()

    result = _run(project, "render")

    assert result.returncode == 1
    assert result.stderr.endswith("error: 1 problem in the tenant groups: nothing was rendered\n")
    assert project.samconfig.read_text() == before
    assert not project.rendered.exists()


def test_diff_shows_the_lines_when_what_is_committed_is_older_than_the_source(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"canary": make_content(0)})
    assert _run(project, "render").returncode == 0
    assert _run(project, "diff").returncode == 0
    (project.groups / "canary.yaml").write_text(yaml.safe_dump(make_content(0, parameters={"ChunkSize": 77})))

    shown = _run(project, "diff")
    checked = _run(project, "render", "--check")

    assert (shown.returncode, checked.returncode) == (1, 1)
    assert '+    "ChunkSize=77",' in shown.stdout.splitlines()
    assert '+    "ChunkSize": "77",' in shown.stdout.splitlines()
    assert "run `batchctl groups render`" in shown.stderr
    assert "ChunkSize" not in project.samconfig.read_text()


def test_list_gives_the_groups_in_the_order_of_their_deploy(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"alpha": make_content(1), "zulu": make_content(0), "mike": make_content(1)})
    render(project)

    rows = json.loads(_run(project, "list", "--json").stdout)
    table = _run(project, "list")

    assert [(row["group"], row["wave"], row["stage"]) for row in rows] == [
        ("zulu", 0, "Wave0a"), ("alpha", 1, "Wave1a"), ("mike", 1, "Wave1a"),
    ]  # fmt: skip
    assert "express-batch-zulu" in table.stdout.replace("\n", "")
