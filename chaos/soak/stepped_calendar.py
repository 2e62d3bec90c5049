"""A calendar that goes on by an hour from run to run, while the runs follow each other at once."""

import bisect
import time
from collections.abc import Callable
from datetime import datetime


class SteppedCalendar:
    """Stands at the scheduled time of the last run, and goes on from there as the machine's clock does."""

    def __init__(self, start: datetime, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._moments = [start.timestamp()]
        self._real = [clock()]  # what the machine's clock said at each of them

    def step_to(self, moment: datetime) -> None:
        """It is `moment` now. Raises ValueError where that is past."""
        if moment.timestamp() < self.now():
            raise ValueError(f"the calendar is past {moment:%Y-%m-%dT%H:%M:%SZ}: a run took longer than runs are apart")
        self._moments.append(moment.timestamp())
        self._real.append(self._clock())

    def now(self) -> float:
        """Seconds since 1970 by this calendar."""
        return self._moments[-1] + self._clock() - self._real[-1]

    def to_real(self, moment: float) -> float:
        """What the machine's clock said then; for a moment that was skipped, what it said at the next step."""
        index = max(0, bisect.bisect_right(self._moments, moment) - 1)
        real = self._real[index] + moment - self._moments[index]
        return min(real, self._real[index + 1]) if index + 1 < len(self._real) else real
