"""Leases of slots: whoever takes them, in whatever order, no second holds more of them than the rate."""

from bisect import bisect_left
from typing import Any

import pytest
from express_batch.call_lanes import REPEATS, Lanes, Lease
from express_batch.errors import InvalidEventError, LimitUnavailableError
from express_batch.partner_clock import MICROSECONDS
from express_batch.partner_limit import LimitOptions, PartnerLimit
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.limit_table import MemoryTable

NOW = 1_795_000_000 * MICROSECONDS
SECOND = MICROSECONDS
HOUR = 3600 * SECOND


class World:
    """Environments that share a table and a wall clock."""

    def __init__(self, calls_per_second: int, environments: int = 1) -> None:
        self.table = MemoryTable()
        self.now = NOW
        self.limits = [
            PartnerLimit(self.table, "loyalty", calls_per_second, lambda: self.now) for _ in range(environments)
        ]


def most_in_a_second(leases: list[Lease]) -> int:
    """The most slots in any window of one second."""
    slots = sorted(slot for lease in leases for slot in lease.slots())
    return max(bisect_left(slots, slot + SECOND) - index for index, slot in enumerate(slots))


TAKEN = st.lists(
    st.tuples(
        st.integers(0, 4),  # the environment
        st.integers(0, 40),  # the lane, as a slice's own number gives it, or more slots for repeats
        st.integers(1, 300),  # users
        st.integers(0, 3 * SECOND),  # time that goes by before
    ),
    min_size=1,
    max_size=30,
)


@BOUNDED
@given(st.integers(1, 2000), TAKEN)
def test_no_second_holds_more_slots_than_the_rate_in_any_interleaving(
    rate: int, taken: list[tuple[int, int, int, int]]
) -> None:
    world = World(rate, environments=5)
    leases: list[Lease] = []
    for environment, number, users, later in taken:
        world.now += later
        limit = world.limits[environment]
        lane = limit.lanes.of_slice(number, 0, users)
        until = world.now + 10**6 * HOUR
        lease = limit.take_more(users, until=until) if number > 35 else limit.take_slots(users, lane, until=until)
        assert lease is not None
        assert lease.start >= world.now
        leases.append(lease)

    assert most_in_a_second(leases) <= rate


@pytest.mark.parametrize("rate", [1, 2, 7, 50, 99, 100, 125, 126, 250, 500, 501, 999, 4000, 10_000])
def test_full_lanes_hold_at_least_nine_tenths_of_the_rate_and_never_more(rate: int) -> None:
    lanes = Lanes.of_rate(rate)
    full = [Lease(name, NOW, gap, 20 * rate) for name, gap in lanes.gaps.items()]

    assert most_in_a_second(full) <= rate
    assert sum(SECOND / gap for name, gap in lanes.gaps.items() if name != REPEATS) >= 0.9 * rate


def test_slices_of_a_run_take_all_lanes_in_turn() -> None:
    lanes = Lanes.of_rate(500)

    taken = [lanes.of_slice(chunk, start, 250) for chunk in range(6) for start in range(0, 1000, 250)]

    assert {taken.count(lane) for lane in taken} == {6}
    assert set(taken) == set(lanes.gaps) - {REPEATS}


def take_in_lane_1(world: World, seconds: float) -> str:
    """The lane that a slice of lane 1 gets, so much later."""
    world.now += round(seconds * SECOND)
    lease = world.limits[0].take_slots(250, "lane1", until=NOW + HOUR)
    assert lease is not None
    return lease.lane


def test_slice_takes_another_lane_when_its_own_has_been_the_last_by_a_slice_for_a_while() -> None:
    world = World(500)
    lanes = [take_in_lane_1(world, 0.5) for _ in range(8)]

    assert lanes[:4] == ["lane1"] * 4
    assert set(lanes[4:]) - {"lane1"}


def test_slice_keeps_its_lane_while_the_slices_of_a_run_arrive_or_when_nobody_has_looked_for_long() -> None:
    arriving, idle = World(500), World(500)

    assert {take_in_lane_1(arriving, 0.1) for _ in range(20)} == {"lane1"}
    assert {take_in_lane_1(idle, 20.0) for _ in range(20)} == {"lane1"}


def test_lease_begins_where_the_one_before_ends_when_the_lane_is_taken() -> None:
    world = World(500, environments=2)

    first = world.limits[0].take_slots(250, "lane1", until=NOW + HOUR)
    second = world.limits[1].take_slots(250, "lane1", until=NOW + HOUR)

    assert first is not None and second is not None  # noqa: PT018
    assert second.start == first.end


def test_lane_that_was_idle_begins_now() -> None:
    world = World(500)
    world.limits[0].take_slots(250, "lane1", until=NOW + HOUR)
    world.now += 100 * SECOND

    lease = world.limits[0].take_slots(250, "lane1", until=NOW + HOUR)

    assert lease is not None
    assert 0 < lease.start - world.now <= SECOND


def test_lease_costs_one_request_when_its_lane_is_busy() -> None:
    world = World(500)
    limit = world.limits[0]
    for number in range(4):
        limit.take_slots(250, f"lane{number}", until=NOW + HOUR)
    world.table.reads = world.table.writes = 0

    for _ in range(10):
        limit.take_slots(250, "lane1", until=NOW + HOUR)

    assert (world.table.reads, world.table.writes) == (0, 10)


