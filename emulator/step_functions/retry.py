"""Which retrier or catcher takes an error, and how long to wait before the next attempt."""

import random
from dataclasses import dataclass, field

from emulator.step_functions.failures import (
    ALL,
    DATA_LIMIT_EXCEEDED,
    HEARTBEAT_TIMEOUT,
    RUNTIME,
    TASK_FAILED,
    TIMEOUT,
)


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of Retry.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-retrying-after-an-error
    """

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    full_jitter: bool = False

    def delay_seconds(self, attempts_made: int, source: random.Random) -> float:
        """Seconds to wait after `attempts_made` retries by this retrier (0 before the first)."""
        # Past some hundred attempts the power would overflow; the largest interval AWS takes is 99,999,999 s.
        delay = min(self.interval_seconds * self.backoff_rate ** min(attempts_made, 300), 99_999_999.0)
        if self.max_delay_seconds is not None:
            delay = min(delay, self.max_delay_seconds)
        return source.uniform(0, delay) if self.full_jitter else delay


@dataclass(slots=True)
class RetryBudget:
    """The attempts that a state has made in one visit, counted for each retrier on its own."""

    retriers: tuple[Retrier, ...]
    total: int = 0
    _made: dict[int, int] = field(default_factory=dict)

    def next_delay(self, error: str | None, source: random.Random) -> float | None:
        """Seconds until the next attempt, None where no retrier takes `error` or its attempts are used up.

        Only the first retrier that names the error counts, as on AWS.
        """
        for index, retrier in enumerate(self.retriers):
            if matches(retrier.error_equals, error):
                made = self._made.get(index, 0)
                if made >= retrier.max_attempts:
                    return None
                self._made[index] = made + 1
                self.total += 1
                return retrier.delay_seconds(made, source)
        return None


def matches(error_equals: tuple[str, ...], error: str | None) -> bool:
    """Whether an ErrorEquals list takes `error`.

    States.Runtime is never taken; States.DataLimitExceeded only by its own name. States.TaskFailed takes any error
    but a timeout; States.Timeout takes a missed heartbeat too.
    Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-error-representation
    """
    if error == RUNTIME:
        return False
    if error in error_equals:
        return True
    if error == DATA_LIMIT_EXCEEDED:
        return False
    if ALL in error_equals:
        return True
    if error in (TIMEOUT, HEARTBEAT_TIMEOUT):
        return TIMEOUT in error_equals
    return TASK_FAILED in error_equals
