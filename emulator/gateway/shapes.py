"""Converters between JSON values and boto3's values, compiled once from botocore's shapes.

A converter is None where JSON's value is boto3's value already: most of a request is then passed on untouched.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.utils import parse_timestamp

from emulator.errors import AwsError

Converter = Callable[[Any], Any]


def wire_name(member: Shape, name: str) -> str:
    """The name of a member on the wire."""
    return str(member.serialization.get("name", name))


def read_timestamp(value: Any) -> datetime:
    """An aware datetime from any of the wire's forms."""
    try:
        parsed: datetime = parse_timestamp(value)
    except (ValueError, TypeError) as error:
        raise AwsError("SerializationException", f"{value!r} is no timestamp.") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def write_timestamp(value: datetime, form: str) -> str | float:
    """A timestamp in the wire form `unixTimestamp`, `iso8601` or `rfc822`."""
    if form == "iso8601":
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if form == "rfc822":
        return format_datetime(value.astimezone(UTC), usegmt=True)
    return round(value.timestamp(), 3)


def read_blob(value: Any) -> bytes:
    """The bytes of a base64 string."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise AwsError("SerializationException", "A blob is no valid base64.") from error


def write_blob(value: bytes | str) -> str:
    """Bytes as base64."""
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


class ShapeCompiler:
    """Compiles shapes to converters of one direction: `read` from the wire or `write` to it."""

    def __init__(self, *, reading: bool) -> None:
        self._reading = reading
        self._known: dict[str, Converter | None] = {}
        self._open: set[str] = set()

    def compile(self, shape: Shape) -> Converter | None:
        """The converter for `shape`, or None where values need no conversion."""
        if shape.name in self._open:
            # A shape within itself: look its converter up when a value comes.
            return lambda value: value if (known := self._known.get(shape.name)) is None else known(value)
        # A timestamp's form belongs to the member rather than to the shape.
        if shape.type_name == "timestamp":
            return self._timestamp(shape)
        if shape.name not in self._known:
            self._open.add(shape.name)
            self._known[shape.name] = self._compile_new(shape)
            self._open.discard(shape.name)
        return self._known[shape.name]

    def compile_members(self, shape: StructureShape, names: list[str]) -> Converter:
        """A converter for a structure restricted to `names`; it also checks what is required when reading."""
        members = {name: shape.members[name] for name in names}
        converters = {
            wire_name(member, name) if self._reading else name: converter
            for name, member in members.items()
            if (converter := self.compile(member)) is not None
        }
        if self._reading:
            renames = {w: name for name, member in members.items() if (w := wire_name(member, name)) != name}
            required = tuple(name for name in shape.required_members if name in members)
            return _structure_reader(shape.name, converters, renames, required)
        renames = {name: w for name, member in members.items() if (w := wire_name(member, name)) != name}
        return _structure_writer(converters, renames)

    def _compile_new(self, shape: Shape) -> Converter | None:
        if shape.type_name == "blob":
            return read_blob if self._reading else write_blob
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            each = self.compile(shape.member)
            return None if each is None else _list_converter(each)
        if isinstance(shape, MapShape):
            each = self.compile(shape.value)
            return None if each is None else _map_converter(each)
        return None

    def _structure(self, shape: StructureShape) -> Converter | None:
        converted = [name for name, member in shape.members.items() if self.compile(member) is not None]
        renamed = [name for name, member in shape.members.items() if wire_name(member, name) != name]
        checked = shape.required_members if self._reading else []
        if not converted and not renamed and not checked:
            return None
        return self.compile_members(shape, list(shape.members))

    def _timestamp(self, shape: Shape) -> Converter:
        if self._reading:
            return read_timestamp
        form = shape.serialization.get("timestampFormat", "unixTimestamp")
        return lambda value: write_timestamp(value, form)


def _structure_reader(
    shape_name: str, converters: dict[str, Converter], renames: dict[str, str], required: tuple[str, ...]
) -> Converter:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise AwsError("SerializationException", f"{shape_name} must be an object.")
        result: dict[str, Any] = {}
        items: dict[str, Any] = value
        for wire, item in items.items():
            if item is None:  # null is absence on AWS's wire
                continue
            converter = converters.get(wire)
            result[renames.get(wire, wire)] = item if converter is None else converter(item)
        for name in required:
            if name not in result:
                raise AwsError("ValidationException", f"{shape_name}: {name} is required.")
        return result

    return read


def _structure_writer(converters: dict[str, Converter], renames: dict[str, str]) -> Converter:
    def write(value: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, item in value.items():
            if item is None:
                continue
            converter = converters.get(name)
            result[renames.get(name, name)] = item if converter is None else converter(item)
        return result

    return write


def _list_converter(each: Converter) -> Converter:
    def convert(values: Any) -> list[Any]:
        if not isinstance(values, list | tuple):
            raise AwsError("SerializationException", "A list was expected.")
        return [each(value) for value in values]

    return convert


def _map_converter(each: Converter) -> Converter:
    def convert(values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise AwsError("SerializationException", "A map was expected.")
        return {key: each(value) for key, value in values.items()}

    return convert
