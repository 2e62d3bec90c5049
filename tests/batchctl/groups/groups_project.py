"""A project of its own in a temporary folder: the real template and schema, a small base pipeline, given groups."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from batchctl.groups.project import Project
from batchctl.groups.rendering import render_project, write_rendered
from batchctl.project_tree import PROJECT_ROOT

REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-1")
PARAMETERS = {
    "PartnerApiUrl": "https://partner.example.com/v1",
    "DatabaseMode": "existing-proxy",
    "DatabaseHost": "shared.proxy-abc.us-east-1.rds.amazonaws.com",
    "DatabaseResourceId": "prx-0123456789abcdef0",
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "DatabaseSecurityGroupId": "sg-0123456789abcdef0",
}


def make_content(wave: int = 0, **changes: Any) -> dict[str, Any]:
    """Content of a group's file that is right; `parameters` are added to the usual ones, None takes a key out."""
    parameters = {**PARAMETERS, **changes.pop("parameters", {})}
    content = {
        "description": "A group of a test.",
        "wave": wave,
        "account": "111122223333",
        "region": "us-east-1",
        "parameters": {name: value for name, value in parameters.items() if value is not None},
        **changes,
    }
    return {name: value for name, value in content.items() if value is not None}


def make_project(folder: Path, groups: dict[str, Any]) -> Project:
    """A project with these groups; a text is written as it stands."""
    project = Project(folder)
    project.groups.mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "template.yaml", project.template)
    shutil.copy(Project().schema, project.schema)
    shutil.copy(Path(__file__).with_name("base_pipeline.yaml"), project.base_pipeline)
    shutil.copy(PROJECT_ROOT / "pipeline/fleet-dashboard.yaml", project.base_fleet)
    project.samconfig.write_text('version = 0.1\n\n[default.deploy.parameters]\ncapabilities = "CAPABILITY_IAM"\n')
    for name, content in groups.items():
        write_group(project, name, content)
    return project


def write_group(project: Project, name: str, content: Any) -> None:
    """The file of one group."""
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    (project.groups / f"{name}.yaml").write_text(text, encoding="utf-8")


def make_many(count: int) -> dict[str, Any]:
    """Groups over three regions, two accounts and four waves, of which the canary's is the smallest."""
    return {
        f"group-{index:03}": make_content(
            0 if index < 2 else 1 if index < 20 else 2 if index < 80 else 3,
            region=REGIONS[index % 3],
            account=("111122223333", "444455556666")[index % 2],
        )
        for index in range(count)
    }


def render(project: Project) -> dict[str, list[str]]:
    """Writes what is rendered, and gives the lines of each rendered file by its name."""
    write_rendered(project, render_project(project))
    paths = [project.samconfig, *(path for path in project.rendered.rglob("*") if path.is_file())]
    return {project.show(path): path.read_text(encoding="utf-8").splitlines() for path in paths}
