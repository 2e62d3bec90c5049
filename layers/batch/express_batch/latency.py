"""Durations as a histogram with a fixed base: those of all slices of a run add up, and a percentile is exact to 19%."""

import math
from collections.abc import Sequence

BUCKETS_A_DOUBLING = 4


class LatencyHistogram:
    """Counts durations in buckets `floor(4 log2(milliseconds))`, at least 0."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.total = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        milliseconds = 1000.0 * seconds
        bucket = int(BUCKETS_A_DOUBLING * math.log2(milliseconds)) if milliseconds > 1.0 else 0
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total += 1

    def by_bucket(self) -> dict[str, int]:
        """The counts with JSON's keys, rising."""
        return {str(bucket): self.counts[bucket] for bucket in sorted(self.counts)}

    def spread(self, most: int) -> list[float]:
        """At most `most` milliseconds that are distributed as the durations are, rising."""
        values = min(self.total, most)
        return self._at([(number + 0.5) / values for number in range(values)])

    def summary(self) -> dict[str, float]:
        """{"count", "p50", "p95", "p99"}, in milliseconds; the count alone where there is nothing else."""
        if not self.total:
            return {"count": 0}
        p50, p95, p99 = self._at([0.5, 0.95, 0.99])
        return {"count": self.total, "p50": p50, "p95": p95, "p99": p99}

    def _at(self, shares: Sequence[float]) -> list[float]:
        """The middle of the bucket below whose end each of the rising shares lies."""
        found: list[float] = []
        passed = 0
        for bucket, count in sorted(self.counts.items()):
            passed += count
            middle = float(f"{2.0 ** ((bucket + 0.5) / BUCKETS_A_DOUBLING):.3g}")
            while len(found) < len(shares) and shares[len(found)] * self.total <= passed:
                found.append(middle)
        return found
