"""A circuit breaker's judgement: whether the outcomes of an environment's calls say that the partner is down.

Each user's latest outcome counts once, so that a few users who always fail, repeated again and again at the end of a
slice, do not outvote those who were answered.
"""

from dataclasses import dataclass

from express_batch.errors import (
    ApiServerError,
    ApiTimeoutError,
    ApiUnreachableError,
    CircuitOpenError,
    PartnerApiError,
    StoppedError,
)

# A 429 is an answer, as is a refusal or a malformed one: the partner is there.
DOWN_ERRORS = (ApiServerError, ApiTimeoutError, ApiUnreachableError)
# Raised before a request of the call went out: they say nothing of the partner.
UNCALLED_ERRORS = (StoppedError, CircuitOpenError)

RECENT_USERS = 50
LEAST_USERS = 10
FAILED_SHARE = 0.8
# From the first outcome to the one that opens. A user's repeats outlast a shorter outage, and one time-out of everybody
# in flight is not yet two.
FAILING_SECONDS = 2.0
# So old is an outcome that says nothing any more: of the run before, most likely.
FORGET_SECONDS = 120.0


@dataclass(frozen=True)
class Trouble:
    """Why a circuit opens."""

    users: int
    failed: int
    seconds: float
    error: str  # the class of the latest

    def describe(self) -> str:
        """For people."""
        return f"{self.failed} of the last {self.users} users failed for {self.seconds:.1f} s, lately by {self.error}"


class Breaker:
    """Takes the outcomes of calls in the order in which they end, in seconds of one clock that never goes back."""

    def __init__(self) -> None:
        # By user; the one that was called longest ago comes first.
        self._latest: dict[str, _Outcome] = {}
        self._failed = 0
        self._failing_since: float | None = None

    def add(self, user_id: str, ended: float, error: PartnerApiError | None) -> Trouble | None:
        """Count a call that has ended. Not None when the partner is down."""
        if isinstance(error, UNCALLED_ERRORS):
            return None
        is_failure = isinstance(error, DOWN_ERRORS)
        self._forget(user_id)
        self._latest[user_id] = _Outcome(ended, is_failure)
        self._failed += is_failure
        while len(self._latest) > RECENT_USERS or self._is_old(ended):
            self._forget(next(iter(self._latest)))
        users = len(self._latest)
        if users < LEAST_USERS or self._failed < FAILED_SHARE * users:
            self._failing_since = None
            return None
        if self._failing_since is None:
            self._failing_since = ended
        seconds = ended - self._failing_since
        if not is_failure or seconds < FAILING_SECONDS:
            return None
        return Trouble(users, self._failed, seconds, type(error).__name__)

    def is_spotless(self, now: float, seconds: float) -> bool:
        """Whether all recent outcomes are answers, and one came in the last `seconds`: nobody's word is needed."""
        if not self._latest or self._failed:
            return False
        return now - next(reversed(self._latest.values())).ended < seconds

    def reset(self) -> None:
        """Forget every outcome: the circuit was opened, or closed by a probe."""
        self._latest.clear()
        self._failed = 0
        self._failing_since = None

    def _is_old(self, now: float) -> bool:
        return now - next(iter(self._latest.values())).ended > FORGET_SECONDS

    def _forget(self, user_id: str) -> None:
        outcome = self._latest.pop(user_id, None)
        if outcome is not None:
            self._failed -= outcome.is_failure


@dataclass(frozen=True)
class _Outcome:
    ended: float
    is_failure: bool
