"""The reference of a template's parameters as Markdown.

python -m emulator.stack.parameter_table template.yaml > docs/reference/parameters.md
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.stack.errors import TemplateError
from emulator.stack.parameters import to_parameter_text
from emulator.stack.template_file import read_template

_HEAD = """# Parameters of template.yaml

Made from the template by `python -m emulator.stack.parameter_table template.yaml > docs/reference/parameters.md`;
do not edit it by hand. A parameter without a default has to be given. Combinations that do not go together are
refused by name: see [Rules](#rules).
"""
_BEGINNING = ["| Parameter | Default | Allowed | What it is |", "| --- | --- | --- | --- |"]


def render_parameters(template: Mapping[str, Any]) -> str:
    """A table for each group of the template's Metadata, then its rules; TemplateError if a parameter has no group."""
    declared: Mapping[str, Mapping[str, Any]] = template["Parameters"]
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    strays = set(declared).symmetric_difference(grouped)
    if strays or len(grouped) != len(set(grouped)):
        raise TemplateError(
            f"each parameter has to be in one group of the Metadata: {', '.join(sorted(strays)) or grouped}"
        )
    lines = [_HEAD]
    for group in groups:
        lines += [f"## {group['Label']['default']}", "", *_BEGINNING]
        lines += [_render_row(name, declared[name]) for name in group["Parameters"]]
        lines.append("")
    lines += ["## Rules", "", "| Rule | What it refuses |", "| --- | --- |"]
    for name, rule in (template.get("Rules") or {}).items():
        lines += [f"| {name} | {_to_cell(assertion['AssertDescription'])} |" for assertion in rule["Assertions"]]
    return "\n".join(lines) + "\n"


def _render_row(name: str, rules: Mapping[str, Any]) -> str:
    if "Default" not in rules:
        default = "none"
    else:
        default = f"`{to_parameter_text(rules['Default'])}`" if rules["Default"] != "" else "empty"
    allowed = rules.get("ConstraintDescription", rules["Type"])
    return f"| {name} | {default} | {_to_cell(allowed)} | {_to_cell(rules['Description'])} |"


def _to_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(render_parameters(read_template(Path(sys.argv[1]))))
