"""When a fault strikes: by the number of the call, by a share of the calls, by the time."""

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Trigger:
    """All of the conditions must hold. Calls are those within the fault's scope since it was armed, from 1."""

    first: int = 1
    calls: float = 1  # how many from `first` on; math.inf for all
    share: float = 1.0  # of those calls, drawn by the seed and the call's number, so that runs repeat
    seed: int = 1
    after_seconds: float = 0.0  # since it was armed
    for_seconds: float = math.inf

    def fires(self, number: int, seconds: float) -> bool:
        """Whether the call of that number is struck, so many seconds after the fault was armed."""
        if not self.first <= number < self.first + self.calls:
            return False
        if not self.after_seconds <= seconds < self.after_seconds + self.for_seconds:
            return False
        return self.share >= 1 or random.Random(f"{self.seed}/{number}").random() < self.share  # noqa: S311


ALWAYS = Trigger(calls=math.inf)


def share_of_calls(share: float, seed: int) -> Trigger:
    """That share of all calls."""
    return Trigger(calls=math.inf, share=share, seed=seed)
