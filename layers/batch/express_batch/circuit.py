"""A circuit breaker's judgement: whether the outcomes of an environment's calls say that the partner is down.

It looks at the users that were called for last, by their first call, and at the latest outcome of each. So a few users
who always fail, and are repeated again and again at the end of a slice, do not outvote those who were answered.
"""

import bisect
from dataclasses import dataclass

from express_batch.errors import (
    ApiServerError,
    ApiTimeoutError,
    ApiUnreachableError,
    CircuitOpenError,
    LimitReachedError,
    PartnerApiError,
    StoppedError,
)

# A 429 is an answer, as is a refusal or a malformed one: the partner is there.
DOWN_ERRORS = (ApiServerError, ApiTimeoutError, ApiUnreachableError)
# Raised before a request of the call went out: they say nothing of the partner.
UNCALLED_ERRORS = (StoppedError, CircuitOpenError, LimitReachedError)

RECENT_USERS = 20
LEAST_USERS = 10
FAILED_SHARE = 0.8
# Repeats outlast a shorter outage, and a time-out of everybody in flight is not yet two.
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
        self._recent: list[_User] = []  # the one that was called for last at the end
        self._failing_since: float | None = None

    def add(self, user_id: str, called_at: float, ended: float, error: PartnerApiError | None) -> Trouble | None:
        """Count a call that has ended; the user's first began at `called_at`. Not None: the partner is down."""
        if isinstance(error, UNCALLED_ERRORS):
            return None
        is_failure = isinstance(error, DOWN_ERRORS)
        before = next((each for each in self._recent if each.user_id == user_id), None)
        failing_since = None
        if is_failure:
            failing_since = before.failing_since if before is not None and before.failing_since is not None else ended
        recent = [each for each in self._recent if each is not before and ended - each.ended <= FORGET_SECONDS]
        bisect.insort(recent, _User(called_at, user_id, ended, failing_since), key=lambda each: each.called_at)
        self._recent = recent[-RECENT_USERS:]

        failing = [each.failing_since for each in self._recent if each.failing_since is not None]
        users = len(self._recent)
        if users < LEAST_USERS or len(failing) < FAILED_SHARE * users:
            self._failing_since = None
            return None
        if self._failing_since is None:
            self._failing_since = min(failing)
        seconds = ended - self._failing_since
        if not is_failure or seconds < FAILING_SECONDS:
            return None
        return Trouble(users, len(failing), seconds, type(error).__name__)

    def is_spotless(self, now: float, seconds: float) -> bool:
        """Whether all recent users were answered, one of them in the last `seconds`: nobody's word is needed."""
        if not self._recent or any(each.failing_since is not None for each in self._recent):
            return False
        return now - max(each.ended for each in self._recent) < seconds

    def reset(self) -> None:
        """Forget every outcome: the circuit was opened, or closed by a probe."""
        self._recent = []
        self._failing_since = None


@dataclass(frozen=True)
class _User:
    called_at: float
    user_id: str
    ended: float  # the latest call
    failing_since: float | None  # None: it was answered
