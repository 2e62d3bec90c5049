"""The operations of CloudWatch Logs that read what functions and state machines wrote.

Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html
"""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime.logs import FunctionLog, StoredLines, format_time
from emulator.retention.calendar import DAY_SECONDS, Calendar
from emulator.services.logs.event_search import PAGE_EVENTS, FoundEvent, Page, Query, collect_streams, search
from emulator.services.logs.filter_pattern import FilterPattern, compile_filter
from emulator.stack.aws_caller import AwsCaller

_STREAMS_A_PAGE = 50


class LogsService:
    """Groups that something here writes to are read here; what else there is of CloudWatch Logs is moto's.

    `function_logs` gives the logs of all functions; what is written through `write` is kept in `directory`.
    """

    # The gateway passes every other operation on.
    answered_operations = frozenset(
        {"DeleteLogGroup", "DescribeLogStreams", "FilterLogEvents", "GetLogEvents", "PutLogEvents"}
    )

    def __init__(
        self, identity: Identity, moto: AwsCaller, function_logs: Callable[[], list[FunctionLog]], directory: Path
    ) -> None:
        self._identity = identity
        self._moto = moto
        self._function_logs = function_logs
        self._directory = directory
        self._vended: dict[str, FunctionLog] = {}
        self._made: set[str] = set()

    def write(self, group: str, stream: str, message: str, timestamp: float) -> None:
        """Add an event to a group that is no function's."""
        log = self._vended.get(group)
        if log is None:
            # Nobody reads the last lines in memory, and a state machine's may be long.
            log = self._vended[group] = FunctionLog(self._directory / f"{quote(group, safe='')}.log", 0, name=group)
            log.group = group
        log.write(stream, message, timestamp)

    def flush(self) -> None:
        """Bring the files up to date."""
        for log in self._vended.values():
            log.flush()

    async def expire(self, calendar: Calendar) -> int:
        """How many bytes of lines went because they are older, by the calendar, than their group keeps them."""
        logs: dict[str, list[FunctionLog]] = {}
        for log in self._logs():
            logs.setdefault(log.group, []).append(log)
        removed = 0
        for group, its_logs in logs.items():
            days = await self._read_retention(group)
            if days is not None:
                oldest = calendar.to_real(calendar.now() - days * DAY_SECONDS)
                removed += sum(log.drop_before(oldest) for log in its_logs)
        return removed

    async def _read_retention(self, group: str) -> int | None:
        """Days; None for a group that keeps its events for ever, as one does that nobody has made."""
        answer = await self._moto.call("logs", "DescribeLogGroups", logGroupNamePrefix=group)
        found = [each for each in answer["logGroups"] if each["logGroupName"] == group]
        return found[0].get("retentionInDays") if found else None

    async def make_groups(self) -> None:
        """Have moto know the groups that exist because something was written, as functions make their own on AWS."""
        missing = {log.group for log in self._logs() if log.group not in self._made and _has_lines(log)}
        for group in sorted(missing):
            try:
                await self._moto.call("logs", "CreateLogGroup", logGroupName=group)
            except AwsError as error:
                if error.code != "ResourceAlreadyExistsException":
                    raise
            self._made.add(group)

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of one API operation, in boto3's shape."""
        if ("logGroupName" in request) == ("logGroupIdentifier" in request):
            raise _invalid("give one of logGroupName and logGroupIdentifier")
        group = request.get("logGroupName") or _group_of(request["logGroupIdentifier"])
        sources = {log.name: log.stored() for log in self._logs() if log.group == group}
        is_written = any(lines.first < lines.end for lines in sources.values())
        if operation == "DeleteLogGroup":
            return await self._delete(group)
        if not is_written:
            answer = await self._moto.call("logs", operation, **request)
            answer.pop("ResponseMetadata", None)
            return answer
        if operation == "FilterLogEvents":
            return await self._filter(request, sources)
        if operation == "GetLogEvents":
            return await self._get(request, sources)
        if operation == "DescribeLogStreams":
            return await self._describe_streams(request, group, sources)
        raise _invalid(f"{operation} is not emulated for a group that a function or state machine writes to: {group}")

    def _logs(self) -> list[FunctionLog]:
        return [*self._function_logs(), *self._vended.values()]

    async def _delete(self, group: str) -> dict[str, Any]:
        await self.make_groups()
        await self._moto.call("logs", "DeleteLogGroup", logGroupName=group)
        self._made.discard(group)
        for log in self._logs():
            if log.group == group:
                log.forget()
        return {}

    async def _filter(self, request: dict[str, Any], sources: dict[str, StoredLines]) -> dict[str, Any]:
        if request.get("startFromHead") is False:
            raise _invalid("startFromHead false is not emulated for FilterLogEvents")
        query = Query(
            compile_filter(request.get("filterPattern", "")),
            _stream_filter(request),
            _time_text(request.get("startTime"), b""),
            _time_text(request.get("endTime"), b"~"),
        )
        limit = _check_limit(request)
        page = await asyncio.to_thread(search, sources, query, _read_token(request.get("nextToken")), limit)
        answer: dict[str, Any] = {
            "events": [
                {
                    "logStreamName": event.stream,
                    "timestamp": event.millis,
                    "message": event.message,
                    "ingestionTime": event.millis,
                    "eventId": event.event_id,
                }
                for event in page.events
            ],
            # "This parameter is no longer supported. This parameter returns an empty list."
            "searchedLogStreams": [],
        }
        if page.positions is not None:
            answer["nextToken"] = _write_token(page.positions)
        return answer

    async def _get(self, request: dict[str, Any], sources: dict[str, StoredLines]) -> dict[str, Any]:
        """A page of one stream; its tokens are an index with the direction, f or b."""
        name = request["logStreamName"]
        end = request.get("endTime")
        query = Query(
            FilterPattern(lambda _message: True, (f" {name} ".encode(),)),
            lambda stream: stream == name,
            _time_text(request.get("startTime"), b""),
            _time_text(None if end is None else end - 1, b"~"),  # exclusive here
        )
        events = await asyncio.to_thread(_collect, sources, query)
        if not events and not any(each["name"] == name for each in await asyncio.to_thread(collect_streams, sources)):
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        limit = _check_limit(request)
        direction, _, index = request.get("nextToken", "").partition("/")
        if direction == "f" or (not direction and request.get("startFromHead")):
            start = int(index or 0)
            stop = min(start + limit, len(events))
        else:
            stop = int(index) if direction else len(events)
            start = max(stop - limit, 0)
        return {
            "events": [
                {"timestamp": event.millis, "message": event.message, "ingestionTime": event.millis}
                for event in events[start:stop]
            ],
            "nextForwardToken": f"f/{stop:020d}",
            "nextBackwardToken": f"b/{start:020d}",
        }

    async def _describe_streams(
        self, request: dict[str, Any], group: str, sources: dict[str, StoredLines]
    ) -> dict[str, Any]:
        prefix = request.get("logStreamNamePrefix", "")
        by_time = request.get("orderBy") == "LastEventTime"
        if by_time and prefix:
            raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        streams = [
            each for each in await asyncio.to_thread(collect_streams, sources) if each["name"].startswith(prefix)
        ]
        streams.sort(key=lambda each: each["last" if by_time else "name"], reverse=bool(request.get("descending")))
        start = int(request.get("nextToken", "0"))
        stop = start + request.get("limit", _STREAMS_A_PAGE)
        answer: dict[str, Any] = {
            "logStreams": [
                {
                    "logStreamName": each["name"],
                    "creationTime": each["first"],
                    "firstEventTimestamp": each["first"],
                    "lastEventTimestamp": each["last"],
                    "lastIngestionTime": each["last"],
                    "uploadSequenceToken": "0",
                    "arn": self._identity.arn("logs", f"log-group:{group}:log-stream:{each['name']}"),
                    "storedBytes": 0,  # as on AWS, which counts no bytes for a stream any more
                }
                for each in streams[start:stop]
            ]
        }
        if stop < len(streams):
            answer["nextToken"] = str(stop)
        return answer


