"""Every statement of every policy in every template: who has it, what it lets whom do, and to what."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emulator.stack.template_file import read_template
from tests.template.project_template import ROOT

TEMPLATES = (
    ROOT / "template.yaml",
    ROOT / "foundation" / "template.yaml",
    ROOT / "chaos" / "fis-experiments.yaml",
    *sorted((ROOT / "pipeline").glob("*.yaml")),
    ROOT / "pipeline" / "rendered" / "codepipeline.yaml",
    ROOT / "pipeline" / "rendered" / "fleet.yaml",
)
# identity: what a role may do. trust: who may take a role. resource: who may do something to a bucket, queue, key ...
Kind = Literal["identity", "trust", "resource"]


@dataclass(frozen=True)
class PolicyStatement:
    """One statement, one branch of an Fn::If."""

    template: Path
    owner: str  # logical id of the role or resource
    owner_type: str
    kind: Kind
    raw: Mapping[str, Any]

    def __str__(self) -> str:
        name = self.raw.get("Sid", ", ".join(self.actions))
        return f"{self.template.relative_to(ROOT)} {self.owner}: {name}"

    @property
    def allows(self) -> bool:
        """Whether it is no denial."""
        return bool(self.raw["Effect"] == "Allow")

    @property
    def actions(self) -> tuple[str, ...]:
        """Its actions."""
        return tuple(_texts(self.raw.get("Action", ())))

    @property
    def resources(self) -> tuple[str, ...]:
        """Its resources, intrinsic functions as Fn::Sub writes them."""
        return tuple(_texts(self.raw.get("Resource", ())))

    @property
    def loose_resources(self) -> tuple[str, ...]:
        """Those of its resources of which no part of a name is given."""
        return tuple(resource for resource in self.resources if _is_loose(resource))

    @property
    def condition(self) -> Mapping[str, Any]:
        """Its conditions by operator."""
        found: Mapping[str, Any] = self.raw.get("Condition", {})
        return found


def read_statements(template: Path) -> list[PolicyStatement]:
    """The statements of a template's policies, wherever in a resource they stand."""
    return [
        PolicyStatement(template, owner, resource["Type"], kind, raw)
        for owner, resource in read_template(template)["Resources"].items()
        for kind, document in _find_documents(resource["Type"], resource.get("Properties", {}))
        for raw in _unfold(document["Statement"])
    ]


def read_all_statements() -> list[PolicyStatement]:
    """The same for all templates."""
    return [statement for template in TEMPLATES for statement in read_statements(template)]


def _find_documents(resource_type: str, value: Any, name: str = "") -> Iterator[tuple[Kind, Mapping[str, Any]]]:
    """What looks like a policy: {Version, Statement}."""
    if isinstance(value, list):
        for item in value:
            yield from _find_documents(resource_type, item, name)
    elif isinstance(value, dict):
        if "Statement" in value:
            yield _find_kind(resource_type, name), value
        else:
            for key, item in value.items():
                yield from _find_documents(resource_type, item, key)


def _find_kind(resource_type: str, name: str) -> Kind:
    if name == "AssumeRolePolicyDocument":
        return "trust"
    return "identity" if resource_type.startswith(("AWS::IAM::", "AWS::Serverless::")) else "resource"


def _unfold(statements: Any) -> Iterator[Mapping[str, Any]]:
    for statement in statements if isinstance(statements, list) else [statements]:
        branches = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
        yield from (branch for branch in branches if "Ref" not in branch)  # AWS::NoValue


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif not isinstance(value, dict):
        yield str(value)
    elif "Fn::If" in value:
        for branch in value["Fn::If"][1:]:
            yield from _texts(branch)
    elif "Fn::Sub" in value:
        yield value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
    elif "Fn::GetAtt" in value:
        yield f"${{{'.'.join(value['Fn::GetAtt'])}}}"
    elif value.get("Ref") != "AWS::NoValue":
        yield f"${{{value['Ref']}}}" if "Ref" in value else str(value)


def _is_loose(resource: str) -> bool:
    """Whether a wildcard stands where the name begins: `*`, `...:function:*`, `...:key/*`, `...:s3:::*/x`."""
    flat = re.sub(r"\$\{AWS::(\w+)\}", r"\1", resource)
    parts = flat.split(":", 5)
    name = parts[5] if len(parts) == 6 and parts[0] == "arn" else flat
    segments = re.split(r"[:/]", name)
    named = segments[1:] if len(segments) > 1 and not name.startswith("*") and _has_type(parts) else segments
    return named[0].startswith(("*", "?"))


def _has_type(parts: list[str]) -> bool:
    """Of these services' ARNs the name stands alone."""
    return len(parts) == 6 and parts[2] not in ("s3", "sqs", "sns")
