"""The partner's clock: the time by which slots for calls are told, slowed down and stopped for everybody at once.

Slots stand at fixed times of this clock (call_lanes.py). It runs with the wall clock, by its `share`: at 0.7 the slots
of all leases come at seven tenths of the rate, without a lease having to be changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

MICROSECONDS = 1_000_000
WHOLE = 1000  # shares are told in thousandths
CUT = 700
LEAST_SHARE = 50
RECOVERY_STEP = 100
RECOVERY_MICROSECONDS = 5 * MICROSECONDS
LOOK_MICROSECONDS = MICROSECONDS  # holders of leases look at the clock about once a second
# A recovery begins when everybody has heard of it: who heard late would have to catch up with a burst.
NOTICE_MICROSECONDS = 1_500_000
MAX_PAUSE_MICROSECONDS = 60 * MICROSECONDS  # for one 429, whatever it asks for; the next one may ask again


@dataclass(frozen=True)
class PartnerClock:
    """Two straight pieces that meet at `at`. All times in microseconds since 1970; "now" is the wall clock's."""

    at: int = 0
    value: int = 0  # what this clock shows at `at`
    share: int = WHOLE  # of the wall clock's speed from `at` on, in thousandths
    share_before: int = WHOLE  # 0: it stands still until then
    settled_at: int = 0  # a 429 to a call that began before says nothing of the present share
    changes: int = 0

    def read(self, now: int) -> int:
        """What this clock shows then."""
        share = self.share if now >= self.at else self.share_before
        return self.value + (now - self.at) * share // WHOLE

    def when(self, value: int) -> int:
        """When, by the wall clock, it shows `value`; of a stop the end."""
        if value >= self.value:
            return self.at + -(-(value - self.value) * WHOLE // self.share)
        if self.share_before:
            return self.at - (self.value - value) * WHOLE // self.share_before
        return self.at - (self.value - value) - MAX_PAUSE_MICROSECONDS  # before the stop, however long that was

    def after_throttling(self, began: int, now: int, retry_after: int) -> Self | None:
        """The clock after a 429 to a call that began then; None when it has heard of this burst already.

        Of one burst the first 429 slows down. Each that asks for a longer pause lengthens it.
        """
        until = now + min(retry_after, MAX_PAUSE_MICROSECONDS)
        if began < self.settled_at:
            if until <= self.at + LOOK_MICROSECONDS or until <= now + LOOK_MICROSECONDS:
                return None
            share = self.share
        else:
            share = max(LEAST_SHARE, self._present_share(now) * CUT // WHOLE)
        return replace(
            self,
            at=until,
            value=self.read(now),
            share=share,
            share_before=0,
            settled_at=until + LOOK_MICROSECONDS,
            changes=self.changes + 1,
        )

    def after_quiet(self, now: int) -> Self | None:
        """The clock after a time without 429, a step faster for each five seconds; None when it is not time yet."""
        steps = (now - self.at) // RECOVERY_MICROSECONDS
        if self.share == WHOLE or steps < 1:
            return None
        at = now + NOTICE_MICROSECONDS
        return replace(
            self,
            at=at,
            value=self.read(at),
            share=min(WHOLE, self.share + steps * RECOVERY_STEP),
            share_before=self.share,
            changes=self.changes + 1,
        )

    def _present_share(self, now: int) -> int:
        """While it stands still: that with which it goes on."""
        return self.share if now >= self.at or not self.share_before else self.share_before

    @classmethod
    def from_item(cls, item: Mapping[str, int]) -> Self:
        """The clock that an item of the limit's table holds; the wall clock's twin where it holds none.

        One that cannot run is the twin, too, with the count of its changes, so that the next change mends it.
        """
        fields = {name: item.get(f"clock_{name}") for name in cls.__dataclass_fields__}
        changes = fields["changes"] or 0
        numbers = {name: value for name, value in fields.items() if value is not None}
        if len(numbers) < len(fields) or not (0 < numbers["share"] <= WHOLE and 0 <= numbers["share_before"] <= WHOLE):
            return cls(changes=changes)
        return cls(**numbers)

    def to_item(self) -> dict[str, int]:
        """What the item is to hold."""
        return {f"clock_{name}": getattr(self, name) for name in self.__dataclass_fields__}
