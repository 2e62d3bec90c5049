"""Clocks that are off, by libfaketime (Debian: faketime)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from chaos.scenario import Scenario, armed
from chaos.stage import Needs, Stage
from emulator.faults import Fault, SkewClock, share_of_calls

SKEW_SECONDS = 240.0
BETWEEN_RUNS_SECONDS = 600


def find_library() -> Path | None:
    """libfaketime, None where it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def _skew(name: str, seed: int) -> Sequence[Fault]:
    return [
        Fault(name, SkewClock(seconds), trigger=share_of_calls(0.5, seed + number))
        for number, seconds in enumerate((-SKEW_SECONDS, SKEW_SECONDS))
    ]


async def _ten_minutes_later(stage: Stage) -> None:
    """The rows are those of a run ten minutes ago, as the schedule has it; each environment starts anew."""
    if find_library() is None:
        raise RuntimeError("libfaketime is missing: apt-get install faketime")
    statement = "UPDATE loyalty_points SET answer_version = answer_version - %s"
    await asyncio.to_thread(stage.database.query, statement, (BETWEEN_RUNS_SECONDS * 1_000_000,))
    stage.stack.emulator.functions.end_idle_environments()


SCENARIOS = (
    Scenario(
        "clocks-off",
        "the clocks of most environments are 4 minutes behind or ahead, in two runs 10 minutes apart",
        "waiting goes by monotonic clocks; versions hold while clocks differ by less than the time between two runs",
        armed(_skew, "clocks-off"),
        runs=2,
        needs=Needs(preload=find_library()),
        before_each=_ten_minutes_later,
    ),
)
