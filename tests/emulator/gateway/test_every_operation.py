"""Every operation of every registered service: botocore writes, the gateway reads, and the other way round."""

import io
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.loaders
import pytest
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from multidict import CIMultiDict

from emulator.errors import AwsError
from emulator.gateway.dispatch import open_protocol
from emulator.gateway.protocol import ServiceProtocol
from emulator.gateway.wire import WireRequest
from emulator.services.logs import LogsService

SERVICES = ("stepfunctions", "kinesis", "lambda", "xray", "cloudformation", "logs")
MOMENT = datetime(2026, 11, 22, 8, 15, 30, tzinfo=UTC)
MODELS = {
    name: ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name) for name in SERVICES
}
CASES = [
    (name, operation)
    for name, model in MODELS.items()
    for operation in model.operation_names
    if name != "logs" or operation in LogsService.answered_operations
]


def make_value(shape: Shape, depth: int = 0) -> Any:
    """A value with every member of `shape`, three levels deep."""
    if isinstance(shape, StructureShape):
        if depth > 3 and not shape.is_tagged_union:
            return {}
        members = list(shape.members.items())
        return {
            name: make_value(member, depth + 1)
            for name, member in (members[:1] if shape.is_tagged_union else members)
            if not (depth == 3 and name not in shape.required_members and not shape.is_tagged_union)
            and not member.serialization.get("jsonvalue")
        }
    if isinstance(shape, ListShape):
        return [make_value(shape.member, depth + 1)]
    if isinstance(shape, MapShape):
        return {"key": make_value(shape.value, depth + 1)}
    return {
        "blob": b"\x00bytes\xff",
        "timestamp": MOMENT,
        "boolean": True,
        "integer": 3,
        "long": 3,
        "double": 1.5,
        "float": 1.5,
    }.get(shape.type_name, "a:b c/ü")


@cache
def open_service(service: str) -> ServiceProtocol:
    return open_protocol(MODELS[service])


def serialise(model: ServiceModel, operation: OperationModel, values: dict[str, Any]) -> WireRequest:
    """The HTTP request that botocore makes of `values`."""
    wire = create_serializer(model.metadata["protocol"], include_validation=False).serialize_to_request(
        values, operation
    )
    path, _, constant = wire["url_path"].partition("?")
    query = urlencode(wire.get("query_string") or {}, doseq=True)
    body = wire["body"]
    if isinstance(body, dict):  # a form, which botocore's HTTP client encodes
        body = urlencode(body)
    return WireRequest(
        wire["method"],
        path,
        "&".join(part for part in (constant, query) if part),
        CIMultiDict({name: str(value) for name, value in wire["headers"].items()}),
        body.encode() if isinstance(body, str) else body,
    )


def has_event_stream(operation: OperationModel) -> bool:
    return bool(operation.has_event_stream_output or operation.has_event_stream_input)


@pytest.mark.parametrize(("service", "name"), CASES)
def test_request_arrives_as_it_was_given_when_botocore_writes_it(service: str, name: str) -> None:
    # GIVEN a request with every member
    model = MODELS[service]
    operation = model.operation_model(name)
    values = {} if operation.input_shape is None else make_value(operation.input_shape)
    request = serialise(model, operation, values)
    protocol = open_service(service)
    if has_event_stream(operation):
        with pytest.raises(AwsError, match="event streams are not emulated"):
            protocol.find_operation(request)
        return
    # WHEN the gateway reads it
    found = protocol.find_operation(request)
    # THEN it is the same operation with the same values
    assert found.name == name
    assert found.read_request(request) == values


@pytest.mark.parametrize(
    ("service", "name"), [each for each in CASES if not has_event_stream(MODELS[each[0]].operation_model(each[1]))]
)
def test_answer_arrives_as_it_was_given_when_botocore_reads_it(service: str, name: str) -> None:
    # GIVEN an answer with every member
    model = MODELS[service]
    operation = model.operation_model(name)
    values = {} if operation.output_shape is None else make_value(operation.output_shape)
    request_values = {} if operation.input_shape is None else make_value(operation.input_shape)
    found = open_service(service).find_operation(serialise(model, operation, request_values))
    # WHEN the gateway writes it and botocore reads it
    wire = found.write_answer(values)
    headers = CIMultiDict(wire.headers)
    # botocore reads a streamed body when its caller does.
    body = io.BytesIO(wire.body) if operation.has_streaming_output else wire.body
    answer = {"status_code": wire.status, "headers": headers, "body": body, "context": {"operation_name": name}}
    no_output = StructureShape("None", {"type": "structure", "members": {}})
    parsed = create_parser(model.metadata["protocol"]).parse(answer, operation.output_shape or no_output)
    parsed.pop("ResponseMetadata")
    # THEN it is the same
    if operation.has_streaming_output and operation.output_shape is not None:
        name_of_body = operation.output_shape.serialization["payload"]
        parsed[name_of_body] = parsed[name_of_body].read()
    assert parsed == values
