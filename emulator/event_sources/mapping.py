"""One event source mapping: its shards' workers and how the API shows it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from emulator.event_sources.kinesis_event import EventSource
from emulator.event_sources.mapping_state import MappingState
from emulator.event_sources.settings import MappingSettings, MappingStart
from emulator.event_sources.shard_worker import ShardWorker
from emulator.event_sources.surroundings import Surroundings
from emulator.services.kinesis import KinesisService

_logger = logging.getLogger(__name__)


class Mapping:
    """A mapping with one worker for each shard of its stream."""

    def __init__(
        self,
        state: MappingState,
        start: MappingStart,
        mapping_arn: str,
        role_arn: str,
        kinesis: KinesisService,
        surroundings: Surroundings,
    ) -> None:
        self.state = state
        self.start = start
        self._mapping_arn = mapping_arn
        self._surroundings = surroundings
        self._modified = surroundings.clock()
        timestamp = None if start.timestamp is None else start.timestamp.timestamp()
        region = start.stream_arn.split(":")[3]
        self._workers = [
            ShardWorker(
                state,
                EventSource(start.stream_arn, region, role_arn, shard_id),
                surroundings,
                kinesis.open_reader(start.stream_arn, shard_id, start.starting_position, timestamp),
            )
            for shard_id in kinesis.shard_ids(start.stream_arn)
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._set_enabled()

    def run(self) -> None:
        """Start polling."""
        self._tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        for task in self._tasks:
            task.add_done_callback(self._note_end)

    def update(self, settings: MappingSettings) -> None:
        """Apply changed settings to what is polled and retried from now on."""
        self.state.settings = settings
        self._modified = self._surroundings.clock()
        self._set_enabled()

    async def drain(self) -> None:
        """Return when everything in the stream has been processed, or the mapping is disabled."""
        while True:
            for task in self._tasks:
                if task.done():
                    await task  # raises what the worker died of
            if not self.state.settings.enabled or all(worker.drained for worker in self._workers):
                return
            self.state.progress.clear()
            await self.state.progress.wait()

    async def close(self) -> None:
        """Stop polling; batches on their way are abandoned."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def show(self, state: str | None = None) -> dict[str, Any]:
        """The mapping as the API shows it; `state` is that of the operation that just began."""
        settings = self.state.settings
        shown: dict[str, Any] = {
            "UUID": self.state.mapping_id,
            "EventSourceMappingArn": self._mapping_arn,
            "EventSourceArn": self.start.stream_arn,
            "FunctionArn": self.state.function_arn,
            "StartingPosition": self.start.starting_position,
            "BatchSize": settings.batch_size,
            "MaximumBatchingWindowInSeconds": settings.batching_window_seconds,
            "ParallelizationFactor": settings.parallelization_factor,
            "MaximumRetryAttempts": settings.maximum_retry_attempts,
            "MaximumRecordAgeInSeconds": settings.maximum_record_age_seconds,
            "BisectBatchOnFunctionError": settings.bisect_on_error,
            "TumblingWindowInSeconds": 0,
            "FunctionResponseTypes": ["ReportBatchItemFailures"] if settings.report_item_failures else [],
            "DestinationConfig": {
                "OnFailure": {} if settings.destination_arn is None else {"Destination": settings.destination_arn}
            },
            "LastModified": datetime.fromtimestamp(self._modified, UTC),
            "LastProcessingResult": self.state.last_result,
            "State": state or ("Enabled" if settings.enabled else "Disabled"),
            "StateTransitionReason": "User action",
        }
        if self.start.timestamp is not None:
            shown["StartingPositionTimestamp"] = self.start.timestamp
        return shown

    def _set_enabled(self) -> None:
        if self.state.settings.enabled:
            self.state.enabled.set()
        else:
            self.state.enabled.clear()
        self.state.progress.set()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("mapping %s stopped polling a shard", self.state.mapping_id, exc_info=error)
            self.state.last_result = f"PROBLEM: {type(error).__name__}: {error}"
        self.state.progress.set()
