"""What a scenario is: a fault, how it is let loose around a run, and what must hold besides the account."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.stage import Needs, Stage
from emulator.faults import Fault

COMPLETE, PARTIAL, INCOMPLETE = "COMPLETE", "PARTIAL", "INCOMPLETE"

Around = Callable[[Stage, int], contextlib.AbstractAsyncContextManager[None]]


async def do_nothing(_stage: Stage) -> None:
    """Nothing is to be done before a run."""


async def find_nothing(_stage: Stage, _calls: int) -> str:
    """Nothing is to be checked but what is checked of every scenario."""
    return ""


@dataclass(frozen=True)
class Scenario:
    """One line of the table. `around` takes the stage and the seed; runs are started within it, one after the other."""

    name: str
    what: str  # goes wrong
    survives: str  # by which means
    around: Around
    ends: Sequence[str] = (COMPLETE,)  # what a run under it may say; more than COMPLETE where users are not to be had
    runs: int = 1
    # Users are called twice at once: whichever of the two answers the row has, no client could know the later one.
    calls_overlap: bool = False
    needs: Needs = field(default_factory=Needs)
    before_each: Callable[[Stage], Awaitable[None]] = do_nothing
    # The problem that it finds, or nothing; the number is the calls that the partner API has got from the runs.
    check: Callable[[Stage, int], Awaitable[str]] = find_nothing
    is_quick: bool = False  # a part of the test suite


def armed(make_faults: Callable[[str, int], Sequence[Fault]], name: str) -> Around:
    """Faults of the emulator's port, armed for as long as the runs last; they get the scenario's name and the seed."""

    @contextlib.asynccontextmanager
    async def around(stage: Stage, seed: int) -> AsyncIterator[None]:
        stage.faults.arm(*make_faults(name, seed))
        try:
            yield
        finally:
            stage.faults.disarm()

    return around


@contextlib.asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`work` beside the block; the block ends when both have."""
    task = asyncio.create_task(work)
    try:
        yield
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    await task
