"""samconfig.toml deploys parameters that the template takes."""

import tomllib
from pathlib import Path
from typing import Any

from tests.template.project_template import ROOT, plan_project


def _deploy_parameters(environment: str) -> dict[str, Any]:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    parameters: dict[str, Any] = config[environment]["deploy"]["parameters"]
    return parameters


def test_example_environment_is_taken_by_the_template(tmp_path: Path) -> None:
    overrides = _deploy_parameters("example")["parameter_overrides"]

    plan = plan_project(dict(override.split("=", 1) for override in overrides), tmp_path)

    assert plan.parameters["TenantGroup"] == "example"


def test_example_environment_names_its_own_stack_and_region() -> None:
    parameters = _deploy_parameters("example")

    assert parameters["stack_name"] == "express-batch-example"
    assert parameters["region"]


def test_capabilities_are_enough_for_roles_without_names() -> None:
    # CAPABILITY_NAMED_IAM would be needed for a role with a name of its own, which no role of the template has.
    assert _deploy_parameters("default")["capabilities"] == "CAPABILITY_IAM"
    assert "RoleName:" not in (ROOT / "template.yaml").read_text(encoding="utf-8")
