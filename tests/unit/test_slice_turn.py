"""A slice's turn: it calls now, or is told when to come again, and gives back what it held."""

from typing import Any

import pytest
from express_batch.chunks import Slice
from express_batch.errors import LimitUnavailableError
from express_batch.slice_turn import Limits, Turn, Wait

from tests.fakes.limit_table import MemoryTable
from tests.fakes.observer import RecordingObserver

RUN = "20261122T083000Z"
NOW = 1_795_000_000.0


class World:
    """Environments over one table."""

    def __init__(self, calls_per_second: int = 500, calls_in_flight: int = 0) -> None:
        self.tables = {"limits": MemoryTable()}
        self.now = NOW
        self.limits = Limits(lambda name: self.tables[name], lambda: self.now, self.pause)
        self.limit = {
            "table": "limits",
            "partner": "loyalty",
            "calls_per_second": calls_per_second,
            "calls_in_flight": calls_in_flight,
        }

    def pause(self, seconds: float) -> None:
        self.now += seconds

    @property
    def table(self) -> MemoryTable:
        return self.tables["limits"]

    def take(
        self, number: int, *, lease: dict[str, Any] | None = None, deadline: float | None = NOW + 200
    ) -> Turn | Wait:
        """The turn of a slice of 250 users."""
        limit = self.limits.of_event({"limit": self.limit, "lease": lease})
        assert limit is not None
        return limit.take_turn(
            Slice(RUN, number, 0, 250),
            holder=f"request-{number}",
            calls_in_flight=250,
            seconds_left=60.0,
            waits_until=deadline,
        )


def test_nothing_is_opened_when_nothing_is_limited() -> None:
    limits = Limits(pytest.fail)

    assert limits.of_event({}) is limits.of_event({"limit": None, "lease": None}) is None


def test_first_slice_of_each_lane_calls_now_and_the_next_waits_for_its_slots() -> None:
    world = World()

    turns = [world.take(number) for number in range(12)]

    assert [isinstance(turn, Turn) for turn in turns] == [True] * 4 + [False] * 8
    assert {turn.seconds for turn in turns if isinstance(turn, Wait)} == {2, 4}


def test_slice_that_has_waited_calls_with_the_lease_it_was_given() -> None:
    world = World()
    for number in range(8):
        world.take(number)
    waiting = world.take(8)
    assert isinstance(waiting, Wait)
    world.now += waiting.seconds
    writes = world.table.writes

    turn = world.take(8, lease=waiting.to_output()["lease"])

    assert isinstance(turn, Turn)
    assert turn.lease == waiting.lease
    assert turn.lease is not None
    assert 0.9 < turn.lease.start / 1e6 - world.now < 2.1
    assert world.table.writes == writes


def test_slice_waits_again_when_the_partner_was_slowed_down_meanwhile() -> None:
    world = World()
    for number in range(8):
        world.take(number)
    waiting = world.take(8)
    assert isinstance(waiting, Wait)
    environment = World()
    environment.tables = world.tables
    limit = environment.limits.of_event({"limit": environment.limit})
    assert limit is not None
    assert limit._limit is not None
    limit._limit.tell_throttled(round(NOW * 1e6), 30_000_000)
    world.now += waiting.seconds

    again = world.take(8, lease=waiting.to_output()["lease"])

    assert isinstance(again, Wait)
    assert again.lease == waiting.lease
    assert again.seconds > 25


def test_slice_takes_another_lease_when_its_own_has_gone_by() -> None:
    world = World()
    for number in range(8):
        world.take(number)
    waiting = world.take(8)
    assert isinstance(waiting, Wait)
    assert waiting.lease is not None
    lease = waiting.to_output()["lease"]
    world.now = waiting.lease.start / 1e6 + 1.0
    kept = world.take(8, lease=lease)
    world.now += 0.5

    turn = world.take(8, lease=lease)

    assert isinstance(kept, Turn)
    assert kept.lease == waiting.lease
    assert isinstance(turn, Turn)
    assert turn.lease is not None
    assert turn.lease.start >= waiting.lease.end


def test_slice_is_refused_and_no_slot_is_taken_when_the_run_is_over_before_its_turn() -> None:
    world = World(calls_per_second=1)
    world.take(0)
    before = dict(world.table.items["loyalty"])

    turn = world.take(1)

    assert isinstance(turn, Turn)
    assert turn.lease is None
    assert world.table.items["loyalty"] == before


def test_slice_waits_here_when_nobody_can_call_it_again() -> None:
    world = World()
    for number in range(8):
        world.take(number)

    turn = world.take(8, deadline=None)

    assert isinstance(turn, Turn)
    assert turn.lease is not None


def held_by(turn: Turn) -> int:
    assert turn.permits is not None
    return turn.permits.count


