"""The protocols awsJson 1.0 and 1.1: Step Functions, Kinesis."""

from typing import Any

from botocore.model import OperationModel, ServiceModel

from emulator.errors import AwsError
from emulator.gateway.protocol import Operation
from emulator.gateway.shapes import ShapeCompiler
from emulator.gateway.wire import WireAnswer, WireRequest, message_name, parse_json, write_json


class AwsJsonOperation:
    """One operation: the body is the request, the body is the answer."""

    def __init__(
        self, model: OperationModel, content_type: str, reading: ShapeCompiler, writing: ShapeCompiler
    ) -> None:
        self.name = str(model.name)
        self._content_type = content_type
        shape = model.input_shape
        self._read = None if shape is None else reading.compile_members(shape, list(shape.members))
        shape = model.output_shape
        self._has_output = shape is not None
        self._write = None if shape is None else writing.compile(shape)

    def read_request(self, request: WireRequest) -> dict[str, Any]:
        """The request in boto3's shape."""
        value = parse_json(request.body)
        if self._read is not None:
            value = self._read(value)
        assert isinstance(value, dict)
        return value

    def write_answer(self, answer: dict[str, Any]) -> WireAnswer:
        """The HTTP answer."""
        if not self._has_output:
            return WireAnswer(200, b"", self._content_type)
        return WireAnswer(200, write_json(answer if self._write is None else self._write(answer)), self._content_type)


class AwsJsonService:
    """A service whose operation is named by the header X-Amz-Target."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._content_type = f"application/x-amz-json-{model.metadata['jsonVersion']}"
        self.target_prefix = str(model.metadata["targetPrefix"])
        self._reading = ShapeCompiler(reading=True)
        self._writing = ShapeCompiler(reading=False)
        self._operations: dict[str, AwsJsonOperation] = {}

    def find_operation(self, request: WireRequest) -> Operation:
        """The operation of the header X-Amz-Target."""
        if "cbor" in request.headers.get("Content-Type", ""):
            raise AwsError(
                "SerializationException",
                "CBOR is not emulated: boto3 and the AWS CLI speak JSON; Java's SDK does with AWS_CBOR_DISABLE=true.",
                415,
            )
        prefix, _, name = request.headers.get("X-Amz-Target", "").partition(".")
        operation = self._operations.get(name)
        if operation is not None and prefix == self.target_prefix:
            return operation
        if prefix != self.target_prefix or name not in self._model.operation_names:
            raise AwsError(
                "UnknownOperationException",
                f"{request.headers.get('X-Amz-Target')!r} is no operation of {self._model.service_name}.",
            )
        model = self._model.operation_model(name)
        if model.has_event_stream_output:
            raise AwsError("UnknownOperationException", f"{name}: event streams are not emulated.")
        operation = AwsJsonOperation(model, self._content_type, self._reading, self._writing)
        self._operations[name] = operation
        return operation

    def write_error(self, error: AwsError) -> WireAnswer:
        """The error with its code in `__type`.

        Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization
        """
        body = {"__type": error.code, message_name(self._model, error.code): error.message, **error.members}
        return WireAnswer(error.status, write_json(body), self._content_type, {"x-amzn-ErrorType": error.code})
