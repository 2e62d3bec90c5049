"""Calls in flight at a partner: slices take permits out of an item that all environments share, and give them back.

The item, by the partner's name and `#in-flight`: `held`, which all hold together, and what each holds, by its
invocation and the second in which that ends. Both change at once or not at all, so `held` is their sum at any time and
never more than there are. What an environment that died held is taken away by whoever sees it after that second.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from express_batch.errors import LimitUnavailableError
from express_batch.ports import Item, LimitTable

HELD = "held"
# Fewer are not worth a request, where more are wanted: they are asked for again.
FEWEST = 10
ATTEMPTS = 5  # each further one means that others have taken what was free, or died with it
_HOLDER = re.compile(r"held \S+ ([0-9]{1,12})", re.ASCII)


@dataclass(frozen=True)
class Steps:
    """How many permits a slice takes and gives back at once: the more are free, the more, and the fewer requests."""

    most: int
    sharers: int  # slices that are likely to want some at the same time

    def size(self, free: int) -> int:
        """Of so many that are free."""
        return max(FEWEST, min(self.most, free // self.sharers))


class PartnerPermits:
    """The permits of one partner, as an environment knows them. Safe for several threads."""

    def __init__(
        self, table: LimitTable, partner: str, calls_in_flight: int, *, now: Callable[[], float] = time.time
    ) -> None:
        self.table = table
        self.key = f"{partner}#in-flight"
        self.most = calls_in_flight
        self.free = calls_in_flight  # as was seen last
        self._now = now

    def open(self, holder: str, until: float) -> "SlicePermits":
        """None so far, for an invocation that ends `until`, in seconds since 1970: by then they come back."""
        return SlicePermits(self, f"held {holder} {until + 1:.0f}")

    def look(self) -> int:
        """How many are free. Raises LimitUnavailableError."""
        return self.read(self.table.read(self.key))

    def read(self, item: Item) -> int:
        """How many are free by the item, when what dead holders have held is taken away."""
        freed = 0
        for name, count in item.items():
            holder = _HOLDER.fullmatch(name)
            if holder and isinstance(count, int) and int(holder[1]) < self._now():
                self.table.drop(self.key, HELD, name, seen=count)
                freed += count
        self.free = self.most - read_number(item, HELD) + freed
        return self.free


class SlicePermits:
    """What one slice holds. Safe for several threads; after the end nothing is taken."""

    def __init__(self, permits: PartnerPermits, name: str) -> None:
        self._permits = permits
        self._name = name
        self._lock = threading.Lock()
        self._has_asked = False
        self._is_closed = False
        self.count = 0

    @property
    def free(self) -> int:
        """How many nobody held, when this environment looked last."""
        return self._permits.free

    def take(self, wanted: int, steps: Steps) -> int:
        """How many more it has: a step, up to `wanted`; 0 where too few are free. Raises LimitUnavailableError."""
        permits = self._permits
        with self._lock:
            least = min(wanted, FEWEST, permits.most)
            count = min(wanted, steps.size(permits.free), permits.most)
            for _ in range(ATTEMPTS):
                if self._is_closed or count < 1:
                    return 0
                self._has_asked = True
                _, item = self._add(count)
                found = read_number(item, self._name)
                free = permits.read(item)
                if found > self.count:
                    # By an attempt whose answer was lost, where this one did not.
                    gained, self.count = found - self.count, found
                    return gained
                self.count = found
                if free < least:
                    return 0
                count = min(wanted, steps.size(free), free)
        return 0

    def can_take(self) -> bool:
        """Whether enough are likely to be free, at a tenth of the price of trying. Raises LimitUnavailableError."""
        return self._permits.look() >= min(FEWEST, self._permits.most)

    def give_back(self, count: int) -> None:
        """Make room for others. Raises LimitUnavailableError; time gives them back then."""
        with self._lock:
            if self._is_closed:
                return
            if count >= self.count:
                self._drop()
                return
            done, item = self._add(-count)
            self.count = self.count - count if done else read_number(item, self._name)
            self._permits.read(item)

    def close(self) -> None:
        """Give back all. Raises LimitUnavailableError; time gives them back then."""
        with self._lock:
            self._is_closed = True
            if self._has_asked:
                self._drop()

    def _drop(self) -> None:
        self.count = 0
        self._permits.table.drop(self._permits.key, HELD, self._name)
        self._has_asked = False

    def _add(self, by: int) -> tuple[bool, Item]:
        permits = self._permits
        return permits.table.add(permits.key, HELD, self._name, by, seen=self.count or None, most=permits.most)


def read_number(item: Item, name: str) -> int:
    """A number of the item, 0 where it is not there. Raises LimitUnavailableError where it is none."""
    number = item.get(name, 0)
    if not isinstance(number, int):
        raise LimitUnavailableError(f"{name} of the limit's table is no number: delete the item")
    return number
