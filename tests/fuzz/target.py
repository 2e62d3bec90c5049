"""A target: a decoder of outside data, valid documents for it, and the only errors that it may raise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fuzz.limits import cpu_limit


def _hold(_result: Any) -> None:
    """Nothing more than that it was decoded."""


@dataclass(frozen=True)
class Target:
    """One decoder, or a function with the decoders that it calls."""

    name: str
    decode: Callable[[bytes], Any]
    seeds: tuple[bytes, ...]  # documents that it takes
    refusals: tuple[type[Exception], ...]  # what it says of all others; whatever else is raised is a finding
    decoders: tuple[str, ...]  # module:function of what it reaches, for test_completeness.py
    check: Callable[[Any], None] = _hold  # what holds for whatever was taken: a round trip, bounds

    def run(self, data: bytes) -> bool:
        """Whether the data was taken. Anything but a refusal is raised."""
        with cpu_limit():
            try:
                result = self.decode(data)
            except self.refusals:
                return False
            self.check(result)
            return True
