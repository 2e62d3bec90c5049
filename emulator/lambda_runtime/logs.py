"""Functions' logs: the lines of all environments, in memory and, where asked for, in one file a function."""

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

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
        self._unwritten: list[LogEvent] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, stream: str, message: str) -> None:
        """Add a line, now."""
        event = LogEvent(time.time(), stream, message)
        self.events.append(event)
        if self._file is not None:
            self._unwritten.append(event)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def messages(self) -> list[str]:
        """The lines without time and stream, oldest first."""
        return [event.message for event in self.events]

    def flush(self) -> None:
        """Bring the file up to date."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._file is not None and self._unwritten:
            lines, self._unwritten = self._unwritten, []
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8", errors="backslashreplace") as sink:
                sink.writelines(f"{format_time(line.timestamp)} {line.stream} {line.message}\n" for line in lines)


class LogStore:
    """The logs by function name; like a log group, a log outlives its function."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._logs: dict[str, FunctionLog] = {}

    def of(self, function_name: str) -> FunctionLog:
        """The function's log, made at first use."""
        if function_name not in self._logs:
            file = self._directory / f"{function_name}.log" if self._directory is not None else None
            self._logs[function_name] = FunctionLog(file)
        return self._logs[function_name]

    def flush(self) -> None:
        """Bring all files up to date."""
        for log in self._logs.values():
            log.flush()


def format_time(moment: float) -> str:
    """ISO 8601 with milliseconds, UTC."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment % 1 * 1000):03d}Z"
