"""The time by which things are old. Whoever plays weeks within minutes gives one of his own."""

import time
from typing import Protocol

DAY_SECONDS = 86_400


class Calendar(Protocol):
    """A time of its own, and which moment of the machine's clock each of its moments was; seconds since 1970.

    What is kept bears the machine's times, so ages are judged by turning a moment of the calendar back into those.
    """

    def now(self) -> float:
        """The present moment of the calendar."""

    def to_real(self, moment: float) -> float:
        """The machine's time at a past moment of the calendar; never later than the next moment's."""


class RealCalendar:
    """The machine's clock itself."""

    def now(self) -> float:
        """The present."""
        return time.time()

    def to_real(self, moment: float) -> float:
        """The same moment."""
        return moment
