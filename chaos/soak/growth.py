"""Whether a measure grows: the middle third of the runs against the last third, by median and by slope.

The first third is left out: pools, caches and whatever is kept for a day or by number fill up in it.
"""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_SAMPLES = 3  # in each window


@dataclass(frozen=True)
class Kind:
    """A kind of measure, and the rise from window to window that is none: the larger of the two."""

    unit: str
    least: float  # in the unit
    share: float  # of the median of the middle window
    why: str
    limit: float | None = None  # where no sample at all may be above it


@dataclass(frozen=True)
class Measure:
    """A series of samples: (run, value)."""

    name: str
    kind: Kind
    samples: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Growth:
    """The verdict on a measure. `grows` is None where there are too few samples to say."""

    measure: Measure
    middle: float
    last: float
    slope: float  # by 100 runs
    allowed: float  # from window to window
    grows: bool | None


def judge(measure: Measure, runs: int) -> Growth:
    """Grows when the medians of the windows are further apart than allowed, and the trend through both says so too.

    Both: a measure that goes up and down with the days of a retention may move its median, and a single step its
    slope; a leak moves the two.
    """
    samples = measure.samples
    middle = [value for run, value in samples if runs / 3 < run <= 2 * runs / 3]
    last = [value for run, value in samples if run > 2 * runs / 3]
    kind = measure.kind
    if kind.limit is not None:
        most = max((value for _, value in samples), default=0.0)
        end = last[-1] if last else most
        return Growth(measure, statistics.median(middle or [end]), end, 0.0, kind.limit, most > kind.limit)
    if min(len(middle), len(last)) < LEAST_SAMPLES:
        value = samples[-1][1] if samples else 0.0
        return Growth(measure, samples[0][1] if samples else 0.0, value, 0.0, kind.least, None)
    before, after = statistics.median(middle), statistics.median(last)
    allowed = max(kind.least, kind.share * before)
    slope = find_slope([sample for sample in samples if sample[0] > runs / 3])
    windows_apart = runs / 3
    return Growth(measure, before, after, slope * 100, allowed, min(after - before, slope * windows_apart) > allowed)


def find_slope(samples: Sequence[tuple[int, float]]) -> float:
    """The median of the slopes of all pairs (Theil and Sen); outliers, as of a server just started, move it little."""
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in itertools.combinations(samples, 2)
        if later[0] != earlier[0]
    ]
    return statistics.median(slopes) if slopes else 0.0
