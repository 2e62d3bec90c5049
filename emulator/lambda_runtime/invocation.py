"""What an invocation is while it runs, and what its caller gets."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from emulator.lambda_runtime.tracing import InvocationTrace

UNHANDLED = "Unhandled"


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """The answer to one synchronous invocation; `function_error` is "Unhandled" when the function failed."""

    payload: bytes
    function_error: str | None
    executed_version: str
    status_code: int
    request_id: str
    log_tail: bytes | None = None  # the last 4 KiB of the log, when asked for


@dataclass(frozen=True, slots=True)
class InvocationReport:
    """What a listener hears of each finished invocation. Times: seconds since the epoch, durations in ms."""

    function_name: str
    request_id: str
    started: float
    duration_ms: float
    init_ms: float | None  # None: a warm start
    function_error: str | None
    error_type: str | None
    max_memory_mb: int
    trace_header: str | None


@dataclass(slots=True, eq=False)
class Invocation:
    """One event on its way through an environment. Times are of the event loop's clock."""

    request_id: str
    payload: bytes
    function_arn: str
    answer: asyncio.Future[InvokeResult]
    on_finished: Callable[[], None]
    trace: InvocationTrace | None = None
    client_context: str | None = None
    tail: bytearray | None = None
    received: float = 0.0  # seconds since the epoch
    started: float = 0.0
    started_epoch: float = 0.0
    init_ms: float | None = None


def error_payload(error_type: str, message: str) -> bytes:
    """The answer's body for an error that the service, not the runtime, reports."""
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()


def describe_exit(status: int) -> str:
    """The service's words for a runtime that ended with this wait status.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
    """
    number = status & 0x7F
    if number:
        return f"Runtime exited with error: signal: {SIGNAL_WORDS.get(number, str(number))}"
    code = status >> 8
    if code:
        return f"Runtime exited with error: exit status {code}"
    return "Runtime exited without providing a reason"


# As Go's os package, in which the service is written, spells them.
SIGNAL_WORDS = {
    2: "interrupt",
    6: "aborted",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    15: "terminated",
}
