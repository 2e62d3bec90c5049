"""One line of the bill."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """USD a month for one thing."""

    name: str
    usd: float
    fixed: bool = False  # whatever the number of users
    watching: bool = False  # for seeing what the runs do, which the template's parameters turn off
