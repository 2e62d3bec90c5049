"""What a slice's calls were like: counts and a histogram for all of them, the slowest by themselves."""

import heapq
import time
from collections import Counter
from dataclasses import dataclass

from express_batch.errors import ApiThrottledError, ApiUnreachableError, ApiUntrustedError, PartnerApiError
from express_batch.job_contract import User
from express_batch.latency import LatencyHistogram


@dataclass(frozen=True, order=True)
class SlowCall:
    """One call for one user; the order is that of the durations."""

    seconds: float
    started_at: float  # by the clock of the tally's caller
    user_id: str
    outcome: str  # ok, or the error's class name


class CallTally:
    """Takes every call of a slice. `kept` is how many of the slowest are remembered."""

    def __init__(self, kept: int = 0) -> None:
        self.calls = 0
        self.retries = 0
        self.throttled = 0
        self.api_errors: Counter[str] = Counter()  # by reason; every attempt counts
        self.latency = LatencyHistogram()  # of what was answered or timed out
        self._kept = kept
        self._slowest: list[SlowCall] = []  # a heap

    def add_answer(self, user: User, started: float, ended: float) -> None:
        """Count a call that was answered as it should be."""
        self.latency.add(ended - started)
        if self._kept:
            self._keep(user, started, ended, "ok")

    def add_error(self, user: User, started: float, ended: float, error: PartnerApiError) -> None:
        """Count a call that was refused, timed out or broke off."""
        outcome = type(error).__name__
        self.api_errors[outcome] += 1
        if isinstance(error, ApiThrottledError):
            self.throttled += 1
        if not isinstance(error, (ApiUnreachableError, ApiUntrustedError)):
            self.latency.add(ended - started)
        if self._kept:
            self._keep(user, started, ended, outcome)

    def slowest(self, clock: float) -> list[SlowCall]:
        """The slowest calls in their order, in seconds since 1970; `clock` is what the caller's clock says now."""
        offset = time.time() - clock
        return [
            SlowCall(call.seconds, call.started_at + offset, call.user_id, call.outcome)
            for call in sorted(self._slowest, key=lambda call: call.started_at)
        ]

    def _keep(self, user: User, started: float, ended: float, outcome: str) -> None:
        if len(self._slowest) < self._kept:
            heapq.heappush(self._slowest, SlowCall(ended - started, started, user.user_id, outcome))
        elif ended - started > self._slowest[0].seconds:
            heapq.heapreplace(self._slowest, SlowCall(ended - started, started, user.user_id, outcome))
