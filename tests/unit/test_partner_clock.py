"""The partner's clock: slowed once for a burst, stopped as long as was asked for, and well again after a while."""

from itertools import pairwise

import pytest
from express_batch.partner_clock import LEAST_SHARE, MICROSECONDS, WHOLE, PartnerClock
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

NOW = 1_795_000_000 * MICROSECONDS
SECOND = MICROSECONDS


def throttle(clock: PartnerClock, began: int, now: int, retry_after: int = 0) -> PartnerClock:
    """The clock after a 429 that changes it."""
    slower = clock.after_throttling(began, now, retry_after)
    assert slower is not None
    return slower


def test_clock_is_the_wall_clock_when_nothing_has_happened() -> None:
    clock = PartnerClock.from_item({})

    assert (clock.read(NOW), clock.when(NOW)) == (NOW, NOW)


def test_clock_runs_at_seven_tenths_after_a_429() -> None:
    clock = throttle(PartnerClock(), NOW, NOW)

    assert clock.read(NOW) == NOW
    assert clock.read(NOW + 10 * SECOND) == NOW + 7 * SECOND
    assert clock.when(NOW + 7 * SECOND) == NOW + 10 * SECOND


def test_clock_stands_still_for_as_long_as_the_partner_asks() -> None:
    clock = throttle(PartnerClock(), NOW, NOW, 4 * SECOND)

    assert clock.read(NOW + 4 * SECOND) == clock.read(NOW) == NOW
    assert clock.when(NOW + 7) == NOW + 4 * SECOND + 10
    assert clock.when(NOW - 1) < NOW


def test_pause_is_bounded_whatever_the_partner_asks() -> None:
    assert throttle(PartnerClock(), NOW, NOW, 3600 * SECOND).when(NOW) == NOW + 60 * SECOND


def test_burst_of_429s_slows_down_once() -> None:
    clock = throttle(PartnerClock(), NOW, NOW)

    # Calls that began before everybody had heard of it.
    assert clock.after_throttling(NOW - SECOND, NOW + SECOND, 0) is None
    assert clock.after_throttling(NOW + SECOND // 2, NOW + 2 * SECOND, 0) is None
    # One that began after.
    assert throttle(clock, NOW + 2 * SECOND, NOW + 2 * SECOND).share == 490


def test_pause_is_lengthened_and_the_share_not_cut_again_when_one_of_the_burst_asks_for_more() -> None:
    clock = throttle(PartnerClock(), NOW, NOW, 2 * SECOND)

    longer = throttle(clock, NOW, NOW + SECOND, 10 * SECOND)

    assert (longer.share, longer.when(NOW)) == (700, NOW + 11 * SECOND)
    assert longer.after_throttling(NOW, NOW + SECOND, 10 * SECOND) is None


def test_share_is_never_cut_below_the_least() -> None:
    clock = PartnerClock()
    for number in range(30):
        now = NOW + number * 3 * SECOND
        clock = throttle(clock, now, now)

    assert clock.share == LEAST_SHARE


def test_share_recovers_by_a_tenth_for_each_five_seconds() -> None:
    clock = throttle(PartnerClock(), NOW, NOW)

    assert clock.after_quiet(NOW + 4 * SECOND) is None
    one = clock.after_quiet(NOW + 5 * SECOND)
    all_at_once = clock.after_quiet(NOW + 60 * SECOND)

    assert one is not None and (one.share, one.share_before) == (800, 700)  # noqa: PT018
    assert all_at_once is not None and all_at_once.share == WHOLE  # noqa: PT018
    assert PartnerClock().after_quiet(NOW) is None


def test_recovery_begins_when_all_have_heard_of_it_and_moves_no_slot_before() -> None:
    clock = throttle(PartnerClock(), NOW, NOW)

    faster = clock.after_quiet(NOW + 6 * SECOND)

    assert faster is not None
    for now in range(NOW + 6 * SECOND, NOW + 7 * SECOND, SECOND // 10):
        assert faster.read(now) == clock.read(now)
        assert abs(faster.when(clock.read(now)) - now) <= 2
    assert faster.read(NOW + 10 * SECOND) > clock.read(NOW + 10 * SECOND)


def test_item_keeps_the_clock() -> None:
    clock = throttle(PartnerClock(), NOW, NOW, 3 * SECOND)

    assert PartnerClock.from_item({**clock.to_item(), "lane0": 7}) == clock


EVENTS = st.lists(st.tuples(st.sampled_from(["429", "look"]), st.integers(0, 8 * SECOND), st.integers(0, 90 * SECOND)))


@BOUNDED
@given(EVENTS)
def test_clock_never_jumps_and_never_runs_faster_than_the_wall_clock(events: list[tuple[str, int, int]]) -> None:
    clock, now = PartnerClock(), NOW
    for kind, later, retry_after in events:
        now += later
        before = clock
        clock = (clock.after_throttling(now, now, retry_after) if kind == "429" else clock.after_quiet(now)) or clock
        assert abs(clock.read(now) - before.read(now)) <= 2
        times = [clock.read(now + step * SECOND // 4) for step in range(40)]
        assert all(0 <= after - earlier <= SECOND // 4 + 1 for earlier, after in pairwise(times))


@pytest.mark.parametrize("share", [LEAST_SHARE, 490, 700, WHOLE])
def test_moment_of_a_slot_is_when_the_clock_shows_it(share: int) -> None:
    clock = PartnerClock(at=NOW, value=NOW - 5 * SECOND, share=share)

    for value in range(clock.value, clock.value + 3 * SECOND, 77_777):
        assert clock.read(clock.when(value)) >= value
        assert clock.read(clock.when(value) - 1) <= value
