"""What the interpreter needs from outside: a Lambda service and a way to call any other AWS API."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """The answer of a Lambda invocation."""

    payload: bytes
    function_error: str | None  # "Unhandled" or "Handled" where the function failed, None where it succeeded
    executed_version: str
    status_code: int
    request_id: str


class InvokeAnswer(Protocol):
    """What the interpreter reads of an answer, whoever made it."""

    @property
    def payload(self) -> bytes: ...

    @property
    def function_error(self) -> str | None: ...

    @property
    def executed_version(self) -> str: ...

    @property
    def status_code(self) -> int: ...

    @property
    def request_id(self) -> str: ...


class LambdaInvoker(Protocol):
    """Invokes a function and waits for its answer."""

    async def invoke(self, function: str, payload: bytes, /, *, trace_header: str | None) -> InvokeAnswer:
        """The function's answer, an error of the function included; raises AwsError where Lambda itself refuses.

        It is never cancelled when a state times out or a Map stops: as on AWS the function runs to its end and
        its answer is dropped. Only the service's `close()` cancels it.
        """
        ...


class EventLog(Protocol):
    """Where state machines log."""

    def write(self, group: str, stream: str, message: str, timestamp: float, /) -> None:
        """Add an event to a log group."""
        ...


class SdkCaller(Protocol):
    """Calls an AWS API by name."""

    async def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The response in botocore's shape.

        `service` is botocore's name ("s3", "stepfunctions"), `operation` is PascalCase ("PutObject"), `parameters`
        are in botocore's shape (the interpreter has translated them from the Amazon States Language).
        Raises AwsError where the service refuses.
        """
        ...
