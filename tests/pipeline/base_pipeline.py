"""The pipeline's templates as they are written."""

from pathlib import Path
from typing import Any

from emulator.stack.template_file import read_template

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "pipeline" / "codepipeline.yaml"
DEPLOY_ROLES = ROOT / "pipeline" / "deploy-roles.yaml"
GROUP_DEPLOYER = ROOT / "pipeline" / "group-deployer.yaml"
ARTIFACT_STORE = ROOT / "pipeline" / "artifact-store.yaml"


def read_resources(template: Path) -> dict[str, dict[str, Any]]:
    """The template's resources by their logical ids."""
    resources: dict[str, dict[str, Any]] = read_template(template)["Resources"]
    return resources


def list_statements(template: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every statement of every identity policy, with the logical id of its owner."""
    statements: list[tuple[str, dict[str, Any]]] = []
    for name, resource in read_resources(template).items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            documents.append(properties["PolicyDocument"])
        statements += [(name, statement) for document in documents for statement in document["Statement"]]
    return statements


def list_actions(statement: dict[str, Any]) -> list[str]:
    """The statement's actions as a list."""
    action = statement["Action"]
    return action if isinstance(action, list) else [action]
