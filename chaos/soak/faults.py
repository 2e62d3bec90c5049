"""Which fault each run meets: all of the catalogue in turn, in the order of a seed, and a share of runs without."""

import contextlib
import random
from collections.abc import AsyncIterator, Iterator, Sequence

from chaos.scenario import Scenario
from chaos.scenarios import SCENARIOS
from chaos.stage import Needs, Stage

CALM_SHARE = 0.25
EXCLUDED = {
    "database-disk-full": "takes a server that was started with a small tablespace, and leaves it as full as it was",
    "clocks-a-little-off": "rows from a clock that is ahead have a version ahead of the next run's, here seconds later",
    "clocks-far-off": "the same, by minutes",
}


@contextlib.asynccontextmanager
async def _calm(stage: Stage, _seed: int) -> AsyncIterator[None]:
    yield
    stage.faults.note(CALM.name)  # what was to happen has


CALM = Scenario("no-fault", "nothing", "", _calm)
FAULTS = tuple(scenario for scenario in SCENARIOS if scenario.name not in EXCLUDED)


def draw_faults(seed: int, faults: Sequence[Scenario] = FAULTS, calm_share: float = CALM_SHARE) -> Iterator[Scenario]:
    """A scenario for each run; each comes up before any comes up again."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    left: list[Scenario] = []
    while True:
        if chance.random() < calm_share:
            yield CALM
            continue
        if not left:
            left = chance.sample(list(faults), len(faults))
        yield left.pop()


def check_needs(faults: Sequence[Scenario]) -> None:
    """Return when one stack serves all of them. Raises ValueError that names the others."""
    others = [scenario.name for scenario in faults if scenario.needs != Needs()]
    if others:
        raise ValueError(f"no stack that lives on serves {', '.join(others)}: exclude them with a reason")
