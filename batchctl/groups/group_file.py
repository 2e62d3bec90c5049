"""Reads the file of a tenant group and says all that its schema refuses."""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

from batchctl.groups.group import STACK_PREFIX, TenantGroup
from emulator.stack.parameters import to_parameter_text

_FEW_NAMES = 10  # more would hide the rest of the line


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, of which YAML would silently drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_schema(path: Path) -> Draft202012Validator:
    """The schema that every tenant group's file is held to."""
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def read_group(path: Path, schema: Draft202012Validator) -> tuple[TenantGroup | None, list[str]]:
    """The group, or None and what is wrong with its file, one line a problem without the file's name."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except UnicodeDecodeError:
        return None, ["is not UTF-8 text"]
    except yaml.YAMLError as error:
        return None, [_describe_yaml_error(error)]
    return make_group(path.stem, content, schema)


def make_group(name: str, content: Any, schema: Draft202012Validator) -> tuple[TenantGroup | None, list[str]]:
    """The group that a file of this content and name describes, or None and what its schema refuses."""
    if not isinstance(content, dict):
        return None, ["has no map of description, wave, account, region and parameters"]
    problems = list(dict.fromkeys(line for error in schema.iter_errors(content) for line in _describe(error)))
    parameters = content.get("parameters")
    given = parameters.get("TenantGroup", name) if isinstance(parameters, dict) else name
    if given != name:
        problems.append(f"parameters.TenantGroup: {given!r} is not the file's name: rename the file, or leave it out")
    if problems:
        return None, problems
    texts = {key: to_parameter_text(value) for key, value in content["parameters"].items()}
    return TenantGroup(
        name=name,
        description=content["description"],
        wave=content["wave"],
        account=content["account"],
        region=content["region"],
        stack_name=content.get("stack", STACK_PREFIX + name),
        parameters={"TenantGroup": name, **texts},
        tags=content.get("tags", {}),
    ), []


def suggest(name: str, known: Mapping[str, Any]) -> str:
    """The known name that was probably meant, as the end of a sentence."""
    close = difflib.get_close_matches(name, list(known), n=1)
    if close:
        return f": did you mean {close[0]}?"
    return f", which has {', '.join(known)}" if len(known) <= _FEW_NAMES else f", whose {len(known)} are other ones"


def _describe(error: ValidationError) -> Iterator[str]:
    where = ".".join(map(str, error.absolute_path))
    prefix = f"{where}: " if where else ""
    properties: Mapping[str, Any] = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    instance: Any = error.instance
    required: Any = error.validator_value
    if error.validator == "required":
        for name in properties:
            if name in required and name not in instance:
                yield f"{prefix}{name} is missing: {properties[name]['description']}"
    elif error.validator == "additionalProperties":
        for name in instance:
            if name not in properties:
                yield f"{prefix}{name} is unknown to the schema{suggest(str(name), properties)}"
    else:
        expected = error.schema.get("description") if isinstance(error.schema, dict) else None
        yield f"{prefix}{_show(instance)} is refused: expected {expected or error.message}"


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _describe_yaml_error(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    return f"line {mark.line + 1}: {problem}" if mark else f"is no YAML: {problem}"
