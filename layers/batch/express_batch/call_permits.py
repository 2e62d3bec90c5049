"""The permits of a slice while it calls: taken in steps as its calls begin, given back in steps as they run out.

A slice that took all it will need before its first call, and kept that until its last answer, would leave half of it
idle: at 1.4 s of latency the permits, not the rate, would decide.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from express_batch.errors import LimitReachedError, LimitUnavailableError
from express_batch.partner_permits import SlicePermits, Steps
from express_batch.stopping import Stopping

# Between two looks whether others have given some back.
LOOK_SECONDS = 0.1
AWAY_SECONDS = 1.0  # the same where the table does not answer
NO_PERMIT = "others hold the partner's calls in flight for all the time there is: see PartnerCallsInFlight"


class CallPermits:
    """Lets as many calls in as the slice has permits. For one event loop.

    `margin`: so many calls begin while a request for further permits is on its way.
    """

    def __init__(self, held: SlicePermits, steps: Steps, *, margin: int) -> None:
        self._held = held
        self._steps = steps
        self._margin = margin
        self._entered = 0  # let in: in flight, or waiting for their slots
        self._in_flight = 0
        self._expected = 0  # not let in, and soon will ask to be
        self._queue: deque[asyncio.Future[None]] = deque()
        self._changed = asyncio.Event()
        self._allowed = held.count
        self.most = held.count
        self.problem: str | None = None

    async def enter(self, stopping: Stopping, seconds: float) -> None:
        """Return when a call has a permit; `leave` ends it. Raises LimitReachedError and StoppedError."""
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._let_in()
        if turn.done():
            return
        self._changed.set()
        try:
            await stopping.wait_for(turn, seconds)
            if not turn.done():
                raise LimitReachedError(NO_PERMIT)
        except BaseException:
            if turn.done():
                self.leave()
            else:
                self._queue.remove(turn)
            raise

    def leave(self) -> None:
        """The call has ended, or will not begin."""
        self._entered -= 1
        self._let_in()
        self._changed.set()

    def note_in_flight(self, change: int) -> None:
        """A call that was let in goes out (1), or is answered (-1)."""
        self._in_flight += change
        self._let_in()
        self._changed.set()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """The time before a call that will ask for a permit soon."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    async def keep(self) -> None:
        """Take and give back, for as long as the slice calls."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._adjust()
            except LimitUnavailableError as error:
                self.problem = str(error)
                await asyncio.sleep(AWAY_SECONDS)
                self._changed.set()

    async def _adjust(self) -> None:
        asking = self._entered + len(self._queue)
        needed = asking + self._expected
        soon = max(self._entered, min(needed, self._in_flight + self._in_hand))
        spare = self._allowed - soon
        if spare >= self._step or (spare and not soon):
            # Nobody is let in with them while they are on their way back.
            self._allowed = soon
            await asyncio.to_thread(self._held.give_back, spare)
        elif asking > self._allowed and self._allowed - self._in_flight < self._margin:
            if not await asyncio.to_thread(self._held.take, needed - self._allowed, self._steps):
                await self._wait_for_others()
        else:
            return
        self._allowed = self._held.count
        self.most = max(self.most, self._allowed)
        self._let_in()
        self._changed.set()

    async def _wait_for_others(self) -> None:
        for _ in range(10):
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            if await asyncio.to_thread(self._held.can_take):
                return

    @property
    def _step(self) -> int:
        return self._steps.size(self._held.free)

    @property
    def _in_hand(self) -> int:
        """No more are let in than those in flight and these: who waits for a slot keeps others from a permit."""
        return self._margin + self._step

    def _let_in(self) -> None:
        most = min(self._allowed, self._in_flight + self._in_hand)
        while self._queue and self._entered < most:
            self._queue.popleft().set_result(None)
            self._entered += 1
