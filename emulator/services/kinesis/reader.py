"""A cursor over one shard, for readers in this process: no HTTP, no polling, no read limits."""

from emulator.services.kinesis.record import StoredRecord
from emulator.services.kinesis.shard import Shard


class ShardReader:
    """Reads a shard in order, and waits at its end."""

    def __init__(self, shard: Shard, position: int) -> None:
        self._shard = shard
        self._position = position

    @property
    def shard_id(self) -> str:
        """The shard that is read."""
        return self._shard.shard_id

    @property
    def closed(self) -> bool:
        """Whether the stream was deleted: there is nothing more to come."""
        return self._shard.closed

    @property
    def at_end(self) -> bool:
        """Whether everything that was put has been read."""
        return self._position >= self._shard.end

    def read(self, limit: int) -> list[StoredRecord]:
        """The next records, at most `limit`; those that expired unread are passed over."""
        position = max(self._position, self._shard.start)
        records = self._shard.read(position, limit)
        self._position = position + len(records)
        return records

    async def wait(self) -> None:
        """Return when there is something to read, or when the stream is deleted."""
        await self._shard.wait_for_record(self._position)
