"""The slots of a slice while it calls: each request waits for its own, and none goes out without one."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from express_batch.call_lanes import Lease
from express_batch.errors import LimitReachedError, LimitUnavailableError
from express_batch.partner_clock import LOOK_MICROSECONDS, MICROSECONDS
from express_batch.partner_limit import PartnerLimit, to_microseconds
from express_batch.stopping import Stopping

# A request that would go out later than this after its slot takes a later one: what a busy or frozen environment was
# kept from sending must not go out at once, on top of what others send then.
LATE_MICROSECONDS = 40_000
# Repeats and late requests ask for further slots together.
GATHER_SECONDS = 0.05
NO_SLOT = "the partner's rate leaves no call in the time there is: see CallsPerSecond"


@dataclass
class SlotTally:
    """What waiting came to, for the slice's log line."""

    requests: int = 0
    forfeited: int = 0  # slots that went by unused
    further_leases: int = 0
    waited_seconds: float = 0.0  # of all requests together
    problem: str | None = None  # the table did not answer while the slice called


class CallSlots:
    """The slots of one slice, none without a lease. `until`: when its calls have to end, by the wall clock."""

    def __init__(self, limit: PartnerLimit, lease: Lease | None, *, users: int, until: int) -> None:
        self.tally = SlotTally()
        self._limit = limit
        self._slots = deque(() if lease is None else lease.slots())
        self._until = until
        self._users_left = users  # for whom nobody has asked so far
        self._wanting = 0
        self._turn = asyncio.Lock()
        self._refusal = NO_SLOT if lease is None else None
        self._telling: set[asyncio.Task[None]] = set()

    def begin_user(self) -> None:
        """One user fewer for whom nobody has asked."""
        self._users_left = max(0, self._users_left - 1)

    async def claim(self) -> int:
        """The next slot that is not past. Raises LimitReachedError when none comes in time."""
        while True:
            past = self._limit.clock.read(self._limit.now() - LATE_MICROSECONDS)
            while self._slots and self._slots[0] < past:
                self._slots.popleft()
                self.tally.forfeited += 1
            if self._slots:
                return self._slots.popleft()
            await self._take_more()

    def seconds_until(self, slot: int) -> float:
        """How far off it is."""
        return (self._limit.clock.when(slot) - self._limit.now()) / MICROSECONDS

    async def come_near(self, slot: int, stopping: Stopping, *, seconds: float = 0.0) -> None:
        """Return so many seconds before it. Raises LimitReachedError when that is too late, and StoppedError."""
        while (left := self.seconds_until(slot)) > seconds:
            if self._limit.now() + to_microseconds(left) >= self._until:
                raise LimitReachedError(NO_SLOT)
            # In parts, since the clock may be slowed down meanwhile.
            await stopping.sleep(min(left - seconds, LOOK_MICROSECONDS / MICROSECONDS))

    async def reach(self, slot: int, stopping: Stopping) -> bool:
        """Return at its time: whether a request may go out, or it is too late for this slot."""
        await self.come_near(slot, stopping)
        # Once round the loop and again, as the request itself will have to: a new environment that opens its
        # connections, or one with too little CPU, would send late what was let through in time.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        is_in_time = self._limit.clock.when(slot) - self._limit.now() >= -LATE_MICROSECONDS
        if is_in_time:
            self.tally.requests += 1
        else:
            self.tally.forfeited += 1
        return is_in_time

    def report_throttled(self, began_seconds_ago: float, retry_after_seconds: float | None) -> None:
        """Let everybody know of a 429. One report is under way at a time: those of one burst say the same."""
        if self._telling:
            return
        began = self._limit.now() - to_microseconds(began_seconds_ago)
        retry_after = to_microseconds(retry_after_seconds or 0.0)
        task = asyncio.ensure_future(self._run(self._limit.tell_throttled, began, retry_after))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def follow_clock(self) -> None:
        """Look at the clock about once a second, for as long as the slice calls."""
        while True:
            await asyncio.sleep(LOOK_MICROSECONDS / MICROSECONDS)
            await self._run(self._limit.look)

    async def end(self) -> None:
        """Finish what is under way."""
        await asyncio.gather(*self._telling)

    async def _take_more(self) -> None:
        self._wanting += 1
        try:
            async with self._turn:
                if self._slots:
                    return
                if self._refusal is None:
                    await asyncio.sleep(GATHER_SECONDS)
                    await self._lease_more(max(self._wanting, self._users_left))
                if self._refusal is not None:
                    raise LimitReachedError(self._refusal)
        finally:
            self._wanting -= 1

    async def _lease_more(self, calls: int) -> None:
        try:
            lease = await asyncio.to_thread(self._limit.take_more, calls, until=self._until)
        except LimitUnavailableError as error:
            self._refusal = self.tally.problem = str(error)
            return
        if lease is None:
            self._refusal = NO_SLOT
            return
        self.tally.further_leases += 1
        self._slots.extend(lease.slots())

    async def _run(self, work: Callable[..., None], *arguments: int) -> None:
        """The slots that a slice has are its own, whether the table answers or not."""
        try:
            await asyncio.to_thread(work, *arguments)
        except LimitUnavailableError as error:
            self.tally.problem = str(error)
