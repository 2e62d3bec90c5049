"""What each protocol does for an operation: make boto3's request of an HTTP one, and an HTTP answer of boto3's."""

from typing import Any, Protocol

from emulator.errors import AwsError
from emulator.gateway.wire import WireAnswer, WireRequest


class Operation(Protocol):
    """One operation of a service's model."""

    name: str

    def read_request(self, request: WireRequest) -> dict[str, Any]:
        """The request in boto3's shape."""
        ...

    def write_answer(self, answer: dict[str, Any]) -> WireAnswer:
        """The HTTP answer."""
        ...


class ServiceProtocol(Protocol):
    """A service's model, ready to understand any of its operations."""

    def find_operation(self, request: WireRequest) -> Operation:
        """The operation that a request means; raises `AwsError` where there is none."""
        ...

    def write_error(self, error: AwsError) -> WireAnswer:
        """The HTTP answer that makes boto3 raise ClientError with this code."""
        ...
