"""What a mapping needs from outside: a way to invoke functions and a place for discarded batches."""

from typing import Protocol


class InvokeResult(Protocol):
    """What came of an invocation that reached the function."""

    @property
    def payload(self) -> bytes:
        """The function's answer, or its error as JSON."""
        ...

    @property
    def function_error(self) -> str | None:
        """`Unhandled` or `Handled` where the function failed."""
        ...


class Invoker(Protocol):
    """Invokes functions synchronously."""

    async def invoke(self, function: str, payload: bytes, *, trace_header: str | None) -> InvokeResult:
        """The function's result; raises `AwsError` where the function could not be invoked, such as a throttle."""
        ...


class DeliveryError(Exception):
    """A destination did not take a document."""


class Destination(Protocol):
    """Takes the documents about discarded batches; raises `DeliveryError`."""

    async def send(self, arn: str, body: str) -> None:
        """Send to an SQS queue or an SNS topic."""
        ...

    async def put_object(self, bucket_arn: str, key: str, body: str) -> None:
        """Write to an S3 bucket."""
        ...
