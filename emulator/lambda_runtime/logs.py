"""Functions' logs: the lines of all environments, in memory and, where asked for, in one file a function."""

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

# For a look at what a function has just said; the file has everything.
RING_LINES = 10_000
FLUSH_SECONDS = 0.2
# A file is written anew without its old lines when they are so much of it: else each round would copy all the others.
OLD_SHARE = 0.25


class LogEvent(NamedTuple):
    """One line, as CloudWatch would keep it."""

    timestamp: float  # seconds since the epoch
    stream: str
    message: str


@dataclass(frozen=True, slots=True)
class StoredLines:
    """A log's lines from `first` to `end`, positions that stay what they are when lines are added.

    Lines are bytes: time, stream and message with a space between, as in the file.
    """

    first: int
    end: int  # exclusive
    file: Path | None
    base: int = 0  # position of the file's first byte
    kept: tuple[LogEvent, ...] = ()  # the last ones, where there is no file

    def since(self, position: int) -> Iterator[tuple[int, int, bytes]]:
        """Each line from `position` on, with its own position and the next line's; may run in a thread."""
        position = max(position, self.first)
        if self.file is None:
            for number in range(max(position, self.end - len(self.kept)), self.end):
                yield number, number + 1, format_line(self.kept[number - self.end]).encode("utf-8", "backslashreplace")
        elif position < self.end:
            with self.file.open("rb") as source:
                source.seek(position - self.base)
                for line in source:
                    after = position + len(line)
                    yield position, after, line[:-1]
                    if after >= self.end:
                        return
                    position = after


class FunctionLog:
    """Keeps the last lines in memory (`events`) and appends all of them to `file`, if there is one.

    `group` is the log group that they belong to.
    """

    def __init__(self, file: Path | None = None, ring_lines: int = RING_LINES, *, name: str = "") -> None:
        self.name = name
        self.group = f"/aws/lambda/{name}"
        self.events: deque[LogEvent] = deque(maxlen=ring_lines)
        self._file = file
        self._lines = 0
        self._first = 0
        self._base = 0
        self._left_behind: Path | None = None  # the file before the last time that one was written anew
        self._unwritten: list[LogEvent] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, stream: str, message: str, timestamp: float | None = None) -> None:
        """Add a line, now; `timestamp` is when what it tells of happened."""
        event = LogEvent(time.time() if timestamp is None else timestamp, stream, message)
        self.events.append(event)
        self._lines += 1
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
                sink.writelines(f"{format_line(line)}\n" for line in lines)

    def stored(self) -> StoredLines:
        """The lines that there are now."""
        if self._file is None:
            return StoredLines(self._first, self._lines, None, kept=tuple(self.events))
        self.flush()
        size = self._file.stat().st_size if self._file.exists() else 0
        return StoredLines(self._first, self._base + size, self._file, self._base)

    def forget(self) -> None:
        """Leave out of `stored` what there is now: the log group was deleted."""
        self._first = self.stored().end

    def drop_before(self, oldest: float) -> int:
        """How many bytes of lines are left out of `stored` from now on, because they are older than `oldest`.

        They leave the file too, sooner or later. Lines are in the order of time, near enough.
        """
        if self._left_behind is not None:
            # Nobody reads it any more: a reader has had the time between two rounds.
            self._left_behind.unlink(missing_ok=True)
            self._left_behind = None
        lines, limit, before = self.stored(), format_time(oldest).encode(), self._first
        for _position, after, line in lines.since(lines.first):
            if line[: len(limit)] >= limit:
                break
            self._first = after
        if self._file is not None and self._first - self._base > OLD_SHARE * (lines.end - self._base):
            self._write_anew(self._file)
        return self._first - before if self._file is not None else 0

    def _write_anew(self, file: Path) -> None:
        """A file of another name: whoever is reading the old one by its positions goes on with it."""
        stem = file.name.removesuffix(".log").removesuffix(f".{self._base}")
        fresh = file.with_name(f"{stem}.{self._first}.log")
        with file.open("rb") as source, fresh.open("wb") as sink:
            source.seek(self._first - self._base)
            shutil.copyfileobj(source, sink)
        self._file, self._base, self._left_behind = fresh, self._first, file


class LogStore:
    """The logs by function name; like a log group, a log outlives its function."""

    def __init__(self, directory: Path | None, ring_lines: int = RING_LINES) -> None:
        self._directory = directory
        self._ring_lines = ring_lines
        self._logs: dict[str, FunctionLog] = {}

    def of(self, function_name: str) -> FunctionLog:
        """The function's log, made at first use."""
        if function_name not in self._logs:
            file = self._directory / f"{function_name}.log" if self._directory is not None else None
            self._logs[function_name] = FunctionLog(file, self._ring_lines, name=function_name)
        return self._logs[function_name]

    def all(self) -> list[FunctionLog]:
        """Every log."""
        return list(self._logs.values())

    def flush(self) -> None:
        """Bring all files up to date."""
        for log in self._logs.values():
            log.flush()


def format_line(event: LogEvent) -> str:
    """A line as the file has it, without its end."""
    return f"{format_time(event.timestamp)} {event.stream} {event.message}"


def format_time(moment: float) -> str:
    """ISO 8601 with milliseconds, UTC."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment % 1 * 1000):03d}Z"
