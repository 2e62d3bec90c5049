"""What a shard takes each second."""

from collections.abc import Callable

# Source: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
BYTES_PER_SECOND = 1024 * 1024
RECORDS_PER_SECOND = 1000


class WriteThroughput:
    """Two tanks that refill at a shard's rate and hold one second's worth of it.

    A record larger than the tank is taken when the tank is full, and leaves a debt: a stream takes an occasional
    large record by a burst that it pays back.
    Source: https://docs.aws.amazon.com/streams/latest/dev/large-records.html
    """

    __slots__ = ("_bytes", "_clock", "_records", "_refilled_at")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refilled_at = clock()
        self._bytes = float(BYTES_PER_SECOND)
        self._records = float(RECORDS_PER_SECOND)

    def take(self, size_bytes: int) -> bool:
        """Whether one record of this size fits now; it is booked when it does."""
        now = self._clock()
        elapsed = now - self._refilled_at
        if elapsed > 0:
            self._refilled_at = now
            self._bytes = min(BYTES_PER_SECOND, self._bytes + elapsed * BYTES_PER_SECOND)
            self._records = min(RECORDS_PER_SECOND, self._records + elapsed * RECORDS_PER_SECOND)
        if self._records < 1 or self._bytes < min(size_bytes, BYTES_PER_SECOND):
            return False
        self._records -= 1
        self._bytes -= size_bytes
        return True
