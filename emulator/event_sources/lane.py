"""One of the concurrent batches of a shard: collects records into batches and processes them in order."""

import asyncio
from collections import deque

from emulator.event_sources.batch_processor import BatchProcessor
from emulator.event_sources.kinesis_event import MAX_PAYLOAD_BYTES, EventRecord, EventSource, count_that_fit
from emulator.event_sources.mapping_state import MappingState
from emulator.event_sources.surroundings import Surroundings
from emulator.services.kinesis import StoredRecord

# What a record's part of the event has besides its data, roughly; only for telling that a batch is full early.
_FRAGMENT_BYTES = 500


class Lane:
    """A queue of records with the task that empties it; the next batch starts when the last has ended."""

    def __init__(self, state: MappingState, source: EventSource, surroundings: Surroundings) -> None:
        self._state = state
        self._source = source
        self._surroundings = surroundings
        self._processor = BatchProcessor(state, source, surroundings)
        self._queue: deque[StoredRecord] = deque()
        self._queued_bytes = 0
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._busy = False

    @property
    def idle(self) -> bool:
        """Whether nothing is queued and no batch is on its way."""
        return not self._busy and not self._queue

    def add(self, record: StoredRecord) -> None:
        """Queue a record."""
        self._queue.append(record)
        self._queued_bytes += _approximate_size(record)
        self._arrived.set()
        if self._is_full():
            self._full.set()

    async def run(self) -> None:
        """Process what comes, until cancelled."""
        while True:
            await self._arrived.wait()
            self._busy = True
            await self._fill_window()
            await self._state.enabled.wait()
            await self._processor.process(self._take())
            self._busy = False
            if not self._queue:
                self._arrived.clear()
            self._state.progress.set()

    async def _fill_window(self) -> None:
        """Wait for a full batch, for as long as the batching window lasts."""
        seconds = self._state.settings.batching_window_seconds
        if seconds == 0 or self._is_full():
            return
        self._full.clear()
        await self._surroundings.wait_at_most(self._full, seconds)

    def _is_full(self) -> bool:
        return len(self._queue) >= self._state.settings.batch_size or self._queued_bytes >= MAX_PAYLOAD_BYTES

    def _take(self) -> list[EventRecord]:
        limit = self._state.settings.batch_size
        prepared: list[EventRecord] = []
        size = 0
        for record in self._queue:
            prepared.append(self._source.make_record(record))
            size += len(prepared[-1].fragment)
            if len(prepared) == limit or size > MAX_PAYLOAD_BYTES:
                break
        taken = prepared[: count_that_fit(prepared, limit)]
        for _ in taken:
            self._queued_bytes -= _approximate_size(self._queue.popleft())
        return taken


def _approximate_size(record: StoredRecord) -> int:
    return len(record.data) * 4 // 3 + _FRAGMENT_BYTES
