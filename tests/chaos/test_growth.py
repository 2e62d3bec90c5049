"""The verdict of `make soak` on made-up series: what grows is red, what goes up and down is not."""

import random
from collections.abc import Callable, Sequence

import pytest

from chaos.soak.growth import Kind, Measure, find_slope, judge
from chaos.soak.measuring import BEYOND, FUNCTION_MEMORY, HANDLES, KEPT, MEMORY, SERVER_MEMORY

RUNS, EVERY = 200, 4


def series(value: Callable[[int], float], runs: int = RUNS) -> list[tuple[int, float]]:
    return [(run, value(run)) for run in range(EVERY, runs + 1, EVERY)]


def grows(kind: Kind, samples: Sequence[tuple[int, float]], runs: int = RUNS) -> bool | None:
    return judge(Measure("x", kind, samples), runs).grows


def saw(run: int) -> float:
    """Objects of 24 to 48 runs, 8 each: those of a day go at midnight."""
    return 8 * (min(run, 24 + run % 24))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (MEMORY, lambda run: 200.0),
        (MEMORY, lambda run: 200 + 60 * min(run, 60) / 60),  # pools fill up, and then it stays
        (SERVER_MEMORY, lambda run: 200 - (150 if run % 28 == 0 else 0)),  # a server that is restarted now and then
        (SERVER_MEMORY, lambda run: 200 + random.Random(run).uniform(-8, 8)),
        (MEMORY, lambda run: 300 - run / 2),
        (HANDLES, lambda run: 30 + run % 5),
        (HANDLES, lambda run: 30 + (run > 190) * 20),  # a single blow at the end
        (KEPT, saw),
        (KEPT, lambda run: 0),
        (BEYOND, lambda run: 0),
    ],
)
def test_steady_measure_does_not_grow(kind: Kind, value: Callable[[int], float]) -> None:
    assert grows(kind, series(value)) is False


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (MEMORY, lambda run: 120 + run * 0.03),
        (FUNCTION_MEMORY, lambda run: 40 + run * 0.05),
        (SERVER_MEMORY, lambda run: 200 + run * 0.3 + random.Random(run).uniform(-8, 8)),
        (SERVER_MEMORY, lambda run: 200 + run * 0.4 - (150 if run % 28 == 0 else 0)),
        (HANDLES, lambda run: 30 + run // 10),  # a descriptor in ten runs
        (HANDLES, lambda run: run // 12),
        (KEPT, lambda run: 8 * run),  # no retention
        (KEPT, lambda run: saw(run) + run * 2),  # a retention that forgets a part
        (BEYOND, lambda run: run == 120),  # once is enough
    ],
)
def test_growing_measure_grows(kind: Kind, value: Callable[[int], float]) -> None:
    assert grows(kind, series(value)) is True


def test_no_verdict_is_given_on_too_few_samples() -> None:
    assert grows(MEMORY, series(lambda run: 200 + 50 * run, 20), 20) is None
    assert grows(MEMORY, []) is None


def test_limit_is_judged_however_few_samples_there_are() -> None:
    assert grows(BEYOND, [(4, 0.0)], 4) is False
    assert grows(BEYOND, [(4, 1.0)], 4) is True


def test_growth_tells_medians_of_the_windows_and_the_slope_of_100_runs() -> None:
    growth = judge(Measure("x", MEMORY, series(lambda run: 100 + run)), RUNS)

    assert (growth.middle, growth.last, round(growth.slope), growth.allowed) == (200.0, 268.0, 100, 1.5)


def test_slope_is_little_moved_when_a_sample_lies_far_off() -> None:
    samples = [(run, 3.0 * run + (10_000 if run == 40 else 0)) for run in range(0, 100, 4)]

    assert find_slope(samples) == pytest.approx(3.0)
    assert find_slope([(1, 5.0)]) == 0.0
