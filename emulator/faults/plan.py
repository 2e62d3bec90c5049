"""The fault port: named faults that are armed, asked for at each place where one may strike."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from emulator.faults.effects import Effect, RefuseRecord
from emulator.faults.trigger import Trigger

E = TypeVar("E", bound=Effect)


@dataclass(frozen=True)
class Scope:
    """Which calls a fault is about; what is left empty matches all."""

    service: str = ""  # as in a signature's scope: s3, kinesis, states, lambda
    operation: str = ""  # of the API: PutRecords; of S3 GetObject, PutObject or ListObjectsV2
    function: str = ""  # a part of the function's or state machine's name: the caller's at the gateway

    def covers(self, service: str, operation: str, function: str) -> bool:
        """Whether such a call is within it."""
        return (
            self.service in ("", service)
            and self.operation in ("", operation)
            and (not self.function or self.function in function)
        )


@dataclass(frozen=True)
class Fault:
    """A named fault: what happens, to which calls, and when."""

    name: str
    effect: Effect
    scope: Scope = field(default_factory=Scope)
    trigger: Trigger = field(default_factory=Trigger)


class FaultPlan:
    """What is armed; `armed` is False at first, and no place asks any further then.

    `strikes` counts what really happened, by the faults' names, and `first_strike` has the clock's time of it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.strikes: Counter[str] = Counter()
        self.first_strike: float | None = None
        self._clock = clock
        self._calls: dict[Fault, int] = {}
        self._armed_at: dict[Fault, float] = {}

    @property
    def armed(self) -> bool:
        """Whether any fault is."""
        return bool(self._calls)

    def arm(self, *faults: Fault) -> None:
        """Let the faults strike from now on; one that is armed already begins to count anew."""
        for fault in faults:
            self._calls[fault] = 0
            self._armed_at[fault] = self._clock()

    def disarm(self) -> None:
        """Nothing strikes any more; what has struck stays counted until `forget`."""
        self._calls.clear()
        self._armed_at.clear()

    def forget(self) -> None:
        """Count strikes anew."""
        self.strikes.clear()
        self.first_strike = None

    def strike(self, kind: type[E], *, service: str = "", operation: str = "", function: str = "") -> E | None:
        """The effect of the first armed fault of that kind that strikes this call; every one in scope counts it."""
        found: E | None = None
        for fault in self._calls:
            effect = fault.effect
            if not isinstance(effect, kind) or not fault.scope.covers(service, operation, function):
                continue
            self._calls[fault] += 1
            if found is None and fault.trigger.fires(self._calls[fault], self._clock() - self._armed_at[fault]):
                found = effect
                self.note(fault.name)
        return found

    def note(self, name: str, *, at: float | None = None) -> None:
        """Count a strike, also one that was not struck through this plan; `at` is the clock's time of it, or now."""
        self.strikes[name] += 1
        if self.first_strike is None:
            self.first_strike = self._clock() if at is None else at

    def refuse_record(self, _stream: str, _partition_key: str, _data: bytes) -> tuple[str, str] | None:
        """Kinesis' `PutFault`."""
        if not self._calls:
            return None
        refusal = self.strike(RefuseRecord, service="kinesis", operation="PutRecords")
        return None if refusal is None else (refusal.code, f"{refusal.code}, injected")
