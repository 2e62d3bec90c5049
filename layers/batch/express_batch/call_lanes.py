"""A rate as lanes: rows of evenly spaced slots, side by side, so that slices call at once and never too fast together.

A lane's state is one number, the time of its next free slot; a lease moves it on by as many slots as it takes. So no
two leases of a lane overlap, whoever takes them and in whatever order, and all lanes together keep within the rate.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from express_batch.errors import InvalidEventError
from express_batch.partner_clock import MICROSECONDS

# Kept free, because calls reach the partner a little later than their slots, and not all by the same time.
HEADROOM = 0.02
# A lane of its own for repeats, which would else wait behind every slice that has a lease.
REPEAT_SHARE = 0.04
FEWEST_FOR_REPEATS = 150  # calls a second; with fewer, repeats take their place in the one lane
LANE_CALLS = 125  # a second: what an environment of 512 MB does with ease
MAX_LANES = 32
LAST = 10**17  # the year 5138, in microseconds
MAX_CALLS = 100_000  # of a lease that an event may bring
REPEATS = "repeats"


@dataclass(frozen=True)
class Lease:
    """Slots of one lane: `calls` of them from `start` on, `gap` apart, in microseconds by the partner's clock."""

    lane: str
    start: int
    gap: int
    calls: int

    @property
    def end(self) -> int:
        """When the lane is free again."""
        return self.start + self.calls * self.gap

    def slots(self) -> Iterator[int]:
        """The time of each slot."""
        return iter(range(self.start, self.end, self.gap))

    def slots_from(self, moment: int) -> int:
        """How many are not past then."""
        return max(0, min(self.calls, (self.end - moment) // self.gap))

    def to_event(self) -> dict[str, Any]:
        """As it travels through the state machine."""
        return {"lane": self.lane, "start": self.start, "gap": self.gap, "calls": self.calls}

    @classmethod
    def from_event(cls, event: object) -> Self:
        """The lease that SyncUsers returned before. Raises InvalidEventError."""
        fields: dict[str, Any] = event if isinstance(event, dict) else {}
        lane, numbers = fields.get("lane"), [fields.get(name) for name in ("start", "gap", "calls")]
        start, gap, calls = (value if isinstance(value, int) else -1 for value in numbers)
        if not isinstance(lane, str) or not (0 <= start < LAST and 0 < gap < LAST and 0 < calls <= MAX_CALLS):
            raise InvalidEventError("lease is not one that SyncUsers has returned")
        return cls(lane, start, gap, calls)


@dataclass(frozen=True)
class Lanes:
    """The lanes of one rate: {name: microseconds between two slots}."""

    gaps: Mapping[str, int]

    @classmethod
    def of_rate(cls, calls_per_second: int) -> Self:
        """Lanes that together never have more slots in a second than that."""
        usable = calls_per_second * (1 - HEADROOM)
        repeats = usable * REPEAT_SHARE if calls_per_second >= FEWEST_FOR_REPEATS else 0.0
        count = min(MAX_LANES, -(-calls_per_second // LANE_CALLS))
        gaps = {f"lane{number}": _gap((usable - repeats) / count) for number in range(count)}
        return cls(gaps | {REPEATS: _gap(repeats)} if repeats else gaps)

    @property
    def count(self) -> int:
        """Without that of the repeats."""
        return len(self.gaps) - (REPEATS in self.gaps)

    def of_slice(self, chunk: int, start: int, users: int) -> str:
        """The lane of a slice: a run's slices take all lanes in turn, and nobody has to ask which is free."""
        return f"lane{(chunk + start // users) % self.count}"

    def choose(self, lane: str, item: Mapping[str, int], now: int, calls: int) -> str:
        """`lane`, unless that is the last to be free, by the time of these calls: then the one that is free soonest.

        The last alone, or slices that end together would all take the same. `now` by the partner's clock.
        """
        wait = {name: max(item.get(name, 0), now) - now for name in self.gaps if name != REPEATS}
        soonest = min(wait, key=lambda name: wait[name])
        is_last = wait[lane] == max(wait.values()) and wait[lane] - wait[soonest] >= calls * self.gaps[lane]
        return soonest if is_last else lane

    def soonest(self, item: Mapping[str, int], now: int, calls: int) -> str:
        """The lane where so many calls are done first, as the item was known last. `now` by the partner's clock."""
        return min(self.gaps, key=lambda name: max(item.get(name, 0), now) + calls * self.gaps[name])


def _gap(calls_per_second: float) -> int:
    return int(MICROSECONDS / calls_per_second) + 1
