"""A slice's turn at a partner whose calls are limited: its slots and its permits, or how long it has to wait for them.

A wait that is worth it is the state machine's, where no function is billed for it: SyncUsers returns what it has taken,
and is called again when its slots come.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from express_batch.call_gate import CallGate
from express_batch.call_lanes import Lease
from express_batch.chunks import Slice
from express_batch.errors import LimitUnavailableError
from express_batch.observability import Observer
from express_batch.partner_clock import MICROSECONDS
from express_batch.partner_limit import LimitOptions, PartnerLimit, to_microseconds
from express_batch.partner_permits import PartnerPermits, Permits
from express_batch.ports import LimitTable

# Called again so early before its first slot, a slice is ready when that comes, after a cold start as well.
EARLY_SECONDS = 1.0
SHORTEST_WAIT_SECONDS = 1
# Until permits may have come free: from one to this.
PERMIT_WAIT_SECONDS = 3


@dataclass(frozen=True)
class Wait:
    """Call again in so many seconds, with this lease."""

    seconds: int
    lease: Lease | None

    def to_output(self) -> dict[str, Any]:
        """What SyncUsers returns."""
        return {"wait_seconds": self.seconds, "lease": None if self.lease is None else self.lease.to_event()}


@dataclass
class Turn:
    """The slice may call now."""

    calls_in_flight: int
    limit: PartnerLimit | None = None
    lease: Lease | None = None
    permits: Permits | None = None
    gate: CallGate | None = field(default=None, init=False)

    def open_gate(self, seconds_left: float) -> CallGate | None:
        """The gate for its calls, which have to end then; None where no rate is set."""
        if self.limit is not None:
            until = self.limit.now() + to_microseconds(seconds_left)
            self.gate = CallGate(self.limit, self.lease, until=until)
        return self.gate


class SliceTurns:
    """What an environment knows of limits, kept from invocation to invocation. `open_table` opens one by its name."""

    def __init__(self, open_table: Callable[[str], LimitTable], now: Callable[[], float] = time.time) -> None:
        self._open_table = open_table
        self._now = now
        self._tables: dict[str, LimitTable] = {}
        self._limits: dict[LimitOptions, PartnerLimit] = {}

    def take(
        self,
        slice_: Slice,
        options: LimitOptions,
        lease: Lease | None,
        *,
        holder: str,
        calls_in_flight: int,
        seconds_left: float,
        waits_until: float | None,
    ) -> Turn | Wait:
        """Slots and permits for a slice that has `lease` already, or none.

        `holder` names the invocation; it ends in `seconds_left`. Until `waits_until`, in seconds since 1970, it may be
        called again; None: it may not. Raises LimitUnavailableError.
        """
        now = self._now()
        table = self._open(options.table)
        users = slice_.end - slice_.start
        turn = Turn(calls_in_flight, self._find_limit(options, table), lease)
        if turn.limit is not None:
            if lease is not None:
                turn.limit.look()
            else:
                until = to_microseconds(now + seconds_left if waits_until is None else waits_until)
                lane = turn.limit.lanes.of_slice(slice_.chunk, slice_.start, users)
                lease = turn.lease = turn.limit.take_slots(users, lane, until=until)
                if lease is None:
                    return turn
            wait = (turn.limit.clock.when(lease.start) - turn.limit.now()) / MICROSECONDS - EARLY_SECONDS
            if waits_until is not None and SHORTEST_WAIT_SECONDS <= wait < waits_until - now:
                return Wait(int(wait), lease)
        if options.calls_in_flight:
            permits = PartnerPermits(table, options.partner, options.calls_in_flight, now=self._now)
            wanted = min(calls_in_flight, users)
            turn.permits = permits.take(holder, wanted, until=now + seconds_left)
            if turn.permits is None and waits_until is not None and now + PERMIT_WAIT_SECONDS < waits_until:
                return Wait(random.randint(1, PERMIT_WAIT_SECONDS), turn.lease)  # noqa: S311
            turn.calls_in_flight = 0 if turn.permits is None else turn.permits.count
        return turn

    def end(self, turn: Turn, options: LimitOptions, slice_: Slice, observer: Observer) -> None:
        """Give back what the slice has held, and tell what its limits came to."""
        if turn.permits is not None:
            try:
                permits = PartnerPermits(self._open(options.table), options.partner, options.calls_in_flight)
                permits.give_back(turn.permits)
            except LimitUnavailableError as error:
                observer.warn("permits not given back", reason=str(error))
        if turn.gate is None or turn.limit is None:
            return
        tally = turn.gate.tally
        if tally.problem is not None:
            observer.warn("partner limit unreadable", reason=tally.problem)
        if turn.lease is not None:
            turn.limit.learn(slice_.end - slice_.start, tally.requests + tally.forfeited)

    def _open(self, name: str) -> LimitTable:
        if name not in self._tables:
            self._tables[name] = self._open_table(name)
        return self._tables[name]

    def _find_limit(self, options: LimitOptions, table: LimitTable) -> PartnerLimit | None:
        if not options.calls_per_second:
            return None
        if options not in self._limits:
            self._limits[options] = PartnerLimit(table, options.partner, options.calls_per_second)
        return self._limits[options]
