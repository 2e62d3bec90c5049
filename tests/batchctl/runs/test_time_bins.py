"""What charts are made of adds up to what the run did."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchctl.runs.html.page import cover_run
from batchctl.runs.html.time_bins import MAX_BINS, Interval, count_in_flight, highest, make_bins, pack_lanes, spread
from batchctl.runs.html.time_charts import count_synced, count_written
from tests.batchctl.runs.run_data_samples import SAMPLES

INTERVALS = st.lists(
    st.tuples(st.floats(0, 300), st.floats(0, 60)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1])), max_size=30
)


@pytest.mark.parametrize("name", ["good", "partial", "incomplete", "large"])
def test_bins_add_up_to_the_users(name: str) -> None:
    data = SAMPLES[name]()
    bins = cover_run(data)

    assert sum(count_synced(bins, data.slices)) == pytest.approx(data.head.users_listed - data.head.users_failed)
    assert sum(count_written(bins, data.writes)) == pytest.approx(data.head.rows_written)


@given(INTERVALS)
def test_spread_keeps_the_sum_whatever_the_intervals(intervals: list[Interval]) -> None:
    bins = make_bins(0, 200)  # some lie behind the last bin

    assert sum(spread(bins, ((interval, 7) for interval in intervals))) == pytest.approx(7 * len(intervals))


@given(INTERVALS)
def test_in_flight_peaks_where_most_intervals_meet(intervals: list[Interval]) -> None:
    bins = make_bins(0, 400)
    real = [interval for interval in intervals if interval[1] > interval[0]]
    most = max((sum(start <= at < end for start, end in real) for at, _ in real), default=0)

    assert max(count_in_flight(bins, intervals)) == most


def test_in_flight_counts_an_interval_in_each_bin_that_it_touches() -> None:
    bins = make_bins(0, 10, max_bins=10)

    assert count_in_flight(bins, [(1.5, 3.5), (2.5, 2.7)]) == [0, 1, 2, 1, 0, 0, 0, 0, 0, 0]


@given(INTERVALS)
def test_lanes_hold_no_two_intervals_at_once(intervals: list[Interval]) -> None:
    ordered = sorted(interval for interval in intervals if interval[1] > interval[0])
    lanes = pack_lanes(ordered)

    for lane in set(lanes):
        inside = [interval for interval, number in zip(ordered, lanes, strict=True) if number == lane]
        assert all(before[1] <= after[0] for before, after in pairwise(inside))


@given(st.floats(0.001, 100_000))
def test_bins_cover_the_run_and_are_few(seconds: float) -> None:
    bins = make_bins(1_795_341_872.0, 1_795_341_872.0 + seconds)

    assert bins.count <= MAX_BINS + 1
    assert bins.width * bins.count >= seconds * 0.999


def test_highest_is_none_where_nothing_happened() -> None:
    assert highest(make_bins(0, 3, max_bins=3), [(0.5, 1.0), (0.6, 4.0), (2.5, 2.0)]) == [4.0, None, 2.0]
