"""A shard: an ordered log of records with a hash key range, limits, and readers that wait at its end."""

import asyncio
from collections.abc import Callable

from emulator.services.kinesis.record import StoredRecord
from emulator.services.kinesis.throughput import WriteThroughput


class Shard:
    """Records by position; position 0 is the first record ever put, whether or not it is still kept."""

    def __init__(
        self, shard_id: str, first_sequence: int, hash_range: tuple[int, int], clock: Callable[[], float]
    ) -> None:
        self.shard_id = shard_id
        self.first_sequence = first_sequence
        self.hash_start, self.hash_end = hash_range  # both inclusive
        self.closed = False
        self._clock = clock
        self._throughput = WriteThroughput(clock)
        self._records: list[StoredRecord] = []
        self._trimmed = 0  # how many were dropped from the head
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def start(self) -> int:
        """Position of the oldest record that is kept."""
        return self._trimmed

    @property
    def end(self) -> int:
        """Position that the next record will get."""
        return self._trimmed + len(self._records)

    def put(self, partition_key: str, data: bytes, size_bytes: int) -> StoredRecord | None:
        """The stored record, or None when the shard's throughput is exceeded."""
        if not self._throughput.take(size_bytes):
            return None
        record = StoredRecord(self.first_sequence + self.end, partition_key, data, self._clock())
        self._records.append(record)
        if self._waiters:
            self._wake()
        return record

    def read(self, position: int, limit: int) -> list[StoredRecord]:
        """Up to `limit` records from `position` on; from the oldest one where that is trimmed already."""
        first = max(0, position - self._trimmed)
        return self._records[first : first + limit]

    def position_of_sequence(self, sequence: int) -> int:
        """Position of the record with this sequence number."""
        return max(0, sequence - self.first_sequence)

    def position_of_time(self, timestamp: float) -> int:
        """Position of the first record that arrived at `timestamp` or later."""
        low, high = 0, len(self._records)
        while low < high:
            middle = (low + high) // 2
            if self._records[middle].arrival < timestamp:
                low = middle + 1
            else:
                high = middle
        return self._trimmed + low

    def trim(self, oldest_arrival: float) -> None:
        """Drop the records that arrived before `oldest_arrival`."""
        if not self._records or self._records[0].arrival >= oldest_arrival:
            return
        expired = self.position_of_time(oldest_arrival) - self._trimmed
        del self._records[:expired]
        self._trimmed += expired

    async def wait_for_record(self, position: int) -> None:
        """Return when there is a record at `position`, or when the shard is closed."""
        while self.end <= position and not self.closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def close(self) -> None:
        """Let every reader go: the stream was deleted."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
