"""A run's time cut into equal bins, and what happened in each: charts stay small however long the run was."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

MAX_BINS = 160

Interval = tuple[float, float]  # from, until


@dataclass(frozen=True)
class TimeBins:
    """`count` bins of `width` seconds from `start` on."""

    start: float
    width: float
    count: int

    @property
    def edges(self) -> list[float]:
        """Where each bin begins, in seconds of the run."""
        return [round(number * self.width, 6) for number in range(self.count)]

    def number(self, at: float) -> int:
        """The bin that holds the moment; the first or last for one outside."""
        return min(max(floor((at - self.start) / self.width), 0), self.count - 1)


def make_bins(start: float, end: float, max_bins: int = MAX_BINS) -> TimeBins:
    """Bins of 1, 2 or 5 times a power of ten seconds that cover start to end."""
    least = max(end - start, 0.001) / max_bins
    power = 10.0 ** floor(log10(least))
    width = next(step * power for step in (1, 2, 5, 10) if step * power >= least)
    return TimeBins(start, width, max(1, ceil((end - start) / width)))


def spread(bins: TimeBins, amounts: Iterable[tuple[Interval, float]]) -> list[float]:
    """Each amount laid evenly over its interval: the bins add up to the amounts."""
    sums = [0.0] * bins.count
    for (start, end), amount in amounts:
        first, last = bins.number(start), bins.number(end)
        if first == last:
            sums[first] += amount
            continue
        cut = [start, *(bins.start + number * bins.width for number in range(first + 1, last + 1)), end]
        for number, left, right in zip(range(first, last + 1), cut, cut[1:], strict=False):
            sums[number] += amount * (right - left) / (end - start)
    return sums


def count_in_flight(bins: TimeBins, intervals: Iterable[Interval]) -> list[int]:
    """The most intervals that ran side by side in each bin."""
    steps = sorted(
        step for start, end in intervals if end > start for step in ((start, 1), (end, -1))
    )  # one that ends when another begins goes first
    peaks = [0] * bins.count
    running = 0
    reached = 0
    for at, change in steps:
        number = bins.number(at)
        for passed in range(reached, number + 1):
            peaks[passed] = max(peaks[passed], running)
        reached = number
        running += change
        peaks[number] = max(peaks[number], running)
    return peaks


def highest(bins: TimeBins, values: Iterable[tuple[float, float]]) -> list[float | None]:
    """The highest of the (moment, value) pairs in each bin; None where there is none."""
    highs: list[float | None] = [None] * bins.count
    for at, value in values:
        number = bins.number(at)
        known = highs[number]
        highs[number] = value if known is None else max(known, value)
    return highs


def pack_lanes(intervals: Sequence[Interval]) -> list[int]:
    """A lane for each interval, given in the order of their starts, so that none overlaps another in its lane."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []  # until when, which lane
    lanes = []
    for start, end in intervals:
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (end, lane))
        lanes.append(lane)
    return lanes
