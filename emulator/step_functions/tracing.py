"""The segment of an execution, its states' subsegments, and the trace header for the functions that it invokes.

The segment is sent when the execution ends, each state as a document of its own when the state ends, with its calls in
it: so a document is small, however many states there are.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

import json
import re
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from emulator.step_functions.resources import Resource

SendSegment = Callable[[bytes], object]

# A document must stay under 64 KB: of a state that is retried more often the last attempts are kept.
_CALLS_OF_A_STATE: Final = 100
_NAME_LENGTH: Final = 200
_FORBIDDEN_IN_NAMES: Final = re.compile(r"[^\w\s.:/%&#=+\\@-]")


@dataclass(frozen=True, slots=True)
class TraceStart:
    """The trace that an execution takes part in."""

    root: str
    upstream_parent: str | None
    segment_id: str
    sampled: bool

    @property
    def header(self) -> str:
        """What a function gets that is called by the execution itself."""
        return f"Root={self.root};Parent={self.segment_id};Sampled={int(self.sampled)}"


def begin_trace(given: str | None, now: float, *, enabled: bool) -> TraceStart:
    """The caller's trace where there is one, a new one otherwise, which is sampled if tracing is enabled.

    "When X-Ray is not enabled for your state machine, and an upstream service does not pass a trace ID, Step Functions
    will not send traces to X-Ray [...]. However, if a trace ID is passed by an upstream service, Step Functions will
    then send traces".
    """
    fields = dict(part.strip().split("=", 1) for part in (given or "").split(";") if "=" in part)
    root = fields.get("Root")
    sampled = enabled or root is not None
    return TraceStart(
        root or f"1-{int(now):08x}-{secrets.token_hex(12)}",
        fields.get("Parent"),
        secrets.token_hex(8),
        sampled and fields.get("Sampled", "1") == "1",
    )


class Span:
    """A state of an execution, or the execution itself, as a parent of what happens in it."""

    __slots__ = ("_calls", "_name", "_parent_id", "_started", "_trace", "id")

    def __init__(self, trace: "ExecutionTrace", identifier: str, parent_id: str, name: str, started: float) -> None:
        self.id = identifier
        self._trace = trace
        self._parent_id = parent_id
        self._name = name
        self._started = started
        self._calls: deque[dict[str, Any]] | None = None

    def enter_state(self, name: str) -> "Span":
        """A state that begins now."""
        return Span(self._trace, secrets.token_hex(8), self.id, name, self._trace.now())

    def begin_call(self, resource: Resource) -> "CallSpan":
        """A call that begins now, in this state."""
        if self._calls is None:
            self._calls = deque(maxlen=_CALLS_OF_A_STATE)
        return CallSpan(self._trace, self._calls, resource)

    def end(self, error: str | None = None) -> None:
        """Send the state; `error` is the name of what made it fail."""
        document: dict[str, Any] = {
            "type": "subsegment",
            "trace_id": self._trace.start.root,
            "parent_id": self._parent_id,
            "id": self.id,
            "name": _clean_name(self._name),
            "start_time": self._started,
            "end_time": self._trace.now(),
        }
        if error is not None:
            document |= _describe_failure(error)
        if self._calls:
            document["subsegments"] = list(self._calls)
        self._trace.send(document)


class CallSpan:
    """One attempt of a Task: what it calls continues the trace from here."""

    __slots__ = ("_calls", "_id", "_resource", "_started", "_trace")

    def __init__(self, trace: "ExecutionTrace", calls: deque[dict[str, Any]], resource: Resource) -> None:
        self._trace = trace
        self._calls = calls
        self._resource = resource
        self._id = secrets.token_hex(8)
        self._started = trace.now()

    @property
    def header(self) -> str:
        """The trace header for what is called."""
        return f"Root={self._trace.start.root};Parent={self._id};Sampled=1"

    def end(self, error: str | None = None) -> None:
        """Keep the call for the state's document."""
        action = self._resource.action
        call: dict[str, Any] = {
            "id": self._id,
            "name": "Lambda" if action is None else str(action.model.service_model.service_id),
            "namespace": "aws",
            "start_time": self._started,
            "end_time": self._trace.now(),
            "aws": {"operation": "Invoke" if action is None else action.operation},
        }
        self._calls.append(call if error is None else call | _describe_failure(error))


class ExecutionTrace:
    """The trace of one execution that is sampled."""

    def __init__(self, start: TraceStart, send: SendSegment, now: Callable[[], float]) -> None:
        self.start = start
        self._send = send
        self._now = now

    def now(self) -> float:
        """Seconds since 1970, to the microsecond."""
        return round(self._now(), 6)

    def send(self, document: dict[str, Any]) -> None:
        """Send a document."""
        self._send(json.dumps(document, separators=(",", ":")).encode())

    def root_span(self) -> Span:
        """The parent of the machine's states."""
        return Span(self, self.start.segment_id, "", "", 0.0)

    def end(self, *, name: str, machine_arn: str, execution_arn: str, started: float, error: str | None) -> None:
        """Send the execution's segment."""
        segment: dict[str, Any] = {
            "trace_id": self.start.root,
            "id": self.start.segment_id,
            "name": _clean_name(name),
            "start_time": round(started, 6),
            "end_time": self.now(),
            "origin": "AWS::StepFunctions::StateMachine",
            "resource_arn": machine_arn,
            "aws": {"execution_arn": execution_arn},
        }
        if self.start.upstream_parent:
            segment["parent_id"] = self.start.upstream_parent
        if error is not None:
            segment |= _describe_failure(error)
        self.send(segment)


def _describe_failure(error: str) -> dict[str, Any]:
    """Flags and the error's name, not its cause, which may hold data."""
    cause = {"exceptions": [{"id": secrets.token_hex(8), "type": error}]}
    if error == "Lambda.TooManyRequestsException":
        return {"error": True, "throttle": True, "cause": cause}
    return {"fault": True, "cause": cause}


@lru_cache(maxsize=1024)
def _clean_name(name: str) -> str:
    return _FORBIDDEN_IN_NAMES.sub("_", name)[:_NAME_LENGTH]
