"""What the pipeline's update says of its own parameters."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.keep_parameters import keep_parameters, main

_TEMPLATE = {"Parameters": {"Branch": {"Default": "main"}, "Repository": {}, "Fresh": {"Default": ""}}}


def stacks(**values: str) -> dict[str, Any]:
    """DescribeStacks' answer for one stack."""
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    return {"Stacks": [{"StackName": "batch-pipeline", "Parameters": parameters}]}


def test_keep_parameters_gives_what_the_stack_has_when_the_template_still_takes_it() -> None:
    kept = keep_parameters(stacks(Branch="release", Repository="o/r", Gone="x"), _TEMPLATE)

    # `Fresh` is new: its default holds. `Gone` would be refused.
    assert kept == {"Parameters": {"Branch": "release", "Repository": "o/r"}}


def test_keep_parameters_names_the_parameter_when_it_is_new_and_has_no_default() -> None:
    with pytest.raises(ValueError, match="stack batch-pipeline has no value for Repository: deploy the rendered"):
        keep_parameters(stacks(Branch="main"), _TEMPLATE)


def test_main_prints_one_line_when_a_parameter_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer, template = tmp_path / "stacks.json", tmp_path / "template.yaml"
    answer.write_text(json.dumps(stacks()), encoding="utf-8")
    template.write_text("Parameters: {New: {Type: String}}\nResources: {}\n", encoding="utf-8")

    assert main([str(answer), str(template)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