def _has_lines(log: FunctionLog) -> bool:
    lines = log.stored()
    return lines.first < lines.end


def _group_of(identifier: str) -> str:
    """The name in `arn:aws:logs:region:account:log-group:NAME`, or the name itself."""
    return identifier.split(":")[6] if identifier.startswith("arn:") else identifier


def _collect(sources: dict[str, StoredLines], query: Query) -> list[FoundEvent]:
    """All events, page by page."""
    events: list[FoundEvent] = []
    positions: dict[str, int] | None = {}
    while positions is not None:
        page: Page = search(sources, query, positions, PAGE_EVENTS)
        events += page.events
        positions = page.positions
    return events


def _stream_filter(request: dict[str, Any]) -> Callable[[str], bool]:
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    if names and prefix:
        raise _invalid("logStreamNames and logStreamNamePrefix exclude each other")
    if names:
        wanted = frozenset(names)
        return lambda stream: stream in wanted
    if prefix:
        return lambda stream: stream.startswith(prefix)
    return lambda _stream: True


def _time_text(millis: int | None, default: bytes) -> bytes:
    """The time as lines have it; half a millisecond more, because a float is not exact."""
    return default if millis is None else format_time((millis + 0.5) / 1000).encode()


def _check_limit(request: dict[str, Any]) -> int:
    limit = int(request.get("limit", PAGE_EVENTS))
    if not 1 <= limit <= PAGE_EVENTS:
        raise _invalid(f"limit is {limit}: 1 to {PAGE_EVENTS} are allowed")
    return limit


def _read_token(token: str | None) -> dict[str, int]:
    if token is None:
        return {}
    try:
        positions: dict[str, int] = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise _invalid("The specified nextToken is invalid.") from error
    return positions


def _write_token(positions: dict[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(positions).encode()).decode()


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