def test_slice_takes_half_of_the_permits_that_are_free_and_gives_them_back() -> None:
    world = World(calls_per_second=0, calls_in_flight=300)
    limit = world.limits.of_event({"limit": world.limit})
    assert limit is not None

    turn = world.take(0)

    assert isinstance(turn, Turn)
    assert (held_by(turn), turn.lease) == (150, None)
    with limit.hold(turn, Slice(RUN, 0, 0, 250), RecordingObserver()):
        assert limit.open_gate(turn, Slice(RUN, 0, 0, 250), 50.0) is not None
        assert world.table.items["loyalty#in-flight"]["held"] == 150
    assert world.table.items["loyalty#in-flight"] == {"held": 0}


def test_slice_takes_its_first_permits_shortly_before_its_first_slot() -> None:
    world = World(calls_in_flight=800)

    turn = world.take(0)

    assert isinstance(turn, Turn)
    assert turn.lease is not None
    assert turn.lease.start / 1e6 - world.now == pytest.approx(0.1, abs=0.01)
    assert held_by(turn) == 59


def test_slice_waits_when_others_hold_all_permits() -> None:
    world = World(calls_per_second=0, calls_in_flight=1)
    world.take(0)

    waiting = world.take(1)

    assert isinstance(waiting, Wait)
    assert 1 <= waiting.seconds <= 3
    with pytest.raises(LimitUnavailableError):
        world.take(2, deadline=None)


def test_slice_with_slots_waits_here_for_a_second_and_then_elsewhere_when_others_hold_all_permits() -> None:
    world = World(calls_in_flight=10)
    world.take(0)
    began = world.now

    waiting = world.take(1)

    assert isinstance(waiting, Wait)
    assert waiting.lease is not None
    assert world.now == pytest.approx(waiting.lease.start / 1e6 + 1.0, abs=0.2)
    assert world.now - began < 2.2


def test_slice_begins_when_others_give_back_while_it_waits() -> None:
    world = World(calls_in_flight=10)
    first = world.take(0)
    assert isinstance(first, Turn)
    assert first.permits is not None
    pause, permits = world.pause, first.permits

    def give_back_meanwhile(seconds: float) -> None:
        pause(seconds)
        permits.close()

    world.limits._pause = give_back_meanwhile

    turn = world.take(1)

    assert isinstance(turn, Turn)
    assert held_by(turn) == 10


def test_permits_of_a_slice_that_cannot_begin_are_given_back() -> None:
    world = World(calls_in_flight=800)
    dead = {"held": 10, "held dead 17": 10}
    world.table.items["loyalty#in-flight"] = dict(dead)
    drop, failures = world.table.drop, [LimitUnavailableError("DynamoDB does not answer")]

    def fail_once(key: str, total: str, name: str, *, seen: int | None = None) -> None:
        if failures:
            raise failures.pop()
        drop(key, total, name, seen=seen)

    world.table.drop = fail_once  # type: ignore[method-assign]

    with pytest.raises(LimitUnavailableError):
        world.take(0)

    assert world.table.items["loyalty#in-flight"] == dead


def test_nobody_calls_when_the_table_is_away() -> None:
    world = World()
    world.table.is_away = True

    with pytest.raises(LimitUnavailableError):
        world.take(0)


def test_permits_that_cannot_be_given_back_fail_nobody() -> None:
    world = World(calls_in_flight=300)
    limit = world.limits.of_event({"limit": world.limit})
    assert limit is not None
    turn = world.take(0)
    assert isinstance(turn, Turn)
    observer = RecordingObserver()

    with limit.hold(turn, Slice(RUN, 0, 0, 250), observer):
        world.table.is_away = True

    assert observer.warnings == [("permits not given back", {"reason": "DynamoDB does not answer"})]


def test_stacks_that_name_one_table_and_one_partner_share_its_rate() -> None:
    one, other = World(), World()
    other.tables = one.tables

    first, second = one.take(0), other.take(0)

    assert isinstance(first, Turn)
    assert isinstance(second, Wait)
    assert first.lease is not None
    assert second.lease is not None
    assert second.lease.start == first.lease.end


@pytest.mark.parametrize("start", [NOW + 199.9, NOW + 201, 9e10])
def test_lease_whose_slots_come_after_the_time_for_calls_is_refused_and_not_waited_for(start: float) -> None:
    world = World(calls_in_flight=800)
    lease = {"lane": "lane0", "start": int(start * 1e6), "gap": 8591, "calls": 250}

    turn = world.take(0, lease=lease, deadline=NOW + 199)

    assert isinstance(turn, Turn)
    assert (turn.is_refused, turn.lease, world.now) == (True, None, NOW)
