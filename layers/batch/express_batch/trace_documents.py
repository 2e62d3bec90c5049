"""X-Ray's segment documents, made and sent without its SDK (docs/adr/0005).

The format: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
The daemon: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
"""

import json
import os
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_TRACE_ID = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_SEGMENT_ID = re.compile(r"[0-9a-f]{16}")
_DAEMON_HEADER = b'{"format":"json","version":1}\n'
OK = "ok"


class TracePlace(NamedTuple):
    """Where in a trace a document hangs."""

    trace_id: str
    parent_id: str


def read_trace_header(header: str | None) -> TracePlace | None:
    """The place that a sampled header names; None for any other, which then costs nothing more."""
    if header is None or "Sampled=1" not in header:
        return None
    parts = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    place = TracePlace(parts.get("Root", ""), parts.get("Parent", ""))
    return place if _TRACE_ID.fullmatch(place.trace_id) and _SEGMENT_ID.fullmatch(place.parent_id) else None


@dataclass(slots=True)
class TracedSpan:
    """A timed part of an invocation, as a subsegment."""

    name: str
    started_at: float = field(default_factory=time.time)
    ended_at: float = 0.0
    annotations: dict[str, str | int] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    spans: list["TracedSpan"] = field(default_factory=list)
    remote: bool = False  # the other side is not ours: it gets a node of its own in the service map
    failed: bool = False

    def annotate(self, **values: str | int) -> None:
        """Numbers and identifiers, which X-Ray indexes for search."""
        self.annotations.update(values)

    def describe(self, **values: Any) -> None:
        """Summaries, which it only shows."""
        self.metadata.update(values)

    def end(self, outcome: str) -> None:
        """Note the time, and that the work failed unless the outcome is `ok`."""
        self.ended_at = time.time()
        self.failed = outcome != OK

    def document(self) -> dict[str, Any]:
        """The subsegment, embedded ones within it."""
        document: dict[str, Any] = {
            "name": self.name,
            "id": os.urandom(8).hex(),
            # Milliseconds are what X-Ray keeps.
            "start_time": round(self.started_at, 3),
            "end_time": round(self.ended_at, 3),
        }
        if self.remote:
            document["namespace"] = "remote"
        if self.failed:
            document["fault"] = True
        if self.annotations:
            document["annotations"] = self.annotations
        if self.metadata:
            document["metadata"] = self.metadata
        if self.spans:
            document["subsegments"] = [span.document() for span in self.spans]
        return document


def make_subsegment(place: TracePlace, span: TracedSpan) -> dict[str, Any]:
    """A subsegment that is sent by itself, under Lambda's own segment of the function."""
    return {**span.document(), **place._asdict(), "type": "subsegment"}


def make_segment(place: TracePlace, span: TracedSpan, request_id: str) -> dict[str, Any]:
    """A segment in a trace that this invocation is no part of."""
    return {**span.document(), **place._asdict(), "aws": {"request_id": request_id}}


def encode_document(document: Mapping[str, Any]) -> bytes:
    """The document as it travels. Half a surrogate pair, which UTF-8 has not, becomes a question mark."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class TraceSender:
    """Sends to the X-Ray daemon beside the function, by UDP and without waiting: no trace is worth a delay."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def send(self, document: Mapping[str, Any]) -> None:
        """Send one document. What cannot be sent is lost."""
        try:
            self._open().send(_DAEMON_HEADER + encode_document(document))
        except (OSError, ValueError):  # no such address, no daemon, or more than a datagram takes
            self.close()

    def close(self) -> None:
        """Drop the socket; the next document makes a new one."""
        opened, self._socket = self._socket, None
        if opened is not None:
            opened.close()

    def _open(self) -> socket.socket:
        if self._socket is None:
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
            host, _, port = os.environ.get("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000").rpartition(":")
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.connect((host, int(port)))
        return self._socket