def test_nothing_is_taken_when_no_slot_comes_in_time() -> None:
    world = World(1)
    limit = world.limits[0]
    assert limit.take_slots(250, "lane0", until=NOW + 60 * SECOND) is not None
    before = dict(world.table.items["loyalty"])

    assert limit.take_slots(250, "lane0", until=NOW + 60 * SECOND) is None
    assert limit.take_more(1, until=NOW + 60 * SECOND) is None
    assert limit.take_slots(250, "lane0", until=NOW - SECOND) is None
    assert world.table.items["loyalty"] == before


def test_repeats_have_a_lane_of_their_own_when_the_others_are_taken_and_use_a_free_one_otherwise() -> None:
    world = World(500)
    limit = world.limits[0]
    for number in range(4):
        limit.take_slots(250, f"lane{number}", until=NOW + HOUR)
        limit.take_slots(250, f"lane{number}", until=NOW + HOUR)

    lease = limit.take_more(5, until=NOW + HOUR)
    assert lease is not None and lease.lane == REPEATS  # noqa: PT018

    world.now += HOUR // 2
    lease = limit.take_more(50, until=NOW + HOUR)
    assert lease is not None and lease.lane != REPEATS  # noqa: PT018


def test_repeats_take_another_lane_when_others_have_filled_theirs_since_the_last_look() -> None:
    world = World(500, environments=2)
    late, others = world.limits
    for number in range(4):
        others.take_slots(2000, f"lane{number}", until=NOW + HOUR)
    late.look()
    world.table.items["loyalty"][REPEATS] = NOW + HOUR

    lease = late.take_more(5, until=NOW + 60 * SECOND)

    assert lease is not None
    assert lease.lane != REPEATS


def test_next_lease_has_room_for_repeats_when_slices_have_needed_them() -> None:
    limit = World(500).limits[0]
    for _ in range(20):
        limit.learn(100, requests=150, forfeited=0)

    lease = limit.take_slots(100, "lane0", until=NOW + HOUR)

    assert lease is not None
    assert 145 <= lease.calls <= 150


def test_all_environments_slow_down_once_when_each_is_told_of_a_burst() -> None:
    world = World(500, environments=8)
    for limit in world.limits:
        limit.tell_throttled(NOW - SECOND, 0)

    for limit in world.limits:
        limit.look()
    assert {limit.clock.share for limit in world.limits} == {700}
    assert world.limits[0].clock.when(world.limits[0].clock.read(NOW) + 7 * SECOND) == NOW + 10 * SECOND


def test_slowed_environments_recover_together() -> None:
    world = World(500, environments=3)
    world.limits[0].tell_throttled(NOW, 2 * SECOND)
    shares = []
    for _ in range(40):
        world.now += SECOND
        for limit in world.limits:
            limit.look()
        assert len({limit.clock for limit in world.limits}) == 1
        shares.append(world.limits[0].clock.share)

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (700, 1000)
    assert shares.index(1000) >= 15


def test_lease_after_a_slowdown_lies_on_the_slowed_clock_when_its_environment_has_not_heard_of_it() -> None:
    world = World(500, environments=2)
    world.limits[0].tell_throttled(NOW, 0)
    world.now += 100 * SECOND  # nobody has looked, so the share has not recovered

    lease = world.limits[1].take_slots(250, "lane0", until=NOW + HOUR)

    assert lease is not None
    moment = world.limits[1].clock.when(lease.start)
    assert 0 < moment - world.now < 2 * SECOND


def test_environment_takes_the_wall_clock_again_when_an_operator_has_deleted_the_item() -> None:
    world = World(500, environments=2)
    world.limits[0].tell_throttled(NOW, 30 * SECOND)
    del world.table.items["loyalty"]

    lease = world.limits[0].take_slots(250, "lane0", until=NOW + HOUR)

    assert lease is not None
    assert world.limits[0].clock == world.limits[1].clock
    world.limits[0].tell_throttled(NOW + SECOND, 0)
    assert world.table.items["loyalty"]["clock_changes"] == 1


def test_table_that_is_away_lets_nobody_call() -> None:
    world = World(500)
    world.table.is_away = True

    with pytest.raises(LimitUnavailableError):
        world.limits[0].take_slots(250, "lane0", until=NOW + HOUR)


def test_lease_is_the_same_after_its_way_through_the_state_machine() -> None:
    lease = Lease("lane3", NOW, 8591, 250)

    assert Lease.from_event(lease.to_event()) == lease


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {"lane": "lane0", "start": 1, "gap": 0, "calls": 1},
        {"lane": "lane0", "start": 1, "gap": 1, "calls": 10**9},
        {"lane": "lane0", "start": "1", "gap": 1, "calls": 1},
        {"lane": None, "start": 1, "gap": 1, "calls": 1},
    ],
)
def test_lease_is_refused_when_it_is_none(event: Any) -> None:
    with pytest.raises(InvalidEventError):
        Lease.from_event(event)


LIMIT = {"table": "t", "partner": "loyalty", "calls_per_second": 500, "calls_in_flight": 0}


def test_options_are_none_when_the_event_has_no_limit() -> None:
    assert LimitOptions.from_event({}) is LimitOptions.from_event({"limit": None}) is None
    assert LimitOptions.from_event({"limit": LIMIT}) == LimitOptions("t", "loyalty", 500, 0)


@pytest.mark.parametrize(
    "limit",
    [7, [], {}, LIMIT | {"partner": ""}, LIMIT | {"calls_per_second": -1}, LIMIT | {"calls_in_flight": float("nan")}],
)
def test_options_are_refused_when_they_are_not_the_state_machines(limit: Any) -> None:
    with pytest.raises(InvalidEventError):
        LimitOptions.from_event({"limit": limit})
