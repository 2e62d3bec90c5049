"""A slice's turn at a partner whose calls are limited: its slots and its permits, or how long it has to wait for them.

A wait that is worth it is the state machine's, where no function is billed for it: SyncUsers returns what it has taken,
and is called again when its slots come.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from express_batch.call_gate import CallGate
from express_batch.call_lanes import Lease
from express_batch.call_permits import CallPermits
from express_batch.call_slots import CallSlots
from express_batch.chunks import Slice
from express_batch.errors import LimitUnavailableError
from express_batch.observability import Observer
from express_batch.partner_clock import MICROSECONDS
from express_batch.partner_limit import LimitOptions, PartnerLimit, to_microseconds
from express_batch.partner_permits import PartnerPermits, SlicePermits, Steps
from express_batch.ports import LimitTable

# A slice is called again so early before its first slot, or up to a second earlier: Step Functions waits for whole
# seconds, by a time stamp as well (https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html).
# Half a second was tried: a seventh less to pay for, and environments that start cold let their slots go by.
EARLY_SECONDS = 1.0
SHORTEST_WAIT_SECONDS = 1
# Until permits may have come free: from one to this.
PERMIT_WAIT_SECONDS = 3
# Permits lie idle until the first slot: a slice takes its first ones shortly before. Where too few are free, it waits
# here for a while, since its slots go by if the state machine has it wait.
PERMIT_LEAD_SECONDS = 0.1
PERMIT_PATIENCE_SECONDS = 1.0
PERMIT_LOOK_SECONDS = 0.1
# Permits are taken for so many seconds' calls at once, or fewer, and before those of so many are left.
STEP_SECONDS = 0.5
MARGIN_SECONDS = 0.05
HALF = 2  # of what is free, where no rate says how many slices have their turn


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
    """The slice may call now, so many at once."""

    calls_in_flight: int
    lease: Lease | None = None
    permits: SlicePermits | None = None
    is_refused: bool = False  # no slot comes before the run has to be closed
    slots: CallSlots | None = field(default=None, init=False)
    gate: CallGate | None = field(default=None, init=False)
    call_permits: CallPermits | None = field(default=None, init=False)


class Limits:
    """What an environment knows of limits, kept from invocation to invocation. `open_table` opens one by its name."""

    def __init__(
        self,
        open_table: Callable[[str], LimitTable],
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._open_table = open_table
        self._now = now
        self._pause = pause
        self._known: dict[LimitOptions, tuple[PartnerLimit | None, PartnerPermits | None]] = {}

    def of_event(self, event: dict[str, Any]) -> "SliceLimit | None":
        """The limit that a slice's event tells; None where nothing is limited. Raises InvalidEventError."""
        options = LimitOptions.from_event(event)
        if options is None:
            return None
        if options not in self._known:
            table = self._open_table(options.table)
            rate, in_flight = options.calls_per_second, options.calls_in_flight
            self._known[options] = (
                PartnerLimit(table, options.partner, rate, lambda: to_microseconds(self._now())) if rate else None,
                PartnerPermits(table, options.partner, in_flight, now=self._now) if in_flight else None,
            )
        lease = event.get("lease")
        limit, permits = self._known[options]
        return SliceLimit(limit, permits, None if lease is None else Lease.from_event(lease), self._now, self._pause)


