"""docs/reference/parameters.md is what the template says."""

import pytest

from emulator.stack import TemplateError
from emulator.stack.parameter_table import render_parameters
from emulator.stack.template_file import read_template
from tests.template.project_template import ROOT, TEMPLATE


def test_reference_is_current_when_the_template_is_rendered() -> None:
    committed = (ROOT / "docs/reference/parameters.md").read_text(encoding="utf-8")

    assert committed == render_parameters(read_template(TEMPLATE)), (
        "stale: python -m emulator.stack.parameter_table template.yaml > docs/reference/parameters.md"
    )


def test_render_parameters_names_the_parameter_when_it_is_in_no_group() -> None:
    template = {
        "Parameters": {"Stray": {"Type": "String", "Description": "x"}},
        "Metadata": {"AWS::CloudFormation::Interface": {"ParameterGroups": []}},
    }

    with pytest.raises(TemplateError, match="Stray"):
        render_parameters(template)
