"""One rate for a partner: environments of all stacks take leases of slots out of one item of a table.

The item, by the partner's name: for each lane the time of its next free slot (call_lanes.py), and the partner's clock
(partner_clock.py). A slice takes its slots by one request, the first one in an idle lane by two or three; while it
calls it looks at the clock about once a second. Times are microseconds.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from express_batch.call_lanes import Lanes, Lease
from express_batch.errors import InvalidEventError, LimitUnavailableError
from express_batch.partner_clock import MICROSECONDS, PartnerClock
from express_batch.ports import Item, LimitTable

MAX_RATE = 1_000_000
# Between taking slots and the first of them, in a lane that is idle: a new environment has its chunk to read meanwhile.
# In a busy lane the slots come later anyhow.
LEAD_MICROSECONDS = 1_000_000
REPEAT_LEAD_MICROSECONDS = 200_000
FRESH_MICROSECONDS = 1_500_000  # for so long the lanes are likely to be as they were
# A slice changes lanes where they have been unequal for so long, and not while a run's slices arrive, in any order: who
# moves then leaves them unequal in the end.
LASTING_MICROSECONDS = 2_000_000
ATTEMPTS = 10  # each further one means that another environment has just begun the lane
# How much one slice weighs in what is known of the calls that a user takes, and the most that is believed.
SLICE_WEIGHT = 0.3
MOST_CALLS_A_USER = 3.0
MOST_FORFEITED = 0.05  # of the users; more is a busy environment, for which no slots are kept


@dataclass(frozen=True)
class LimitOptions:
    """A stack's limits as they travel in a slice's event, out of the parameters; 0 is no limit."""

    table: str
    partner: str
    calls_per_second: int
    calls_in_flight: int

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Self | None:
        """None where nothing is limited. Raises InvalidEventError."""
        limit = event.get("limit")
        if limit is None:
            return None
        try:
            options = cls(
                str(limit["table"]), str(limit["partner"]), limit["calls_per_second"], limit["calls_in_flight"]
            )
            numbers = (options.calls_per_second, options.calls_in_flight)
            if not options.table or not options.partner or not all(0 <= int(number) <= MAX_RATE for number in numbers):
                raise ValueError("out of range")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InvalidEventError(
                "limit is not what the state machine sends: table, partner, calls_per_second and calls_in_flight"
            ) from error
        return cls(options.table, options.partner, int(numbers[0]), int(numbers[1]))


class PartnerLimit:
    """The rate of one partner, as an environment knows it from invocation to invocation. Safe for several threads."""

    def __init__(
        self, table: LimitTable, partner: str, calls_per_second: int, now: Callable[[], int] | None = None
    ) -> None:
        self._table = table
        self._partner = partner
        self.lanes = Lanes.of_rate(calls_per_second)
        self.now = now or (lambda: time.time_ns() // 1000)
        self.clock = PartnerClock()
        self._item: dict[str, int] = {}
        self._seen_at = 0
        self._earlier: tuple[int, dict[str, int]] = (0, {})
        self._lock = threading.Lock()
        self._calls_a_user = 1.0

    def take_slots(self, users: int, lane: str, *, until: int) -> Lease | None:
        """Slots for the calls that so many users are likely to take; None when none of them begins before `until`.

        In `lane`, or in one that was free sooner by a whole slice when this environment looked last, and some seconds
        before. Raises LimitUnavailableError.
        """
        calls = max(users, round(users * self._calls_a_user))
        now, (earlier_at, earlier) = self.now(), self._earlier
        is_fresh = now - self._seen_at < FRESH_MICROSECONDS
        if is_fresh and LASTING_MICROSECONDS <= now - earlier_at <= 5 * LASTING_MICROSECONDS:
            is_lasting = self.lanes.choose(lane, earlier, self.clock.read(earlier_at), calls) != lane
            lane = self.lanes.choose(lane, self._item, self.clock.read(now), calls) if is_lasting else lane
        return self._take(lane, calls, until, LEAD_MICROSECONDS)

    def take_more(self, calls: int, *, until: int) -> Lease | None:
        """Slots for repeats, where they come first. Raises LimitUnavailableError."""
        lane = self._soonest(calls)
        lease = self._take(lane, calls, until, REPEAT_LEAD_MICROSECONDS)
        if lease is None and (other := self._soonest(calls)) != lane:
            # Many who were late at once have filled the lane since this environment looked, and the refusal says so.
            lease = self._take(other, calls, until, REPEAT_LEAD_MICROSECONDS)
        return lease

    def _soonest(self, calls: int) -> str:
        return self.lanes.soonest(self._item, self.clock.read(self.now()), calls)

    def learn(self, users: int, *, requests: int, forfeited: int) -> None:
        """Remember what a slice needed."""
        used = requests + min(forfeited, MOST_FORFEITED * users)
        seen = min(MOST_CALLS_A_USER, max(1.0, used / users))
        self._calls_a_user += SLICE_WEIGHT * (seen - self._calls_a_user)

    def look(self) -> None:
        """Learn how the clock runs by now, and let it recover where it is time. Raises LimitUnavailableError."""
        self._remember(self._table.read(self._partner))
        faster = self.clock.after_quiet(self.now())
        if faster is not None:
            self._change(faster)

    def tell_throttled(self, began: int, retry_after: int) -> None:
        """Slow everybody down after a 429 to a call that began then. Raises LimitUnavailableError."""
        for _ in range(ATTEMPTS):
            slower = self.clock.after_throttling(began, self.now(), retry_after)
            if slower is None or self._change(slower):
                return

    def _change(self, clock: PartnerClock) -> bool:
        """Whether it was this environment that changed the clock. It knows how it runs in both cases."""
        seen = self.clock.changes or None
        if self._table.exchange(self._partner, clock.to_item(), name="clock_changes", seen=seen):
            with self._lock:
                self.clock = clock
            return True
        self._remember(self._table.read_now(self._partner), is_new=True)
        return False

    def _take(self, lane: str, calls: int, until: int, lead: int) -> Lease | None:
        gap = self.lanes.gaps[lane]
        for _ in range(ATTEMPTS):
            clock = self.clock
            least, most = clock.read(self.now() + lead), clock.read(until)
            done, item = self._table.advance(self._partner, lane, calls * gap, least=least, most=most)
            self._remember(item, is_new=True)
            # Not from what is remembered: another thread may have looked meanwhile.
            found = item.get(lane)
            free = found if isinstance(found, int) else None
            if done and free is not None:
                return self._note(Lease(lane, free, gap, calls))
            if self.clock != clock:
                continue
            if least >= most or (free is not None and free > most):
                return None
            if free is not None and free >= least:
                continue  # another environment has begun the lane at this moment
            values: Item = {lane: least + calls * gap}
            if self._table.exchange(self._partner, values, name=lane, seen=free):
                return self._note(Lease(lane, least, gap, calls))
        raise LimitUnavailableError(f"{self._partner}: {lane} changed {ATTEMPTS} times while a lease was taken")

    def _note(self, lease: Lease) -> Lease:
        with self._lock:
            self._item = {**self._item, lease.lane: lease.end}
        return lease

    def _remember(self, item: Item, *, is_new: bool = False) -> None:
        """`is_new`: it is the item as it is, so that a clock which is missing was deleted."""
        numbers = {name: value for name, value in item.items() if isinstance(value, int)}
        with self._lock:
            if self._seen_at - self._earlier[0] > LASTING_MICROSECONDS:
                self._earlier = (self._seen_at, self._item)
            self._item, self._seen_at = numbers, self.now()
            clock = PartnerClock.from_item(numbers)
            if clock.changes >= self.clock.changes or (is_new and not clock.changes):
                self.clock = clock


def to_microseconds(seconds: float) -> int:
    """Whole ones."""
    return int(seconds * MICROSECONDS)
