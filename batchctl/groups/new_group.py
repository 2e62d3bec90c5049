"""Writes the file of a new tenant group, where `batchctl groups check` would take it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchctl.groups.errors import GroupProblemsError, GroupsError
from batchctl.groups.group_file import make_group, read_schema
from batchctl.groups.project import Project
from batchctl.groups.reading import find_problems
from batchctl.groups.yaml_text import to_yaml
from emulator.stack.template_file import read_template


@dataclass(frozen=True)
class NewGroup:
    """What is asked for; `parameters` and `tags` are texts."""

    name: str
    description: str
    wave: int
    account: str
    region: str
    stack: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def add_group(project: Project, new: NewGroup) -> Path:
    """Path of the file written. Raises GroupsError and writes nothing where the group would be refused."""
    path = project.groups / f"{new.name}.yaml"
    shown = f"{project.show(project.groups)}/{new.name}.yaml"
    if path.exists():
        raise GroupsError(f"{shown}: is there already: edit it, or choose another name")
    content = _make_content(new, read_template(project.template)["Parameters"])
    group, problems = make_group(new.name, content, read_schema(project.schema))
    if group is None:
        raise GroupProblemsError([f"{shown}: {problem}" for problem in problems])
    # Only what this group adds: another group's problem is no reason to refuse it.
    _, before = find_problems(project)
    _, after = find_problems(project, group)
    added = [problem for problem in after if problem not in before]
    if added:
        raise GroupProblemsError(added)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_yaml(content), encoding="utf-8")
    return path


def _make_content(new: NewGroup, declared: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "description": new.description,
        "wave": new.wave,
        "account": new.account,
        "region": new.region,
    }
    if new.stack is not None:
        content["stack"] = new.stack
    if new.tags:
        content["tags"] = new.tags
    content["parameters"] = {name: _to_value(text, declared.get(name, {})) for name, text in new.parameters.items()}
    return content


def _to_value(text: str, rules: Mapping[str, Any]) -> Any:
    """A number, a list or a text, as somebody would write it in the file by hand."""
    if rules.get("Type") == "Number" and text.isascii() and text.isdecimal() and str(int(text)) == text:
        return int(text)
    if rules.get("Type") == "CommaDelimitedList" and "," in text:
        return [item.strip() for item in text.split(",")]
    return text
