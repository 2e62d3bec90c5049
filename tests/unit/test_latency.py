"""The histogram of latencies."""

import pytest
from express_batch.latency import LatencyHistogram
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

DURATIONS = st.lists(st.floats(0.0, 300.0), min_size=1, max_size=300)


def fill(durations: list[float]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for duration in durations:
        histogram.add(duration)
    return histogram


@pytest.mark.parametrize(
    ("milliseconds", "bucket"),
    [(0.0, 0), (0.5, 0), (1.0, 0), (1.18, 0), (1.2, 1), (2.0, 4), (8.0, 12), (9.4, 12), (9.6, 13), (1024.0, 40)],
)
def test_bucket_is_four_times_the_logarithm(milliseconds: float, bucket: int) -> None:
    assert fill([milliseconds / 1000]).by_bucket() == {str(bucket): 1}


@BOUNDED
@given(DURATIONS)
def test_percentile_is_within_half_a_bucket_of_the_real_one(durations: list[float]) -> None:
    summary = fill(durations).summary()

    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        real = max(1.0, 1000 * sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)])
        assert real / 1.2 < summary[name] < real * 1.2


@BOUNDED
@given(DURATIONS, st.integers(1, 100))
def test_spread_has_the_distribution_of_the_durations(durations: list[float], most: int) -> None:
    histogram = fill(durations)

    values = histogram.spread(most)

    assert len(values) == min(most, len(durations))
    assert values == sorted(values)
    again = fill([value / 1000 for value in values])
    for bucket, count in histogram.counts.items():
        assert abs(again.counts.get(bucket, 0) / len(values) - count / len(durations)) <= 1.01 / len(values)


def test_summary_is_the_count_alone_when_there_is_nothing() -> None:
    assert LatencyHistogram().summary() == {"count": 0}
    assert LatencyHistogram().spread(100) == []
