"""Calls in flight at a partner: slices take permits out of an item that all environments share, and give them back.

The item, by the partner's name and `#in-flight`: `held`, which all hold together, and what each holds, by its
invocation and the second in which that ends. Both change at once or not at all, so `held` is their sum at any time and
never more than there are. What an environment that died held is taken away by whoever sees it after that second.
"""

import re
import threading
import time
from collections.abc import Callable

from express_batch.errors import LimitUnavailableError
from express_batch.ports import Item, LimitTable

HELD = "held"
# Fewer are not worth a request, where more are wanted: they are asked for again.
FEWEST = 10
ATTEMPTS = 5  # each further one means that the item was changed by hand, or had to be cleared of a dead holder
_HOLDER = re.compile(r"held \S+ ([0-9]{1,12})", re.ASCII)


class SlicePermits:
    """What one slice holds. Safe for several threads; what is taken while it is closed, nobody gets."""

    def __init__(self, table: LimitTable, key: str, most: int, name: str, now: Callable[[], float]) -> None:
        self._table = table
        self._key = key
        self._most = most
        self._name = name
        self._now = now
        self._lock = threading.Lock()
        self._has_asked = False
        self._is_closed = False
        self.count = 0

    def take(self, wanted: int, step: int) -> int:
        """How many more it has: up to `wanted`, 0 where too few are free.

        Of more than a `step`, at most half of what is free, so that something is left for whoever comes next. Raises
        LimitUnavailableError.
        """
        with self._lock:
            wanted = min(wanted, self._most)
            if wanted > step:
                wanted = min(wanted, max(step, self._look() // 2))
            least = min(wanted, FEWEST)
            for _ in range(ATTEMPTS):
                if self._is_closed or wanted < 1:
                    return 0
                self._has_asked = True
                done, item = self._add(wanted)
                found = _read_number(item, self._name)
                if done or found != self.count:
                    # Not done: an attempt whose answer was lost did it, or somebody has changed the item.
                    gained, self.count = found - self.count, found
                    if done:
                        self._clear(item)
                    if gained > 0:
                        return gained
                elif not self._clear(item):
                    free = self._most - _read_number(item, HELD)
                    if free < least:
                        return 0
                    wanted = min(wanted, free)
        return 0

    def can_take(self) -> bool:
        """Whether enough are likely to be free, at a fraction of the price of trying. Raises LimitUnavailableError."""
        return self._look() >= min(FEWEST, self._most)

    def give_back(self, count: int) -> None:
        """Make room for others. Raises LimitUnavailableError; time gives them back then."""
        with self._lock:
            if self._is_closed or not 0 < count < self.count:
                return
            done, item = self._add(-count)
            self.count = self.count - count if done else _read_number(item, self._name)

    def close(self) -> None:
        """Give back all. Raises LimitUnavailableError; time gives them back then."""
        with self._lock:
            self._is_closed, self.count = True, 0
            if self._has_asked:
                self._table.drop(self._key, HELD, self._name)

    def _add(self, by: int) -> tuple[bool, Item]:
        return self._table.add(self._key, HELD, self._name, by, seen=self.count or None, most=self._most)

    def _look(self) -> int:
        item = self._table.read(self._key)
        return self._most - _read_number(item, HELD) + self._clear(item)

    def _clear(self, item: Item) -> int:
        """How many permits of dead holders are free now."""
        freed = 0
        for name, count in item.items():
            holder = _HOLDER.fullmatch(name)
            if holder and isinstance(count, int) and int(holder[1]) < self._now():
                self._table.drop(self._key, HELD, name, seen=count)
                freed += count
        return freed


class PartnerPermits:
    """The permits of one partner."""

    def __init__(
        self, table: LimitTable, partner: str, calls_in_flight: int, *, now: Callable[[], float] = time.time
    ) -> None:
        self._table = table
        self._key = f"{partner}#in-flight"
        self.most = calls_in_flight
        self._now = now

    def open(self, holder: str, until: float) -> SlicePermits:
        """None so far, for an invocation that ends `until`, in seconds since 1970: by then they come back."""
        name = f"held {holder} {until + 1:.0f}"
        return SlicePermits(self._table, self._key, self.most, name, self._now)


def _read_number(item: Item, name: str) -> int:
    number = item.get(name, 0)
    if not isinstance(number, int):
        raise LimitUnavailableError(f"{name} of the limit's table is no number: delete the item")
    return number
