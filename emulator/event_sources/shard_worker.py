"""Polls one shard for a mapping and shares its records out to lanes."""

import asyncio
import zlib

from emulator.event_sources.kinesis_event import EventSource
from emulator.event_sources.lane import Lane
from emulator.event_sources.mapping_state import MappingState
from emulator.event_sources.surroundings import Surroundings
from emulator.services.kinesis import ShardReader

_RECORDS_A_POLL = 10_000


class ShardWorker:
    """Reads a shard in order; records of one partition key always go to the same lane, so they stay in order.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (ParallelizationFactor)
    """

    def __init__(
        self, state: MappingState, source: EventSource, surroundings: Surroundings, reader: ShardReader
    ) -> None:
        self._state = state
        self._source = source
        self._surroundings = surroundings
        self._reader = reader
        self._lanes: list[Lane] = []
        self._lane_tasks: list[asyncio.Task[None]] = []

    @property
    def drained(self) -> bool:
        """Whether everything that was put into the shard has been processed."""
        return (self._reader.at_end or self._reader.closed) and all(lane.idle for lane in self._lanes)

    async def run(self) -> None:
        """Poll until cancelled, or until the stream is deleted and what was read is processed."""
        try:
            while True:
                await self._wait_for_records()
                if self._reader.closed:
                    await self._until_lanes_idle()
                    return
                await self._state.enabled.wait()
                # A poller that asks at an interval finds several records at once, where one woken by each would
                # make batches of one.
                await self._surroundings.sleep(self._surroundings.poll_interval_seconds)
                await self._fit_lanes()
                while records := self._reader.read(_RECORDS_A_POLL):
                    for record in records:
                        lane = zlib.crc32(record.partition_key.encode()) % len(self._lanes)
                        self._lanes[lane].add(record)
        finally:
            await self._stop_lanes()
            self._state.progress.set()

    async def _wait_for_records(self) -> None:
        """Wait at the shard's end, and let a lane's crash through."""
        waiter = asyncio.ensure_future(self._reader.wait())
        try:
            await asyncio.wait((waiter, *self._lane_tasks), return_when=asyncio.FIRST_COMPLETED)
            for task in self._lane_tasks:
                if task.done():
                    await task
        finally:
            waiter.cancel()

    async def _fit_lanes(self) -> None:
        """Have as many lanes as the mapping says now; their number changes only while all are idle."""
        if len(self._lanes) == self._state.settings.parallelization_factor:
            return
        await self._until_lanes_idle()
        await self._stop_lanes()
        count = self._state.settings.parallelization_factor
        self._lanes = [Lane(self._state, self._source, self._surroundings) for _ in range(count)]
        self._lane_tasks = [asyncio.create_task(lane.run()) for lane in self._lanes]

    async def _until_lanes_idle(self) -> None:
        while not all(lane.idle for lane in self._lanes):
            self._state.progress.clear()
            waiter = asyncio.ensure_future(self._state.progress.wait())
            try:
                await asyncio.wait((waiter, *self._lane_tasks), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
            for task in self._lane_tasks:
                if task.done():
                    await task

    async def _stop_lanes(self) -> None:
        tasks, self._lane_tasks = self._lane_tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
