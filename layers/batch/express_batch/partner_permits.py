"""Calls in flight at a partner: each slice takes permits out of an item that all environments share.

What an environment that died has not given back comes free when its invocation would have ended. The item, by the
partner's name and `#in-flight`: a count of changes, and for each holder "<permits> <end>".
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from express_batch.errors import LimitUnavailableError
from express_batch.ports import Item, LimitTable

ATTEMPTS = 20  # each further one means that another environment has just taken some
RETRY_SECONDS = 0.05
CHANGES = "changes"
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
# Fewer are not worth to begin with: a slice that can hardly call lets its slots go by. It comes again.
FEWEST = 10


@dataclass(frozen=True)
class Permits:
    """So many calls at once, until they are given back."""

    holder: str
    count: int


class PartnerPermits:
    """The permits of one partner."""

    def __init__(
        self,
        table: LimitTable,
        partner: str,
        calls_in_flight: int,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._key = f"{partner}#in-flight"
        self.most = calls_in_flight
        self._now = now
        self._pause = pause

    def take(self, holder: str, wanted: int, *, until: float) -> Permits | None:
        """At most half of what is free, so that something is left for whoever comes next; None when too few are.

        `until`, in seconds since 1970, they come back by themselves. Raises LimitUnavailableError.
        """
        for attempt in range(ATTEMPTS):
            item = self._table.read_now(self._key)
            held, expired = _read_holders(item, self._now())
            held.pop(holder, None)  # a repeat of the same invocation
            free = self.most - sum(held.values())
            least = min(wanted, FEWEST, self.most)
            if free < least:
                return None
            count = min(wanted, max(least, free // 2))
            seen = item.get(CHANGES)
            changes = seen if isinstance(seen, int) else 0
            values: Item = {CHANGES: changes + 1, _attribute(holder): f"{count} {until:.0f}"}
            without = [name for name in expired if name not in values]
            if self._table.exchange(self._key, values, name=CHANGES, seen=changes or None, without=without):
                return Permits(holder, count)
            self._pause(RETRY_SECONDS * min(1.0, (attempt + 1) / 4))
        raise LimitUnavailableError(f"{self._key} changed {ATTEMPTS} times while permits were taken")

    def give_back(self, permits: Permits) -> None:
        """Make room for others. Raises LimitUnavailableError; time gives them back then."""
        self._table.remove(self._key, _attribute(permits.holder))


def _attribute(holder: str) -> str:
    return f"held {holder}"


def _read_holders(item: Mapping[str, int | str], now: float) -> tuple[dict[str, int], list[str]]:
    """{holder: permits} of those whose time is not over, and the names of the others."""
    held: dict[str, int] = {}
    expired = []
    for name, value in item.items():
        if not name.startswith("held "):
            continue
        count, _, until = str(value).partition(" ")
        if _NUMBER.fullmatch(count) and _NUMBER.fullmatch(until) and int(until) > now:
            held[name.removeprefix("held ")] = int(count)
        else:
            expired.append(name)
    return held, expired
