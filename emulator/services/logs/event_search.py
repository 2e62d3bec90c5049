"""Finds events in the logs of a group, oldest first, without holding more of them than a page."""

import heapq
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from emulator.lambda_runtime.logs import StoredLines
from emulator.services.logs.filter_pattern import FilterPattern

# Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
PAGE_EVENTS = 10_000
PAGE_BYTES = 1_048_576
# Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_EVENT_OVERHEAD_BYTES = 26
_TIME_CHARACTERS = 24  # 2026-11-25T10:00:00.000Z


class FoundEvent(NamedTuple):
    """An event with its place: `after` is where its source's next one begins."""

    time: bytes  # ISO 8601, so that order is time's order
    source: str
    position: int
    after: int
    stream: str
    message: str

    @property
    def millis(self) -> int:
        """Milliseconds since 1970."""
        return round(datetime.fromisoformat(self.time.decode()).timestamp() * 1000)

    @property
    def event_id(self) -> str:
        """56 digits, as AWS has them; the same for the same event at any time."""
        return f"{self.millis:020d}{zlib.crc32(self.source.encode()):010d}{self.position:026d}"

    @property
    def size_bytes(self) -> int:
        """What the event counts in a page."""
        return len(self.message.encode("utf-8", "surrogatepass")) + _EVENT_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Query:
    """Which events are wanted; times are as `FoundEvent.time`, both inclusive."""

    pattern: FilterPattern
    takes_stream: Callable[[str], bool]
    start: bytes = b""
    end: bytes = b"~"  # after every digit


@dataclass(frozen=True, slots=True)
class Page:
    """Events, and the positions by source from which to go on; None where all was seen."""

    events: list[FoundEvent]
    positions: dict[str, int] | None


def search(sources: dict[str, StoredLines], query: Query, positions: dict[str, int], limit: int) -> Page:
    """The next page of at most `limit` events and 1 MiB; may run in a thread."""
    streams = [_find(name, lines, query, positions.get(name, 0)) for name, lines in sources.items()]
    events: list[FoundEvent] = []
    size, reached = 0, dict(positions)
    for event in heapq.merge(*streams, key=lambda event: event.time):
        size += event.size_bytes
        if events and (len(events) == limit or size > PAGE_BYTES):
            return Page(events, reached)
        events.append(event)
        reached[event.source] = event.after
    return Page(events, None)


def collect_streams(sources: dict[str, StoredLines]) -> list[dict[str, Any]]:
    """Each stream's name, first and last time and size."""
    found: dict[bytes, list[Any]] = {}
    for lines in sources.values():
        for _position, _after, line in lines.since(0):
            time, stream, message = line.split(b" ", 2)
            entry = found.setdefault(stream, [time, time, 0])
            entry[1] = time
            entry[2] += len(message)
    return [
        {"name": stream.decode(), "first": _to_millis(first), "last": _to_millis(last), "bytes": size}
        for stream, (first, last, size) in found.items()
    ]


def _find(name: str, lines: StoredLines, query: Query, position: int) -> Iterator[FoundEvent]:
    may_match, matches = query.pattern.may_match, query.pattern.matches
    for place, after, line in lines.since(position):
        if not query.start <= line[:_TIME_CHARACTERS] <= query.end or not may_match(line):
            continue
        time, stream_name, text = line.split(b" ", 2)
        stream = stream_name.decode()
        if not query.takes_stream(stream):
            continue
        message = text.decode("utf-8", "replace")
        if matches(message):
            yield FoundEvent(time, name, place, after, stream, message)


def _to_millis(time: bytes) -> int:
    return round(datetime.fromisoformat(time.decode()).timestamp() * 1000)
