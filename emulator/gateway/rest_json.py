"""The protocol rest-json: Lambda, X-Ray."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape

from emulator.errors import AwsError
from emulator.gateway.protocol import Operation
from emulator.gateway.rest_route import RouteTable, make_route
from emulator.gateway.shapes import ShapeCompiler, read_timestamp, wire_name, write_timestamp
from emulator.gateway.wire import WireAnswer, WireRequest, message_name, parse_json, write_json

_JSON = "application/json"


@dataclass(frozen=True)
class RestMembers:
    """The members of a shape by where they stand in an HTTP message."""

    located: dict[str, list[tuple[str, Shape]]]  # location -> members
    body: list[str]
    payload: tuple[str, Shape] | None

    @classmethod
    def of(cls, shape: Any) -> "RestMembers":
        """Sort the members of an input or output shape; None has none."""
        located: dict[str, list[tuple[str, Shape]]] = {}
        body: list[str] = []
        payload = None
        if shape is not None:
            payload_name = shape.serialization.get("payload")
            for name, member in shape.members.items():
                location = member.serialization.get("location")
                if location is not None:
                    located.setdefault(location, []).append((name, member))
                elif name == payload_name:
                    payload = (name, member)
                else:
                    body.append(name)
        return cls(located, body, payload)


class RestJsonOperation:
    """One operation: members in path, query, headers and body."""

    def __init__(self, model: OperationModel, reading: ShapeCompiler, writing: ShapeCompiler) -> None:
        self.name = str(model.name)
        self._status = int(model.http.get("responseCode", 200))
        input_shape, output_shape = model.input_shape, model.output_shape
        self._input = RestMembers.of(input_shape)
        self._output = RestMembers.of(output_shape)
        self._required = () if input_shape is None else tuple(input_shape.required_members)
        self._read_body = None
        if input_shape is not None and self._input.body:
            self._read_body = reading.compile_members(input_shape, self._input.body)
        self._read_payload = None if self._input.payload is None else reading.compile(self._input.payload[1])
        self._write_body = None
        if output_shape is not None and self._output.body:
            self._write_body = writing.compile_members(output_shape, self._output.body)
        self._write_payload = None if self._output.payload is None else writing.compile(self._output.payload[1])

    def read_request(self, request: WireRequest, labels: dict[str, str] | None = None) -> dict[str, Any]:
        """The request in boto3's shape."""
        located = self._input.located
        result: dict[str, Any] = self._read_content(request.body)
        for name, member in located.get("uri", ()):
            result[name] = read_scalar((labels or {})[wire_name(member, name)], member)
        if "querystring" in located and request.query:
            result.update(_read_query(request.query, located["querystring"]))
        for name, member in located.get("header", ()):
            value = request.headers.get(wire_name(member, name))
            if value is not None:
                result[name] = read_scalar(value, member)
        for name, member in located.get("headers", ()):
            prefix = wire_name(member, name).lower()
            result[name] = {
                key[len(prefix) :]: value for key, value in request.headers.items() if key.lower().startswith(prefix)
            }
        for name in self._required:
            if name not in result:
                raise AwsError("ValidationException", f"{self.name}: {name} is required.")
        return result

    def write_answer(self, answer: dict[str, Any]) -> WireAnswer:
        """The HTTP answer."""
        located = self._output.located
        status = self._status
        for name, _ in located.get("statusCode", ()):
            status = answer.get(name, status)
        headers: dict[str, str] = {}
        for name, member in located.get("header", ()):
            if (value := answer.get(name)) is not None:
                headers[wire_name(member, name)] = _write_scalar(value, member)
        for name, member in located.get("headers", ()):
            for key, value in answer.get(name, {}).items():
                headers[wire_name(member, name) + key] = value
        if self._output.payload is not None:
            return WireAnswer(status, self._write_content(answer), _JSON, headers)
        if self._write_body is None:
            return WireAnswer(status, b"", None, headers)
        in_body = {name: answer[name] for name in self._output.body if name in answer}
        return WireAnswer(status, write_json(self._write_body(in_body)), _JSON, headers)

    def _read_content(self, body: bytes) -> dict[str, Any]:
        if self._input.payload is not None:
            name, shape = self._input.payload
            if shape.type_name in ("blob", "string"):
                return {name: body if shape.type_name == "blob" else body.decode()} if body else {}
            value = parse_json(body)
            return {name: value if self._read_payload is None else self._read_payload(value)}
        if self._read_body is None:
            return {}
        value = self._read_body(parse_json(body))
        assert isinstance(value, dict)
        return value

    def _write_content(self, answer: dict[str, Any]) -> bytes:
        assert self._output.payload is not None
        name, shape = self._output.payload
        value = answer.get(name)
        if value is None:
            return b""
        if shape.type_name in ("blob", "string"):
            return value.encode() if isinstance(value, str) else bytes(value)
        return write_json(value if self._write_payload is None else self._write_payload(value))


