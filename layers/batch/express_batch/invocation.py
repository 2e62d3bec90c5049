"""What the platform needs to know of the present invocation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invocation:
    """One call of a function."""

    request_id: str
    seconds_left: float
