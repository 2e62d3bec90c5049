"""The protocol query: CloudFormation. A form comes in, XML goes out.

Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, SubElement, tostring

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from emulator.errors import AwsError
from emulator.gateway.protocol import Operation
from emulator.gateway.rest_json import read_scalar
from emulator.gateway.shapes import read_blob, wire_name, write_blob, write_timestamp
from emulator.gateway.wire import WireAnswer, WireRequest

_XML = "text/xml"
_SERVER_ERROR = 500


class QueryOperation:
    """One operation: the form is the request, an XML document the answer."""

    def __init__(self, model: OperationModel, namespace: str) -> None:
        self.name = str(model.name)
        self._namespace = namespace
        self._input = model.input_shape
        self._output = model.output_shape

    def read_request(self, request: WireRequest) -> dict[str, Any]:
        """The request in boto3's shape."""
        if self._input is None:
            return {}
        values: dict[str, Any] = _read_structure(self._input, "", _read_form(request))
        for name in self._input.required_members:
            if name not in values:
                raise AwsError("ValidationError", f"{self.name}: {name} is required.")
        return values

    def write_answer(self, answer: dict[str, Any]) -> WireAnswer:
        """The HTTP answer."""
        root = Element(f"{self.name}Response", xmlns=self._namespace)
        if self._output is not None:
            wrapper = self._output.serialization.get("resultWrapper")
            _write_members(self._output, answer, root if wrapper is None else SubElement(root, wrapper))
        SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = str(uuid.uuid4())
        return WireAnswer(200, tostring(root), _XML)


class QueryService:
    """A service whose operation is the form's Action."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._namespace = str(model.metadata["xmlNamespace"])
        self._operations: dict[str, QueryOperation] = {}

    def find_operation(self, request: WireRequest) -> Operation:
        """The operation that the form's Action names."""
        name = _read_form(request).get("Action", "")
        operation = self._operations.get(name)
        if operation is None:
            if name not in self._model.operation_names:
                raise AwsError("InvalidAction", f"{name!r} is no operation of {self._model.service_name}.")
            operation = self._operations[name] = QueryOperation(self._model.operation_model(name), self._namespace)
        return operation

    def write_error(self, error: AwsError) -> WireAnswer:
        """The error with its code in the element Code."""
        root = Element("ErrorResponse", xmlns=self._namespace)
        details = SubElement(root, "Error")
        SubElement(details, "Type").text = "Sender" if error.status < _SERVER_ERROR else "Receiver"
        SubElement(details, "Code").text = error.code
        SubElement(details, "Message").text = error.message
        SubElement(root, "RequestId").text = str(uuid.uuid4())
        return WireAnswer(error.status, tostring(root), _XML)


def _read_form(request: WireRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode() or request.query, keep_blank_values=True))


def _read(shape: Shape, prefix: str, form: Mapping[str, str]) -> Any:
    if isinstance(shape, StructureShape):
        return _read_structure(shape, prefix, form)
    if isinstance(shape, ListShape):
        flattened = shape.serialization.get("flattened")
        items = prefix if flattened else f"{prefix}.{wire_name(shape.member, 'member')}"
        return [_read(shape.member, each, form) for each in _list_numbered(items, form)]
    if isinstance(shape, MapShape):
        entries = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
        key, value = wire_name(shape.key, "key"), wire_name(shape.value, "value")
        return {
            form[f"{each}.{key}"]: _read(shape.value, f"{each}.{value}", form) for each in _list_numbered(entries, form)
        }
    return read_blob(form[prefix]) if shape.type_name == "blob" else read_scalar(form[prefix], shape)


def _read_structure(shape: StructureShape, prefix: str, form: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, member in shape.members.items():
        place = f"{prefix}.{wire_name(member, name)}" if prefix else wire_name(member, name)
        if place in form or _has_below(place, form):
            values[name] = _read(member, place, form)
    return values


def _list_numbered(prefix: str, form: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    while (place := f"{prefix}.{len(found) + 1}") in form or _has_below(place, form):
        found.append(place)
    return found


def _has_below(place: str, form: Mapping[str, str]) -> bool:
    return any(key.startswith(f"{place}.") for key in form)


def _write(shape: Shape, value: Any, parent: Element, name: str) -> None:
    if isinstance(shape, ListShape):
        flattened = shape.serialization.get("flattened")
        holder = parent if flattened else SubElement(parent, name)
        for item in value:
            _write(shape.member, item, holder, name if flattened else wire_name(shape.member, "member"))
        return
    element = SubElement(parent, name)
    if isinstance(shape, StructureShape):
        _write_members(shape, value, element)
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            entry = SubElement(element, "entry")
            SubElement(entry, wire_name(shape.key, "key")).text = str(key)
            _write(shape.value, item, entry, wire_name(shape.value, "value"))
    else:
        element.text = _write_scalar(shape, value)


def _write_members(shape: StructureShape, value: Mapping[str, Any], element: Element) -> None:
    for name, member in shape.members.items():
        if (item := value.get(name)) is not None:
            _write(member, item, element, wire_name(member, name))


def _write_scalar(shape: Shape, value: Any) -> str:
    if shape.type_name == "timestamp":
        return str(write_timestamp(value, shape.serialization.get("timestampFormat", "iso8601")))
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return write_blob(value) if shape.type_name == "blob" else str(value)
