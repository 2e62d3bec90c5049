"""What the partner's count of a run must be."""

from typing import Any

import pytest

from bench.rate import Counted


def _stats(**changes: Any) -> dict[str, Any]:
    return {
        "calls": 1400,
        "calls_by_second": {"10": 420, "11": 500, "12": 480},
        "calls_in_any_second_max_after_first": 510,
        "first_call_at": 10.1,
        "last_call_at": 13.0,
        "in_flight_max": 60,
        **changes,
    }


def test_count_is_right_when_it_keeps_the_rate_and_reaches_it() -> None:
    counted = Counted.from_stats(500, _stats())

    assert counted.find_problems() == []
    assert (counted.excess, round(counted.sliding_excess, 3), round(counted.share, 3)) == (0, 0.02, 0.966)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"calls_by_second": {"10": 400, "11": 526}}, "the busiest full second exceeds the rate by 5.2%"),
        (
            {"calls_in_any_second_max_after_first": 526},
            "the busiest second that begins anywhere exceeds the rate by 5.2%",
        ),
        ({"last_call_at": 13.3}, "the run reaches 87.5% of the rate"),
    ],
)
def test_count_names_the_problem_when_it_breaks_the_rate_or_misses_it(changes: dict[str, Any], problem: str) -> None:
    (found,) = Counted.from_stats(500, _stats(**changes)).find_problems()

    assert found.startswith(problem)


def test_count_allows_a_burst_when_it_is_in_the_first_second() -> None:
    assert Counted.from_stats(500, _stats(calls_by_second={"10": 900, "11": 500})).find_problems() == []