class SliceLimit:
    """The limit of one slice, and the lease that it was given before."""

    def __init__(
        self,
        limit: PartnerLimit | None,
        permits: PartnerPermits | None,
        lease: Lease | None,
        now: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self._limit = limit
        self._permits = permits
        self._lease = lease
        self._now = now
        self._pause = pause

    def take_turn(
        self, slice_: Slice, *, holder: str, calls_in_flight: int, seconds_left: float, waits_until: float | None
    ) -> Turn | Wait:
        """Slots and permits, as far as there are any.

        `holder` names the invocation, which ends in `seconds_left`. Until `waits_until`, in seconds since 1970, the
        slice may be called again; None: it may not. Raises LimitUnavailableError.
        """
        turn = Turn(calls_in_flight)
        now = first = self._now()
        if self._limit is not None:
            until = now + seconds_left if waits_until is None else waits_until
            turn.lease = self._take_lease(self._limit, slice_, until)
            if turn.lease is not None:
                first = self._limit.clock.when(turn.lease.start) / MICROSECONDS
            # An event may bring a lease of any time, and a good one is late when the partner's clock has slowed down.
            if turn.lease is None or first >= until:
                turn.lease, turn.is_refused = None, True
                return turn
            wait = first - now - EARLY_SECONDS
            if waits_until is not None and wait >= SHORTEST_WAIT_SECONDS and first < waits_until:
                return Wait(int(wait), turn.lease)
        if self._permits is not None:
            turn.permits = self._permits.open(holder, now + seconds_left)
            try:
                has_permits = self._take_permits(turn, slice_, first)
            except LimitUnavailableError:
                with suppress(LimitUnavailableError):
                    turn.permits.close()
                raise
            if not has_permits:
                turn.permits.close()
                if waits_until is not None and self._now() + PERMIT_WAIT_SECONDS < waits_until:
                    return Wait(random.randint(1, PERMIT_WAIT_SECONDS), turn.lease)  # noqa: S311
                raise LimitUnavailableError("others hold all calls in flight: see PartnerCallsInFlight")
        return turn

    def open_gate(self, turn: Turn, slice_: Slice, seconds_left: float) -> CallGate:
        """The gate for the slice's calls, which have to end then."""
        users, until = slice_.end - slice_.start, self._now() + seconds_left
        if self._limit is not None:
            turn.slots = CallSlots(self._limit, turn.lease, users=users, until=to_microseconds(until))
        if turn.permits is not None:
            margin = 1 if turn.lease is None else _count_slots(turn.lease, MARGIN_SECONDS)
            turn.call_permits = CallPermits(turn.permits, self._steps(turn), margin=margin)
        turn.gate = CallGate(turn.slots, turn.call_permits, until=until, now=self._now)
        return turn.gate

    @contextmanager
    def hold(self, turn: Turn, slice_: Slice, observer: Observer) -> Iterator[None]:
        """The time in which the slice holds what it has taken, whatever ends it. What its limits came to is told."""
        try:
            yield
        finally:
            self._end_turn(turn, slice_, observer)

    def _end_turn(self, turn: Turn, slice_: Slice, observer: Observer) -> None:
        if turn.permits is not None:
            try:
                turn.permits.close()
            except LimitUnavailableError as error:
                observer.warn("permits not given back", reason=str(error))
        if turn.is_refused:
            observer.warn("no slots left", start=slice_.start, end=slice_.end)
        if turn.call_permits is not None and turn.call_permits.problem is not None:
            observer.warn("partner limit unreadable", reason=turn.call_permits.problem)
        if turn.gate is None or turn.slots is None or self._limit is None:
            return
        tally = turn.slots.tally
        if tally.problem is not None:
            observer.warn("partner limit unreadable", reason=tally.problem)
        if turn.lease is not None:
            self._limit.learn(
                slice_.end - slice_.start,
                requests=tally.requests,
                forfeited=tally.forfeited,
            )
        observer.log(
            "partner limited",
            start=slice_.start,
            end=slice_.end,
            slots=0 if turn.lease is None else turn.lease.calls,
            requests=tally.requests,
            most_in_flight=turn.gate.most_in_flight,
            forfeited=tally.forfeited,
            further_leases=tally.further_leases,
            waited_seconds=round(tally.waited_seconds, 3),
            share=self._limit.clock.share / 1000,
            calls_in_flight=turn.calls_in_flight if turn.call_permits is None else turn.call_permits.most,
        )

    def _take_permits(self, turn: Turn, slice_: Slice, first: float) -> bool:
        """The first permits, shortly before the first slot."""
        assert turn.permits is not None
        early = first - PERMIT_LEAD_SECONDS - self._now()
        if self._limit is not None and early > 0:
            self._pause(early)
            self._limit.look()
        steps, wanted = self._steps(turn), min(turn.calls_in_flight, slice_.end - slice_.start)
        is_likely = True
        while not (is_likely and turn.permits.take(wanted, steps)):
            if turn.lease is None or self._now() > first + PERMIT_PATIENCE_SECONDS:
                return False
            self._pause(PERMIT_LOOK_SECONDS)
            is_likely = turn.permits.can_take()
        return True

    def _steps(self, turn: Turn) -> Steps:
        if turn.lease is None or self._limit is None:
            return Steps(turn.calls_in_flight, HALF)
        # The slice before in the same lane still waits for its last answers.
        return Steps(_count_slots(turn.lease, STEP_SECONDS), self._limit.lanes.count)

    def _take_lease(self, limit: PartnerLimit, slice_: Slice, until: float) -> Lease | None:
        users = slice_.end - slice_.start
        if self._lease is not None:
            limit.look()
            # One that has mostly gone by, as after an attempt that failed, would have to be made up for here.
            if self._lease.slots_from(limit.clock.read(limit.now())) >= users / 2:
                return self._lease
        lane = limit.lanes.of_slice(slice_.chunk, slice_.start, users)
        return limit.take_slots(users, lane, until=to_microseconds(until))


def _count_slots(lease: Lease, seconds: float) -> int:
    return max(1, round(seconds * MICROSECONDS / lease.gap))
