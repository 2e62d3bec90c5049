"""The pipeline's templates as they are written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.stack.template_file import read_template
from tests.template.policies import read_statements

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "pipeline" / "codepipeline.yaml"
DEPLOY_ROLES = ROOT / "pipeline" / "deploy-roles.yaml"
GROUP_DEPLOYER = ROOT / "pipeline" / "group-deployer.yaml"
ARTIFACT_STORE = ROOT / "pipeline" / "artifact-store.yaml"


def read_resources(template: Path) -> dict[str, dict[str, Any]]:
    """The template's resources by their logical ids."""
    resources: dict[str, dict[str, Any]] = read_template(template)["Resources"]
    return resources


def list_statements(template: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """Every statement of every identity policy, with the logical id of its owner."""
    return [(item.owner, item.raw) for item in read_statements(template) if item.kind == "identity"]


def list_actions(statement: Mapping[str, Any]) -> list[str]:
    """The statement's actions as a list."""
    action = statement["Action"]
    return action if isinstance(action, list) else [action]
