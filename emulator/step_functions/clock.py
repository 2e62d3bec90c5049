"""The time that an execution sees."""

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the interpreter takes the time from. Its `sleep` and asyncio's own timers must agree."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""
        ...


class LoopClock:
    """The time of the running event loop, set to the wall clock once: it never goes backwards."""

    def __init__(self, epoch_seconds: float | None = None) -> None:
        self._epoch_seconds = epoch_seconds
        self._offset: float | None = None

    def now(self) -> float:
        loop_time = asyncio.get_running_loop().time()
        if self._offset is None:
            self._offset = (time.time() if self._epoch_seconds is None else self._epoch_seconds) - loop_time
        return self._offset + loop_time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def to_datetime(epoch_seconds: float) -> datetime:
    """An aware datetime with milliseconds, as the API gives them."""
    return datetime.fromtimestamp(round(epoch_seconds, 3), UTC)


def format_timestamp(epoch_seconds: float) -> str:
    """ISO 8601 with milliseconds and Z, as the context object gives it."""
    return to_datetime(epoch_seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_random() -> random.Random:
    """The source of jitter where none is given."""
    return random.Random()  # noqa: S311 (jitter is no secret)
