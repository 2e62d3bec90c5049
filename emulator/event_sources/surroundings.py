"""What every part of a mapping uses: the ports, the clock and the polling's pace."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from emulator.event_sources.ports import Destination, Invoker


@dataclass(frozen=True)
class Surroundings:
    """Collaborators and pace, the same for all mappings of a service."""

    invoker: Invoker
    destination: Destination
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    poll_interval_seconds: float
    first_backoff_seconds: float
    longest_backoff_seconds: float

    async def back_off(self, failures: int) -> None:
        """Wait after the `failures`-th failure in a row: twice as long each time, up to a bound."""
        seconds = self.first_backoff_seconds * 2.0 ** min(failures - 1, 30)
        await self.sleep(min(seconds, self.longest_backoff_seconds))

    async def wait_at_most(self, event: asyncio.Event, seconds: float) -> None:
        """Return when `event` is set or `seconds` have passed."""
        timer = asyncio.ensure_future(self.sleep(seconds))
        waiter = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait((timer, waiter), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            waiter.cancel()
            await asyncio.gather(timer, waiter, return_exceptions=True)
