"""How many calls the partner got in each second, told by its own clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

_WINDOW_SECONDS = 1.0


class SlidingSecond:
    """The most calls in any window of one second, wherever it begins; keeps the last second's calls alone."""

    def __init__(self) -> None:
        self.busiest = 0
        self.busiest_after_first = 0  # of the windows that begin a second after the first call, or later
        self._recent: deque[float] = deque()
        self._began: float | None = None
        self._second = 0

    def add(self, now: float) -> None:
        """Count a call at this time of a clock that never goes back."""
        if self._began is None:
            self._began = now
        recent = self._recent
        recent.append(now)
        while recent[0] <= now - _WINDOW_SECONDS:
            recent.popleft()
        self.busiest = max(self.busiest, len(recent))
        age = now - self._began
        if age >= 2 * _WINDOW_SECONDS:
            self.busiest_after_first = max(self.busiest_after_first, len(recent))
        elif age >= _WINDOW_SECONDS:
            # This call's window reaches into the first second: what lies behind that is a window from there on.
            self._second += 1
            self.busiest_after_first = self._second


@dataclass(frozen=True)
class CallRate:
    """Calls in consecutive full seconds of the clock, silent ones too; the first and the last may be cut short."""

    by_second: tuple[int, ...]

    @classmethod
    def from_stats(cls, calls_by_second: Mapping[str, int]) -> CallRate:
        """Out of the statistics' member of that name."""
        seconds = [int(second) for second in calls_by_second]
        if not seconds:
            return cls(())
        return cls(tuple(calls_by_second.get(str(second), 0) for second in range(min(seconds), max(seconds) + 1)))

    @property
    def busiest(self) -> int:
        """The most calls in a second, cut short or not."""
        return max(self.by_second, default=0)

    @property
    def quietest(self) -> int | None:
        """The fewest calls in a whole second; None where there is none."""
        return min(self.by_second[1:-1], default=None)

    @property
    def mean(self) -> float | None:
        """Calls a second in the whole seconds; None where there is none."""
        whole = self.by_second[1:-1]
        return sum(whole) / len(whole) if whole else None
