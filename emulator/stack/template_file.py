"""template.yaml as CloudFormation gets it: read, its local code noted, and through the SAM transform."""

import copy
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

from emulator.identity import Identity
from emulator.stack.artifacts import Artifact, Kind, hash_files
from emulator.stack.errors import ArtifactError, TemplateError

# Where a property of a resource type may name local code. What `sam package` would upload stays on this machine:
# the property gets an S3 address of this bucket, whose key leads back to the folder.
LOCAL_BUCKET = "local-artifacts"
_LOCAL_PROPERTIES: dict[str, tuple[str, Kind]] = {
    "AWS::Serverless::Function": ("CodeUri", "function"),
    "AWS::Serverless::LayerVersion": ("ContentUri", "layer"),
    "AWS::Serverless::StateMachine": ("DefinitionUri", "definition"),
    "AWS::Lambda::Function": ("Code", "function"),
    "AWS::Lambda::LayerVersion": ("Content", "layer"),
    "AWS::StepFunctions::StateMachine": ("DefinitionS3Location", "definition"),
}
_KNOWN_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings",
        "Conditions", "Transform", "Globals", "Resources", "Outputs",
    }
)  # fmt: skip
_SAM_TRANSFORM = "AWS::Serverless-2016-10-31"


@dataclass(frozen=True)
class Template:
    """A CloudFormation template and the local code that its resources name, by its S3 key."""

    body: dict[str, Any]
    artifacts: dict[str, Artifact]


class _ManagedPolicyMap(dict[str, str]):
    """Name to ARN of AWS's managed policies, as far as a name alone tells it: without asking IAM."""

    def __missing__(self, name: str) -> str:
        return f"arn:aws:iam::aws:policy/{name}"

    def get(self, name: str, default: Any = None) -> Any:
        return default if name.startswith("arn:") else self[name]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader is ten times faster
    """A safe loader that writes out short forms such as !Ref."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


def read_template(path: Path) -> dict[str, Any]:
    """The template as it stands in the file, short forms such as !Ref written out."""
    try:
        body = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except FileNotFoundError as error:
        raise TemplateError(f"{path} does not exist") from error
    except yaml.YAMLError as error:
        raise TemplateError(f"{path} is no YAML: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise TemplateError(f"{path} has no Resources")
    unknown = sorted(set(body) - _KNOWN_SECTIONS)
    if unknown:
        raise TemplateError(f"{path} has sections that are not emulated: {', '.join(unknown)}")
    return body


def transform_template(
    source: Mapping[str, Any],
    folder: Path,
    parameters: Mapping[str, Any],
    identity: Identity,
    *,
    is_packaged: bool = False,
) -> Template:
    """The template after AWS::Serverless-2016-10-31; `folder` is what local paths in it are relative to.

    Code that was uploaded is taken from a template that `is_packaged`, and refused in another one.
    """
    body = copy.deepcopy(dict(source))
    _check_transform(body)
    artifacts = locate_code(body, folder, LOCAL_BUCKET, is_packaged=is_packaged)
    if body.pop("Transform", None) is not None:
        body = _translate({**body, "Transform": _SAM_TRANSFORM}, parameters, identity)
    return Template(body, artifacts)


def locate_code(body: dict[str, Any], folder: Path, bucket: str, *, is_packaged: bool = False) -> dict[str, Artifact]:
    """Local code of the template by its key, whose address in the bucket takes its place in the template."""
    artifacts: dict[str, Artifact] = {}
    for logical_id, resource in body["Resources"].items():
        location = _find_code(resource, body.get("Globals") or {})
        if location is None or (is_packaged and location.startswith("s3://")):
            continue
        key = _take_artifact(logical_id, resource, location, folder, artifacts)
        name, _ = _LOCAL_PROPERTIES[resource["Type"]]
        resource["Properties"][name] = _remote_location(resource["Type"], bucket, key)
    return artifacts


def _check_transform(body: Mapping[str, Any]) -> None:
    transforms = body.get("Transform") or []
    for name in [transforms] if isinstance(transforms, str) else transforms:
        if name != _SAM_TRANSFORM:
            raise TemplateError(f"transform {name} is not emulated, only {_SAM_TRANSFORM}")


def _find_code(resource: Any, defaults: Mapping[str, Any]) -> str | None:
    """What the resource's property for local code says, where that is a text."""
    if not isinstance(resource, dict) or resource.get("Type") not in _LOCAL_PROPERTIES:
        return None
    name, _ = _LOCAL_PROPERTIES[resource["Type"]]
    properties = resource.setdefault("Properties", {})
    if resource["Type"] == "AWS::Serverless::Function" and name not in properties:
        given = (defaults.get("Function") or {}).get(name)
        if given is not None:
            properties[name] = given
    location = properties.get(name)
    return location if isinstance(location, str) else None


def _take_artifact(
    logical_id: str, resource: Mapping[str, Any], location: str, folder: Path, artifacts: dict[str, Artifact]
) -> str:
    name, kind = _LOCAL_PROPERTIES[resource["Type"]]
    if location.startswith(("s3://", "https://")):
        raise ArtifactError(f"{logical_id}: {name} is {location}; load the template from before `sam package`")
    path = (folder / location).resolve()
    if not path.exists():
        raise ArtifactError(f"{logical_id}: {name} names {path}, which does not exist")
    build_method = (resource.get("Metadata") or {}).get("BuildMethod")
    # The digest makes a changed folder a changed property, as a new upload would.
    key = f"{logical_id}/{hash_files(path)[:20]}"
    artifacts[key] = Artifact(logical_id, kind, path, build_method)
    return key


def _remote_location(resource_type: str, bucket: str, key: str) -> Any:
    if resource_type in {"AWS::Lambda::Function", "AWS::Lambda::LayerVersion"}:
        return {"S3Bucket": bucket, "S3Key": key}
    if resource_type == "AWS::StepFunctions::StateMachine":
        return {"Bucket": bucket, "Key": key}
    return f"s3://{bucket}/{key}"


def _translate(body: dict[str, Any], parameters: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    # The translator takes most of a second to import, and only a template that is loaded needs it.
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415
    from samtranslator.parser.parser import Parser  # noqa: PLC0415
    from samtranslator.translator.translator import Translator  # noqa: PLC0415
    from samtranslator.utils.py27hash_fix import (  # noqa: PLC0415
        to_py27_compatible_template,
        undo_mark_unicode_str_in_template,
    )

    # It warns of its own feature toggles, which are no concern of a template's owner.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    values = dict(parameters)
    to_py27_compatible_template(body, values)
    # The session only says the region; the transform asks AWS for nothing, since it is given the managed policies.
    session = boto3.Session(region_name=identity.region)
    translator = Translator(_ManagedPolicyMap(), Parser(), boto_session=session)
    try:
        translated = translator.translate(body, parameter_values=values)
    except InvalidDocumentException as error:
        causes = [cause.message for cause in error.causes] or [error.message]
        raise TemplateError(f"the SAM transform refuses the template: {'; '.join(causes)}") from error
    finally:
        # Without this the translator warns, whenever it is collected, of metrics that nobody asked for.
        translator.metrics.publish()
    result: dict[str, Any] = undo_mark_unicode_str_in_template(translated)
    return result
