"""The event source mapping operations of Lambda's API, and the mappings that they make."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from emulator.errors import AwsError
from emulator.event_sources.mapping import Mapping
from emulator.event_sources.mapping_state import MappingState
from emulator.event_sources.ports import Destination, Invoker
from emulator.event_sources.settings import MappingSettings, read_settings, read_start
from emulator.event_sources.statistics import MappingStatistics
from emulator.event_sources.surroundings import Surroundings
from emulator.identity import Identity
from emulator.services.kinesis import KinesisService

_PAGE = 100


class EventSourceMappingService:
    """Mappings from Kinesis streams to functions.

    AWS polls each shard once a second; here a poll follows the first new record after `poll_interval_seconds`.
    `function_arn` and `role_arn` tell a function's ARN (raising `AwsError` where there is none) and its role's.
    """

    def __init__(
        self,
        identity: Identity,
        kinesis: KinesisService,
        invoker: Invoker,
        destination: Destination,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        poll_interval_seconds: float = 0.2,
        first_backoff_seconds: float = 0.1,
        longest_backoff_seconds: float = 10,
        function_arn: Callable[[str], str] | None = None,
        role_arn: Callable[[str], str] | None = None,
    ) -> None:
        self._identity = identity
        self._kinesis = kinesis
        self._surroundings = Surroundings(
            invoker, destination, clock, sleep, poll_interval_seconds, first_backoff_seconds, longest_backoff_seconds
        )
        self._function_arn = function_arn or self._make_function_arn
        self._role_arn = role_arn or (lambda _: f"arn:aws:iam::{identity.account_id}:role/lambda-role")
        self._mappings: dict[str, Mapping] = {}
        self._handlers: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "CreateEventSourceMapping": self._create,
            "GetEventSourceMapping": self._get,
            "ListEventSourceMappings": self._list,
            "UpdateEventSourceMapping": self._update,
            "DeleteEventSourceMapping": self._delete,
        }

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of one API operation, in boto3's shape."""
        handler = self._handlers.get(operation)
        if handler is None:
            raise AwsError("UnknownOperationException", f"lambda:{operation} is not emulated.")
        return await handler(request)

    @property
    def statistics(self) -> dict[str, MappingStatistics]:
        """Counts by mapping id."""
        return {mapping_id: mapping.state.statistics for mapping_id, mapping in self._mappings.items()}

    async def drain(self) -> None:
        """Return when every enabled mapping has processed everything in its stream."""
        await asyncio.gather(*(mapping.drain() for mapping in self._mappings.values()))

    async def close(self) -> None:
        """Stop all mappings."""
        mappings, self._mappings = self._mappings, {}
        for mapping in mappings.values():
            await mapping.close()

    async def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        start = read_start(request)
        settings = read_settings(request, MappingSettings(), creating=True)
        function_arn = self._function_arn(start.function)
        for other in self._mappings.values():
            if other.start.stream_arn == start.stream_arn and other.state.function_arn == function_arn:
                raise AwsError(
                    "ResourceConflictException",
                    f'The event source arn ("{start.stream_arn}") and function ("{start.function}") provided mapping '
                    "already exists. Please update or delete the existing mapping with "
                    f"UUID {other.state.mapping_id}",
                    409,
                )
        mapping_id = str(uuid.uuid4())
        state = MappingState(mapping_id, function_arn, settings, self._kinesis.retention_seconds(start.stream_arn))
        mapping = Mapping(
            state,
            start,
            self._identity.arn("lambda", f"event-source-mapping:{mapping_id}"),
            self._role_arn(start.function),
            self._kinesis,
            self._surroundings,
        )
        self._mappings[mapping_id] = mapping
        mapping.run()
        return mapping.show("Creating")

    async def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._find(request).show()

    async def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        function, source = request.get("FunctionName"), request.get("EventSourceArn")
        arn = None if function is None else self._function_arn(function)
        found = [
            mapping
            for mapping_id, mapping in sorted(self._mappings.items())
            if mapping_id > request.get("Marker", "")
            and arn in (None, mapping.state.function_arn)
            and source in (None, mapping.start.stream_arn)
        ]
        limit = min(request.get("MaxItems") or _PAGE, _PAGE)
        page: dict[str, Any] = {"EventSourceMappings": [mapping.show() for mapping in found[:limit]]}
        if len(found) > limit:
            page["NextMarker"] = found[limit - 1].state.mapping_id
        return page

    async def _update(self, request: dict[str, Any]) -> dict[str, Any]:
        mapping = self._find(request)
        settings = read_settings(request, mapping.state.settings, creating=False)
        if (function := request.get("FunctionName")) is not None:
            mapping.state.function_arn = self._function_arn(function)
        mapping.update(settings)
        return mapping.show("Updating")

    async def _delete(self, request: dict[str, Any]) -> dict[str, Any]:
        mapping = self._find(request)
        del self._mappings[mapping.state.mapping_id]
        await mapping.close()
        return mapping.show("Deleting")

    def _find(self, request: dict[str, Any]) -> Mapping:
        mapping = self._mappings.get(request["UUID"])
        if mapping is None:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return mapping

    def _make_function_arn(self, function: str) -> str:
        if function.startswith("arn:"):
            return function
        return self._identity.arn("lambda", f"function:{function.rpartition('function:')[2]}")
