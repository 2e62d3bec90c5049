"""The commands of the runbooks exist, with the options that they are given."""

import re
import shlex
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer.main
from botocore import xform_name

from batchctl.main import app
from tests.template.project_template import ROOT

_RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
_QUERIES = re.compile(r"<stack>/([a-z ]+)`")
# Of the AWS CLI itself, and not of a service.
_GLOBAL_OPTIONS = {"query", "output", "max-items"}
_CUSTOM_COMMANDS = {("logs", "tail"): {"since", "filter-pattern"}}


def _commands(path: Path) -> list[str]:
    """Every aws or batchctl command, those inside another one's $(...) too."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    code = re.findall(r"`([^`]+)`", text) + re.findall(r"^ {4,}(\S.*)$", text, flags=re.MULTILINE)
    parts = [part.strip() for line in code for part in re.split(r"\$\(|\)", line)]
    return [part for part in parts if re.match("(aws|batchctl) [a-z]", part)]


def test_runbooks_have_commands_to_check() -> None:
    assert sum(len(_commands(path)) for path in _RUNBOOKS) > 30


@pytest.mark.parametrize("path", _RUNBOOKS, ids=lambda path: path.stem)
def test_aws_commands_exist_with_their_options(path: Path) -> None:
    session = botocore.session.get_session()
    for command in _commands(path):
        words = shlex.split(command)
        if words[0] != "aws":
            continue
        service, operation = words[1:3]
        options = {word.removeprefix("--") for word in words[3:] if word.startswith("--")}
        known = _CUSTOM_COMMANDS.get((service, operation))
        if known is None:
            model = session.get_service_model(service)
            names = {xform_name(name, "-"): name for name in model.operation_names}
            shape = model.operation_model(names[operation]).input_shape
            known = {xform_name(name, "-") for name in shape.members} if shape is not None else set()
        assert options - known - _GLOBAL_OPTIONS == set(), command


@pytest.mark.parametrize("path", _RUNBOOKS, ids=lambda path: path.stem)
def test_batchctl_commands_exist_with_their_options(path: Path) -> None:
    for line in _commands(path):
        program, *words = line.split()
        if program != "batchctl":
            continue
        command: Any = typer.main.get_group(app)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} - options == set(), line


@pytest.mark.parametrize("path", _RUNBOOKS, ids=lambda path: path.stem)
def test_links_and_saved_queries_are_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")

    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link.startswith("https://docs.aws.amazon.com/") or (path.parent / link).is_file(), link
    for name in _QUERIES.findall(text):
        assert f"Name: !Sub ${{AWS::StackName}}/{name}\n" in template
