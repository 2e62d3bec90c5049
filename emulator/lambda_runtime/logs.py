"""A function's log: lines of all its environments, in memory and, where asked for, in one file.

Source of the START, END and REPORT lines: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import IO, NamedTuple

RING_LINES = 10_000
FLUSH_SECONDS = 0.2


class LogEvent(NamedTuple):
    """One line, as CloudWatch would keep it."""

    timestamp: float  # seconds since the epoch
    stream: str
    message: str


class FunctionLog:
    """Keeps the last lines in memory (`events`) and appends all of them to `file`, if there is one."""

    def __init__(self, file: Path | None = None, ring_lines: int = RING_LINES) -> None:
        self.events: deque[LogEvent] = deque(maxlen=ring_lines)
        self._file = file
        self._stream: IO[str] | None = None
        self._flush_timer: asyncio.TimerHandle | None = None

    def write(self, stream: str, message: str) -> None:
        now = time.time()
        self.events.append(LogEvent(now, stream, message))
        if self._file is not None:
            if self._stream is None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._file.open("a", encoding="utf-8", errors="backslashreplace")
            seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
            self._stream.write(f"{seconds}.{int(now % 1 * 1000):03d}Z {stream} {message}\n")
            if self._flush_timer is None:
                self._flush_timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def messages(self) -> list[str]:
        """The lines without time and stream, oldest first."""
        return [event.message for event in self.events]

    def flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._stream is not None:
            self._stream.flush()

    def close(self) -> None:
        self.flush()
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def format_report(
    *,
    request_id: str,
    duration_ms: float,
    billed_ms: int,
    memory_mb: int,
    max_memory_mb: int,
    init_ms: float | None,
    status: str | None,
    error_type: str | None,
    trace: tuple[str, str, bool] | None,
) -> str:
    """The REPORT line; `trace` is (trace id, segment id, sampled)."""
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {billed_ms} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {max_memory_mb} MB",
    ]
    if init_ms is not None:
        parts.append(f"Init Duration: {init_ms:.2f} ms")
    if status is not None:
        parts.append(f"Status: {status}")
    if error_type is not None:
        parts.append(f"Error Type: {error_type}")
    if trace is not None:
        parts.append(f"XRAY TraceId: {trace[0]}\tSegmentId: {trace[1]}\tSampled: {str(trace[2]).lower()}")
    return "\t".join(parts) + "\t"
