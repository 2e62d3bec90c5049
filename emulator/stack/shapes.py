"""Properties of a template brought into the shape that an AWS operation takes.

Parameters of a template travel as strings, so "512" has to become 512; and some services' APIs write `roleArn` where
the template writes `RoleArn`. Both follow from the service's own model, which botocore carries.
"""

import json
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape

from emulator.stack.errors import TemplateError


def shape_parameters(service: str, operation: str, properties: dict[str, Any], where: str) -> dict[str, Any]:
    """The properties as the operation's parameters.

    Raises TemplateError for a property that the operation lacks and for a value that is not of its type.
    """
    shape = _service_model(service).operation_model(operation).input_shape
    if not isinstance(shape, StructureShape):
        raise TemplateError(f"{where}: {service} {operation} takes no parameters")
    shaped: dict[str, Any] = _shape(properties, shape, where)
    return shaped


@lru_cache(maxsize=16)
def _service_model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _shape(value: Any, shape: Shape, where: str) -> Any:
    if isinstance(shape, StructureShape):
        return _shape_structure(value, shape, where)
    if isinstance(shape, ListShape):
        items = value if isinstance(value, list) else [value]
        return [_shape(item, shape.member, f"{where}[{index}]") for index, item in enumerate(items)]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise TemplateError(f"{where} has to be a map, not {value!r}")
        return {str(key): _shape(item, shape.value, f"{where}.{key}") for key, item in value.items()}
    return _shape_scalar(value, shape.type_name, where)


def _shape_structure(value: Any, shape: StructureShape, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TemplateError(f"{where} has to be a map, not {value!r}")
    members = {name.lower(): (name, member) for name, member in shape.members.items()}
    shaped = {}
    for key, item in value.items():
        if key.lower() not in members:
            raise TemplateError(f"{where} has no {key}, only {', '.join(shape.members)}")
        name, member = members[key.lower()]
        shaped[name] = _shape(item, member, f"{where}.{key}")
    return shaped


def _shape_scalar(value: Any, type_name: str, where: str) -> Any:
    try:
        if type_name in {"integer", "long"}:
            return int(value)
        if type_name in {"float", "double"}:
            return float(value)
    except (TypeError, ValueError) as error:
        raise TemplateError(f"{where} has to be a number, not {value!r}") from error
    if type_name == "boolean":
        return to_boolean(value, where)
    if type_name == "string":
        return to_text(value)
    return value


def to_boolean(value: Any, where: str) -> bool:
    """The boolean that the template means; parameters make it the text `true` or `false`."""
    if isinstance(value, bool):
        return value
    if value in {"true", "false"}:
        return bool(value == "true")
    raise TemplateError(f"{where} has to be true or false, not {value!r}")


def to_text(value: Any) -> str:
    """The text that the template means: JSON of a map or list, `true` of true."""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list, bool)):
        return json.dumps(value)
    return str(value)


def to_tag_map(tags: Any) -> dict[str, str]:
    """Tags as a map, which some APIs take, of the template's list of keys and values."""
    return {str(tag["Key"]): to_text(tag["Value"]) for tag in tags or []}
