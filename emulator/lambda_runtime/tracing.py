"""The trace header on its way through Lambda, and the segments that the service itself sends.

Sources: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
"""

import json
import os
import secrets
import socket
from dataclasses import dataclass

DAEMON_PREAMBLE = b'{"format": "json", "version": 1}\n'


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """Root, parent and sampling decision (None: left to the receiver)."""

    root: str
    parent: str | None
    sampled: bool | None

    def encode(self) -> str:
        """The wire form."""
        parts = [f"Root={self.root}"]
        if self.parent:
            parts.append(f"Parent={self.parent}")
        if self.sampled is not None:
            parts.append(f"Sampled={int(self.sampled)}")
        return ";".join(parts)


def parse_trace_header(text: str) -> TraceHeader | None:
    """The header's parts, None when it has no root."""
    fields = dict(part.strip().split("=", 1) for part in text.split(";") if "=" in part)
    root = fields.get("Root")
    if not root:
        return None
    decision = fields.get("Sampled")
    return TraceHeader(root, fields.get("Parent"), {"1": True, "0": False}.get(decision or ""))


def make_segment_id() -> str:
    """A 64-bit id in 16 hexadecimal digits."""
    return os.urandom(8).hex()


def make_trace_id(now: float) -> str:
    """A trace id that begins at `now`."""
    return f"1-{int(now):08x}-{os.urandom(12).hex()}"


class Sampler:
    """Lambda's own rule for requests that come without a decision: the first each second, then 5 percent."""

    PERCENT = 5

    def __init__(self) -> None:
        self._second = 0

    def decide(self, now: float) -> bool:
        if int(now) != self._second:
            self._second = int(now)
            return True
        return secrets.randbelow(100) < self.PERCENT


@dataclass(frozen=True, slots=True)
class InvocationTrace:
    """The ids of one invocation's two segments."""

    root: str
    upstream_parent: str | None
    service_segment: str
    function_segment: str
    sampled: bool

    def header(self) -> str:
        """What the environment gets: its subsegments belong to the AWS::Lambda::Function segment."""
        return f"Root={self.root};Parent={self.function_segment};Sampled={int(self.sampled)}"


def begin_trace(header: str | None, *, active: bool, sampler: Sampler, now: float) -> InvocationTrace | None:
    """The trace this invocation takes part in; None: it has none (PassThrough and no header)."""
    parsed = parse_trace_header(header) if header else None
    if parsed is None:
        if not active:
            return None
        parsed = TraceHeader(make_trace_id(now), None, None)
    sampled = parsed.sampled
    if sampled is None:
        sampled = active and sampler.decide(now)
    return InvocationTrace(parsed.root, parsed.parent, make_segment_id(), make_segment_id(), sampled)


class SegmentSender:
    """Sends segment documents to the X-Ray daemon by UDP, never waiting."""

    def __init__(self, daemon_address: str) -> None:
        host, _colon, port = daemon_address.rpartition(":")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((host, int(port)))
        self.dropped = 0

    def send(self, document: dict[str, object]) -> None:
        try:
            self._socket.send(DAEMON_PREAMBLE + json.dumps(document, separators=(",", ":")).encode())
        except (BlockingIOError, ConnectionRefusedError):
            # As the SDKs do: a trace is never worth delaying an invocation.
            self.dropped += 1

    def close(self) -> None:
        self._socket.close()


def make_segments(
    trace: InvocationTrace,
    *,
    function_name: str,
    function_arn: str,
    account_id: str,
    request_id: str,
    received: float,
    started: float,
    ended: float,
    init_ms: float | None,
    function_error: bool,
) -> list[dict[str, object]]:
    """The AWS::Lambda and AWS::Lambda::Function segment documents of one invocation."""
    service: dict[str, object] = {
        "name": function_name,
        "id": trace.service_segment,
        "trace_id": trace.root,
        "start_time": received,
        "end_time": ended,
        "origin": "AWS::Lambda",
        "resource_arn": function_arn,
        "aws": {"request_id": request_id},
        "http": {"response": {"status": 200}},
    }
    if trace.upstream_parent:
        service["parent_id"] = trace.upstream_parent
    function: dict[str, object] = {
        "name": function_name,
        "id": trace.function_segment,
        "trace_id": trace.root,
        "parent_id": trace.service_segment,
        "start_time": started,
        "end_time": ended,
        "origin": "AWS::Lambda::Function",
        "resource_arn": function_arn,
        "aws": {"account_id": account_id, "function_arn": function_arn, "request_id": request_id},
    }
    if init_ms is not None:
        function["subsegments"] = [
            {
                "name": "Initialization",
                "id": make_segment_id(),
                "start_time": started - init_ms / 1000,
                "end_time": started,
                "aws": {"function_arn": function_arn},
            }
        ]
    if function_error:
        service["fault"] = True
        function["fault"] = True
    return [service, function]