class BoundOperation:
    """An operation with the labels of one request's path."""

    def __init__(self, operation: RestJsonOperation, labels: dict[str, str]) -> None:
        self.name = operation.name
        self._operation = operation
        self._labels = labels
        self.write_answer = operation.write_answer

    def read_request(self, request: WireRequest) -> dict[str, Any]:
        """The request in boto3's shape."""
        return self._operation.read_request(request, self._labels)


class RestJsonService:
    """A service whose operation is named by method and path."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._reading = ShapeCompiler(reading=True)
        self._writing = ShapeCompiler(reading=False)
        self._operations: dict[str, RestJsonOperation] = {}
        http = ((name, model.operation_model(name).http) for name in model.operation_names)
        self._routes = RouteTable([make_route(each["method"], each["requestUri"], name) for name, each in http])

    def answers(self, method: str, path: str, query: str) -> bool:
        """Whether method and path are one of the service's operations."""
        return self._routes.find(method, path, query) is not None

    def find_operation(self, request: WireRequest) -> Operation:
        """The operation of method and path."""
        found = self._routes.find(request.method, request.path, request.query)
        if found is None:
            raise AwsError(
                "UnknownOperationException",
                f"{request.method} {request.path} is no operation of {self._model.service_name}.",
                404,
            )
        name, labels = found
        operation = self._operations.get(name)
        if operation is None:
            model = self._model.operation_model(name)
            if model.has_event_stream_output:
                raise AwsError("UnknownOperationException", f"{name}: event streams are not emulated.", 404)
            operation = self._operations[name] = RestJsonOperation(model, self._reading, self._writing)
        return BoundOperation(operation, labels)

    def write_error(self, error: AwsError) -> WireAnswer:
        """The error with its code in the header x-amzn-ErrorType.

        Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization
        """
        kind = "User" if error.status < 500 else "Service"
        body = {"Type": kind, message_name(self._model, error.code): error.message, **error.members}
        return WireAnswer(error.status, write_json(body), _JSON, {"x-amzn-ErrorType": error.code})


def read_scalar(text: str, shape: Shape) -> Any:
    """A value of path, query or header in its shape's type."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError as error:
        raise AwsError("SerializationException", f"{text!r} is no {kind}.") from error
    if kind == "boolean":
        return text.lower() == "true"
    return read_timestamp(text) if kind == "timestamp" else text


def _write_scalar(value: Any, shape: Shape) -> str:
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp":
        return str(write_timestamp(value, shape.serialization.get("timestampFormat", "rfc822")))
    return str(value)


def _read_query(query: str, members: list[tuple[str, Shape]]) -> dict[str, Any]:
    given = parse_qs(query, keep_blank_values=True)
    result: dict[str, Any] = {}
    for name, member in members:
        if isinstance(member, MapShape):
            known = {wire_name(each, each_name) for each_name, each in members}
            result[name] = {key: values[0] for key, values in given.items() if key not in known}
            continue
        values = given.get(wire_name(member, name))
        if values is None:
            continue
        if isinstance(member, ListShape):
            result[name] = [read_scalar(value, member.member) for value in values]
        else:
            result[name] = read_scalar(values[0], member)
    return result
