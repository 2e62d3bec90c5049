"""Hours that pass between two runs, while the machine's clock goes on by seconds."""

from datetime import UTC, datetime, timedelta

import pytest

from chaos.soak.stepped_calendar import SteppedCalendar

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """The machine's clock."""

    def __init__(self) -> None:
        self.now = 5_000.0

    def __call__(self) -> float:
        return self.now


def at(hours: float) -> float:
    return START.timestamp() + hours * 3600


def test_calendar_jumps_with_each_run_and_goes_on_with_the_clock() -> None:
    clock = Clock()
    calendar = SteppedCalendar(START, clock)
    clock.now += 7
    assert calendar.now() == at(0) + 7

    calendar.step_to(START + timedelta(hours=1))
    clock.now += 3

    assert calendar.now() == at(1) + 3


def test_past_moments_are_told_by_the_machines_clock() -> None:
    clock = Clock()
    calendar = SteppedCalendar(START, clock)
    for hour in (1, 2):
        clock.now += 10
        calendar.step_to(START + timedelta(hours=hour))
    clock.now += 4

    assert calendar.to_real(at(1) + 2) == 5_012
    assert calendar.to_real(at(2)) == 5_020
    assert calendar.to_real(at(1.5)) == 5_020  # nobody did anything then
    assert calendar.to_real(calendar.now()) == clock.now
    assert calendar.to_real(at(-1)) < 5_000


def test_calendar_does_not_go_back() -> None:
    calendar = SteppedCalendar(START, Clock())
    with pytest.raises(ValueError, match="is past 2025-12-31"):
        calendar.step_to(START - timedelta(hours=1))
