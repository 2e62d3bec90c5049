"""What the build gives the deployment of each group."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from batchctl.groups.actions import build_group_action
from batchctl.groups.group import TenantGroup
from pipeline.write_deployments import main
from tests.pipeline.base_pipeline import ROOT

_CONFIGURATION = {"Parameters": {"TenantGroup": "x", "ChunkSize": "9"}, "Tags": {"Project": "express-batch"}}


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of two groups in two regions, in a folder with all that belongs to them."""
    monkeypatch.chdir(tmp_path)
    listed = [
        {"group": "north", "region": "us-east-1", "stack": "express-batch-north"},
        {"group": "south", "region": "eu-west-1", "stack": "sud"},
    ]
    configurations = tmp_path / "pipeline" / "rendered" / "configurations"
    configurations.mkdir(parents=True)
    for group in listed:
        (configurations / f"{group['group']}.json").write_text(json.dumps(_CONFIGURATION))
        (tmp_path / f"packaged-{group['region']}.yaml").write_text(f"# {group['region']}")
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(listed))
    return path


def read(name: str) -> dict[str, Any]:
    """The deployment of a group."""
    deployment: dict[str, Any] = json.loads(Path("deployments", f"{name}.json").read_text())
    return deployment


def test_main_writes_what_a_change_set_takes(groups: Path) -> None:
    assert main([str(groups), "artifacts"]) == 0

    south = read("south")
    url = south.pop("template_url")
    assert south == {
        "group": "south",
        "stack_name": "sud",
        "parameters": [
            {"ParameterKey": "TenantGroup", "ParameterValue": "x"},
            {"ParameterKey": "ChunkSize", "ParameterValue": "9"},
        ],
        "tags": [{"Key": "Project", "Value": "express-batch"}],
    }
    assert re.fullmatch(r"https://artifacts-eu-west-1\.s3\.eu-west-1\.amazonaws\.com/templates/[0-9a-f]{40}\.yaml", url)


def test_main_prints_where_each_regions_template_has_to_be(groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(groups), "artifacts"])

    lines = [line.split(" ") for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines] == [
        ["eu-west-1", "packaged-eu-west-1.yaml"],
        ["us-east-1", "packaged-us-east-1.yaml"],
    ]
    for (region, _, address), name in zip(lines, ("south", "north"), strict=True):
        assert address.startswith(f"s3://artifacts-{region}/")
        assert read(name)["template_url"].endswith(address.removeprefix(f"s3://artifacts-{region}"))


def test_main_prints_another_key_when_the_template_is_another(groups: Path) -> None:
    main([str(groups), "artifacts"])
    before = read("north")["template_url"], read("south")["template_url"]
    Path("packaged-us-east-1.yaml").write_text("# changed")

    main([str(groups), "artifacts"])

    assert read("north")["template_url"] != before[0]
    assert read("south")["template_url"] == before[1]


def test_main_prints_one_line_when_a_region_was_not_packaged(groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("packaged-us-east-1.yaml").unlink()

    assert main([str(groups), "artifacts"]) == 1
    assert capsys.readouterr().err == "error: packaged-us-east-1.yaml does not exist\n"


def test_action_names_the_file_that_is_written(groups: Path) -> None:
    main([str(groups), "artifacts"])
    action = build_group_action(TenantGroup("north", "", 0, "111122223333", "us-east-1", "express-batch-north"))

    assert Path(action["Configuration"]["Input"]).is_file()
    # And the build gives it on.
    assert "    - deployments/**/*\n" in (ROOT / "pipeline" / "buildspecs" / "build.yaml").read_text()
