"""How fast an environment may send: half as fast after each refusal of the stream, and faster after each success."""

import time
from collections.abc import Callable

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 3.0
# What the stream said longer ago says nothing of it now: throughput is counted by the second.
REMEMBERED_SECONDS = 60.0


class StreamPace:
    """Outlives the invocation, so that the slice after a refused one does not begin by being refused, too."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause_seconds = 0.0
        self._refused_at = 0.0

    @property
    def pause_seconds(self) -> float:
        """The pause before the next call."""
        return self._pause_seconds if self._clock() - self._refused_at < REMEMBERED_SECONDS else 0.0

    def slow_down(self) -> None:
        """The stream has refused records."""
        self._pause_seconds = min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * self.pause_seconds))
        self._refused_at = self._clock()

    def speed_up(self) -> None:
        """The stream has taken all records of a call."""
        self._pause_seconds = self._pause_seconds / 2 if self._pause_seconds > FIRST_PAUSE_SECONDS else 0.0
