"""Percentiles out of the histogram of quarter powers of two that a slice's log line carries."""

from collections import Counter
from collections.abc import Iterable, Mapping

from batchctl.runs.run_data import SliceActivity


def add_histograms(slices: Iterable[SliceActivity]) -> dict[int, int]:
    """One histogram of all slices."""
    total: Counter[int] = Counter()
    for each in slices:
        total.update(each.latency)
    return dict(sorted(total.items()))


def percentile_ms(histogram: Mapping[int, int], share: float) -> float | None:
    """The latency that `share` of the calls do not pass, in ms: its bucket's middle. None without calls."""
    total = sum(histogram.values())
    if total == 0:
        return None
    left = share * total
    for bucket in sorted(histogram):
        left -= histogram[bucket]
        if left <= 1e-9:
            return float(2.0 ** ((bucket + 0.5) / 4))
    return float(2.0 ** ((max(histogram) + 0.5) / 4))
