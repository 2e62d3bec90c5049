"""Translates between the parameters of a Task and botocore's shapes.

A Task writes every member in PascalCase and blobs as text; an object where the API wants text is written as JSON.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from emulator.step_functions.document import encode_json
from emulator.step_functions.timestamps import parse_timestamp


def to_api(shape: Shape | None, value: Any, path: str = "") -> Any:
    """`value` in botocore's shape; raises ValueError that names an unknown, missing or mistyped member."""
    if shape is None:
        return value
    if isinstance(shape, StructureShape):
        return _structure_to_api(shape, value, path)
    if isinstance(shape, ListShape):
        _require(isinstance(value, list), path, "an array")
        return [to_api(shape.member, item, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, MapShape):
        _require(isinstance(value, dict), path, "an object")
        return {key: to_api(shape.value, member, f"{path}.{key}") for key, member in value.items()}
    return _scalar_to_api(shape, value, path)


def _require(condition: bool, path: str, what: str) -> None:
    if not condition:
        raise ValueError(f"The value of the field '{path}' must be {what}")


def _structure_to_api(shape: StructureShape, value: Any, path: str) -> Any:
    if getattr(shape, "is_document_type", False):
        return value
    _require(isinstance(value, dict), path, "an object")
    names = {_pascal(name): name for name in shape.members}
    result = {}
    for key, member in value.items():
        name = names.get(key)
        if name is None:
            raise ValueError(f"The field '{path}{key}' is not supported by Step Functions")
        result[name] = to_api(shape.members[name], member, f"{path}{key}")
    missing = [_pascal(name) for name in shape.required_members if name not in result]
    if missing:
        raise ValueError(f"The field '{path}{missing[0]}' is required but was missing")
    return result


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def _scalar_to_api(shape: Shape, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind in ("string", "blob", "character"):
        text = value if isinstance(value, str) else encode_json(value)
        return text.encode() if kind == "blob" else text
    if kind == "timestamp":
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = parse_timestamp(value) if isinstance(value, str) else None
        _require(moment is not None, path, "a timestamp")
        return moment
    if kind == "boolean":
        _require(isinstance(value, bool), path, "a boolean")
        return value
    if kind in ("integer", "long"):
        _require(isinstance(value, int | float) and not isinstance(value, bool), path, "a number")
        return int(value)
    _require(isinstance(value, int | float) and not isinstance(value, bool), path, "a number")
    return float(value)


def from_api(shape: Shape | None, value: Any) -> Any:
    """A botocore response as a Task gives it: PascalCase members, timestamps and blobs as text, no metadata."""
    if isinstance(shape, StructureShape) and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        return {_pascal(name): from_api(shape.members[name], value[name]) for name in shape.members if name in value}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [from_api(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: from_api(shape.value, member) for key, member in value.items()}
    return {} if shape is None and value is None else _scalar_from_api(value)


def _scalar_from_api(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if hasattr(value, "read"):  # a streaming body
        value = value.read()
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else value
