"""The gate before a partner: each request of a slice waits here for its permit and its slot, and none goes out without.

The permit comes first: it can wait for a slot, and a slot that waits for a permit goes by.
"""

import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from express_batch.call_permits import CallPermits
from express_batch.call_slots import CallSlots
from express_batch.job_contract import PartnerApi
from express_batch.stopping import Stopping

# A permit that waits for a slot further off than this is another call's meanwhile.
FAR_SECONDS = 0.5
SOON_SECONDS = 1.0  # from then on one is kept for it
NEAR_SECONDS = 0.1


class CallGate:
    """What lets a slice's requests out until `until`, in seconds since 1970.

    Where no rate is set there are no `slots`, and no `permits` where calls in flight are not limited.
    """

    def __init__(
        self,
        slots: CallSlots | None,
        permits: CallPermits | None,
        *,
        until: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._slots = slots
        self._permits = permits
        self._until = until
        self._now = now
        self._in_flight = 0
        self.most_in_flight = 0

    async def admit(self, api: PartnerApi, stopping: Stopping) -> "AdmittedApi":
        """The partner as one call of the job sees it, when its first request may go out. It has to be closed.

        Raises LimitReachedError when that does not come in time, and StoppedError.
        """
        await self.wait(stopping, is_first=True)
        return AdmittedApi(api, self, stopping)

    async def wait(self, stopping: Stopping, *, is_first: bool = False) -> None:
        """Return when the next request may go out; `leave` has to follow."""
        began, slot, slots = self._now(), None, self._slots
        while True:
            if self._permits is not None:
                await self._permits.enter(stopping, self._until - self._now())
            try:
                if slots is None:
                    return
                if slot is None:
                    if is_first:
                        slots.begin_user()
                    slot, is_first = await slots.claim(), False
                if self._permits is None or slots.seconds_until(slot) < FAR_SECONDS:
                    if await slots.reach(slot, stopping):
                        slots.tally.waited_seconds += self._now() - began
                        return
                    slot = None
            except BaseException:
                self.leave()
                raise
            self.leave()
            if slot is not None and self._permits is not None:
                await slots.come_near(slot, stopping, seconds=SOON_SECONDS)
                with self._permits.expecting():
                    await slots.come_near(slot, stopping, seconds=NEAR_SECONDS)

    def leave(self) -> None:
        """The request has ended, or will not be sent."""
        if self._permits is not None:
            self._permits.leave()

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count a request while it is on its way."""
        self._count(1)
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            yield
        finally:
            self._count(-1)

    def report_throttled(self, began_seconds_ago: float, retry_after_seconds: float | None) -> None:
        """Let everybody know of a 429, where a rate is set."""
        if self._slots is not None:
            self._slots.report_throttled(began_seconds_ago, retry_after_seconds)

    def watch(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run for as long as the slice calls."""
        watchers = [] if self._slots is None else [self._slots.follow_clock()]
        return watchers if self._permits is None else [*watchers, self._permits.keep()]

    async def end(self) -> None:
        """Finish what is under way."""
        if self._slots is not None:
            await self._slots.end()

    def _count(self, change: int) -> None:
        self._in_flight += change
        if self._permits is not None:
            self._permits.note_in_flight(change)


class AdmittedApi:
    """A PartnerApi whose first request has been let out; each further one of the same call waits by itself."""

    def __init__(self, api: PartnerApi, gate: CallGate, stopping: Stopping) -> None:
        self._api = api
        self._gate = gate
        self._stopping = stopping
        self._is_let_out = True

    async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """What the partner answers. Raises LimitReachedError where the request may not go out in time."""
        is_let_out, self._is_let_out = self._is_let_out, False
        if not is_let_out:
            await self._gate.wait(self._stopping)
        try:
            with self._gate.in_flight():
                return await self._api.get_json(path, headers)
        finally:
            self._gate.leave()

    def close(self) -> None:
        """The job's call has ended, perhaps without a request."""
        if self._is_let_out:
            self._is_let_out = False
            self._gate.leave()
