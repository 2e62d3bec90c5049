"""Clocks that are off, by libfaketime (Debian: faketime)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from chaos.scenario import COMPLETE, INCOMPLETE, PARTIAL, Around, Scenario
from chaos.stage import Needs, Stage
from emulator.faults import Fault, SkewClock, share_of_calls
from emulator.faults.clock import find_clock_library

BETWEEN_RUNS_SECONDS = 600


def _skewed(name: str, skew_seconds: float) -> Around:
    """Most environments that start are that much behind or ahead; at the end such environments are gone."""

    @contextlib.asynccontextmanager
    async def around(stage: Stage, seed: int) -> AsyncIterator[None]:
        if find_clock_library() is None:
            raise RuntimeError("libfaketime is missing: apt-get install faketime")
        for number, seconds in enumerate((-skew_seconds, skew_seconds)):
            stage.faults.arm(Fault(name, SkewClock(seconds), trigger=share_of_calls(0.5, seed + number)))
        try:
            yield
            await stage.drain()
        finally:
            stage.faults.disarm()
            stage.stack.emulator.functions.renew_environments()

    return around


async def _ten_minutes_later(stage: Stage) -> None:
    """The rows are those of a run ten minutes ago, as the schedule has it; each environment starts anew."""
    statement = "UPDATE loyalty_points SET answer_version = answer_version - %s"
    await asyncio.to_thread(stage.database.query, statement, (BETWEEN_RUNS_SECONDS * 1_000_000,))
    stage.stack.emulator.functions.renew_environments()


def _scenario(name: str, what: str, survives: str, skew_seconds: float, ends: Sequence[str]) -> Scenario:
    return Scenario(
        name,
        what,
        survives,
        _skewed(name, skew_seconds),
        ends=ends,
        runs=2,
        needs=Needs(clock_library=find_clock_library()),
        before_each=_ten_minutes_later,
    )


SCENARIOS = (
    _scenario(
        "clocks-a-little-off",
        "the clocks of most environments are 3 s behind or ahead, in two runs 10 minutes apart",
        "versions hold while clocks differ by less than the time between two runs",
        3.0,
        (COMPLETE,),
    ),
    _scenario(
        "clocks-far-off",
        "the clocks of most environments are 4 minutes behind or ahead, in two runs 10 minutes apart",
        "who is ahead of Lambda's deadline believes that no time is left: those users fail by name, or the run says "
        "INCOMPLETE; a redrive in environments with the right time",
        240.0,
        (COMPLETE, PARTIAL, INCOMPLETE),
    ),
)
