"""Calls a second, by full seconds and by windows that begin anywhere."""

import pytest

from emulator.partner_api.call_rate import CallRate, SlidingSecond


@pytest.mark.parametrize(
    ("times", "busiest", "after_first"),
    [
        ([], 0, 0),
        ([5.0], 1, 0),
        # Five calls in a second that no full second holds.
        ([0.0, 1.8, 1.9, 2.0, 2.1, 2.2], 5, 5),
        # A burst at the start is the first second's alone.
        ([0.0, 0.0, 0.1, 0.2, 0.9, 1.1, 3.0], 5, 1),
        # A window is open at its beginning: calls a second apart do not meet.
        ([0.0, 1.0, 2.0, 3.0], 1, 1),
        ([7.0, 7.5, 8.2, 8.4, 8.99, 9.1], 4, 4),
    ],
)
def test_sliding_second_finds_the_busiest_window_wherever_it_begins(
    times: list[float], busiest: int, after_first: int
) -> None:
    sliding = SlidingSecond()
    for time in times:
        sliding.add(time)

    assert (sliding.busiest, sliding.busiest_after_first) == (busiest, after_first)


def test_call_rate_counts_a_silent_second_and_leaves_the_ends_out() -> None:
    rate = CallRate.from_stats({"101": 500, "100": 7, "103": 490, "104": 3})

    assert rate.by_second == (7, 500, 0, 490, 3)
    assert (rate.busiest, rate.quietest, rate.mean) == (500, 0, 330)


@pytest.mark.parametrize("stats", [{}, {"100": 7}, {"100": 7, "101": 5}])
def test_call_rate_has_no_quietest_second_when_none_is_whole(stats: dict[str, int]) -> None:
    rate = CallRate.from_stats(stats)

    assert (rate.busiest, rate.quietest, rate.mean) == (max(stats.values(), default=0), None, None)
