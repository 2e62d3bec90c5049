"""Everything that is rendered out of the tenant groups, compared with what is there or written."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from batchctl.groups.configuration_file import render_configuration
from batchctl.groups.errors import RenderError
from batchctl.groups.fleet import render_fleet
from batchctl.groups.group import TenantGroup
from batchctl.groups.places import Places, stage_key
from batchctl.groups.project import Project
from batchctl.groups.reading import read_groups
from batchctl.groups.samconfig import render_samconfig
from batchctl.groups.stages import place_groups, render_stages
from batchctl.groups.yaml_text import to_yaml
from emulator.stack.template_file import read_template

_NOTE = "# Written by `batchctl groups render` out of {sources}; changes made here are overwritten.\n"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_TEMPLATE_BYTES = 1_000_000


def render_project(project: Project) -> dict[Path, str]:
    """The text of every rendered file by its path. Raises GroupsError, and then nothing is rendered at all."""
    groups = read_groups(project)
    if not project.base_pipeline.is_file():
        raise RenderError(f"{project.show(project.base_pipeline)} does not exist: it is what the waves are added to")
    base = read_template(project.base_pipeline)
    places = place_groups(groups, base, read_places(project))
    files = {
        project.samconfig: render_samconfig(groups, project.samconfig.read_text(encoding="utf-8")),
        project.places: _render_places(places),
        project.rendered_pipeline: _render_pipeline(groups, base, places),
        project.rendered_fleet: _render_fleet(groups, project),
    }
    return files | {project.configurations / f"{group.name}.json": render_configuration(group) for group in groups}


def find_leftovers(project: Project, files: Mapping[Path, str]) -> list[Path]:
    """Rendered files of groups that are no more."""
    return [path for path in sorted(project.configurations.glob("*.json")) if path not in files]


def write_rendered(project: Project, files: Mapping[Path, str]) -> tuple[list[Path], list[Path]]:
    """Make the files what they should be; (written, removed), without those that were right already."""
    written = [path for path, text in files.items() if _read(path) != text]
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    removed = find_leftovers(project, files)
    for path in removed:
        path.unlink()
    return written, removed


def compare_rendered(project: Project, files: Mapping[Path, str]) -> list[str]:
    """A unified diff, line by line, from what is there to what should be; empty where they are the same."""
    wanted: dict[Path, str | None] = {**files, **dict.fromkeys(find_leftovers(project, files))}
    lines: list[str] = []
    for path, text in wanted.items():
        there, shown = _read(path), project.show(path)
        if there != text:
            lines += difflib.unified_diff(
                (there or "").splitlines(),
                (text or "").splitlines(),
                shown if there is not None else "/dev/null",
                shown if text is not None else "/dev/null",
                lineterm="",
            )
    return lines


def read_places(project: Project) -> Places:
    """The places that were rendered last; none where there are none, so that groups are placed anew."""
    text = _read(project.places)
    if text is None:
        return Places()
    try:
        content: Any = yaml.safe_load(text)
        groups, stages = dict(content["groups"]), dict(content["stages"])
        for name, stage in [*groups.items(), *((number, stage) for stage, number in stages.items())]:
            stage_key(stage)
            if stage not in stages:
                raise KeyError(name)
        return Places(groups, {stage: int(number) for stage, number in stages.items()})
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise RenderError(
            f"{project.show(project.places)} is not what render wrote: take it from git, or delete it, which may move"
            " groups to other stages"
        ) from error


def _render_places(places: Places) -> str:
    note = _NOTE.format(sources="pipeline/tenant-groups and the places that groups had before")
    return note + to_yaml({"groups": dict(places.stages), "stages": dict(places.pipelines)})


def _render_pipeline(groups: Sequence[TenantGroup], base: Mapping[str, Any], places: Places) -> str:
    note = _NOTE.format(sources="pipeline/codepipeline.yaml and pipeline/tenant-groups")
    return _check_size(note + to_yaml(render_stages(groups, base, places)), len(groups))


def _render_fleet(groups: Sequence[TenantGroup], project: Project) -> str:
    if not project.base_fleet.is_file():
        raise RenderError(f"{project.show(project.base_fleet)} does not exist: it is what the groups are shown by")
    parameters = read_template(project.template)["Parameters"]
    defaults = {name: str(item["Default"]) for name, item in parameters.items() if "Default" in item}
    note = _NOTE.format(sources="pipeline/fleet-dashboard.yaml and pipeline/tenant-groups")
    return _check_size(note + to_yaml(render_fleet(groups, read_template(project.base_fleet), defaults)), len(groups))


def _check_size(text: str, groups: int) -> str:
    if len(text.encode()) > MAX_TEMPLATE_BYTES:
        raise RenderError(
            f"{groups} groups make a template of {len(text.encode()):,} bytes, and CloudFormation takes"
            f" {MAX_TEMPLATE_BYTES:,}: move groups to a second copy of this project with a pipeline of its own"
        )
    return text


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
