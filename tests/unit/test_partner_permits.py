"""Permits for calls in flight: never more than there are, whoever dies while it holds some."""

import pytest
from express_batch.errors import LimitUnavailableError
from express_batch.partner_permits import PartnerPermits, SlicePermits, Steps
from express_batch.ports import Item
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.limit_table import MemoryTable

KEY = "loyalty#in-flight"
ALL = Steps(1000, 1)


class ForgetfulTable(MemoryTable):
    """Changes the item and, `once`, loses the answer, so that the adapter asks again."""

    once = False

    def add(self, key: str, total: str, name: str, by: int, *, seen: int | None, most: int) -> tuple[bool, Item]:
        if self.once:
            self.once = False
            super().add(key, total, name, by, seen=seen, most=most)
        return super().add(key, total, name, by, seen=seen, most=most)


class World:
    """Environments that share a table and a clock."""

    def __init__(self, calls_in_flight: int) -> None:
        self.table = ForgetfulTable()
        self.now = 1_795_000_000.0
        self.calls_in_flight = calls_in_flight

    def open(self, holder: str, seconds: float = 60.0) -> SlicePermits:
        """A slice in an environment of its own."""
        permits = PartnerPermits(self.table, "loyalty", self.calls_in_flight, now=lambda: self.now)
        return permits.open(holder, self.now + seconds)

    @property
    def held(self) -> int | str:
        return self.table.items[KEY]["held"]


def test_slices_take_what_there_is_by_one_write_each() -> None:
    world = World(800)

    assert [world.open(f"slice-{number}").take(250, Steps(250, 2)) for number in range(3)] == [250, 250, 250]
    assert (world.table.reads, world.table.writes) == (0, 3)


def test_slice_takes_half_of_what_is_left_and_none_when_that_is_too_little_to_call_in_time() -> None:
    world = World(800)
    world.open("many").take(700, ALL)

    assert [world.open(f"slice-{number}").take(250, Steps(250, 2)) for number in range(6)] == [50, 25, 12, 10, 0, 0]


def test_nobody_calls_when_nothing_is_free() -> None:
    world = World(2)

    assert [world.open(holder).take(1, ALL) for holder in "abc"] == [1, 1, 0]


def test_steps_are_small_when_little_is_free_and_large_otherwise() -> None:
    steps = Steps(most=60, sharers=8)

    assert [steps.size(free) for free in (0, 100, 400, 800)] == [10, 12, 50, 60]


def test_permits_are_free_for_others_as_soon_as_they_are_given_back() -> None:
    world = World(100)
    one, other = world.open("a"), world.open("b")
    one.take(100, ALL)
    assert (other.take(30, ALL), other.can_take()) == (0, False)

    one.give_back(40)

    assert other.can_take()
    assert (other.take(30, ALL), one.count, world.held) == (30, 60, 90)


def test_nothing_is_left_of_a_slice_that_has_ended_and_it_takes_no_more() -> None:
    world = World(100)
    one = world.open("a")
    one.take(100, ALL)

    one.close()

    assert world.table.items[KEY] == {"held": 0}
    assert one.take(5, ALL) == 0


def test_slice_that_never_asked_writes_nothing_at_its_end() -> None:
    world = World(100)

    world.open("a").close()

    assert world.table.writes == 0


def test_permits_of_an_environment_that_died_are_free_when_its_time_is_over() -> None:
    world = World(1)
    world.open("a", seconds=60).take(1, ALL)
    world.now += 59
    assert world.open("b").take(1, ALL) == 0

    world.now += 3
    assert world.open("c").take(1, ALL) == 1
    assert not any(name.startswith("held a") for name in world.table.items[KEY])


@pytest.mark.parametrize("count", [10, -10])
def test_change_whose_answer_was_lost_is_made_once(count: int) -> None:
    world = World(100)
    one = world.open("a")
    one.take(30, ALL)
    world.table.once = True

    if count > 0:
        assert one.take(count, ALL) == count
    else:
        one.give_back(-count)

    assert one.count == world.held == 30 + count


def test_slice_counts_anew_when_somebody_has_deleted_the_item() -> None:
    world = World(100)
    one = world.open("a")
    one.take(30, ALL)
    del world.table.items[KEY]

    one.take(5, ALL)

    assert one.count == world.held == 5


def test_item_that_is_none_of_ours_lets_nobody_call() -> None:
    world = World(10)
    world.table.items[KEY] = {"held": 10, "held a 1": "many", "held b 17950000600": 3}
    assert world.open("c").take(1, ALL) == 0

    world.table.add = lambda *_, **__: (False, {"held": "many"})  # type: ignore[method-assign]
    with pytest.raises(LimitUnavailableError, match="held"):
        world.open("d").take(1, ALL)


STEP = st.tuples(
    st.sampled_from(["take", "take and lose the answer", "give back", "end", "die", "wait"]),
    st.integers(0, 5),
    st.integers(1, 300),
    st.integers(1, 8),
)


@BOUNDED
@given(st.integers(1, 300), st.lists(STEP, max_size=60))
def test_never_more_are_held_than_there_are_in_any_interleaving(
    most: int, steps: list[tuple[str, int, int, int]]
) -> None:
    world = World(most)
    alive: dict[int, tuple[SlicePermits, float]] = {}
    for invocation, (kind, number, amount, sharers) in enumerate(steps):
        if number not in alive:
            alive[number] = world.open(f"request-{invocation}"), world.now + 60
        slice_ = alive[number][0]
        world.table.once = kind == "take and lose the answer"
        if kind.startswith("take"):
            before = slice_.count
            assert slice_.take(amount, Steps(amount, sharers)) == slice_.count - before
        elif kind == "give back":
            slice_.give_back(amount)
        elif kind == "end":
            slice_.close()
            del alive[number]
        elif kind == "die":
            del alive[number]
        else:
            world.now += amount
        # An invocation whose time is over calls nobody any more.
        alive = {number: (one, until) for number, (one, until) in alive.items() if until > world.now}
        assert sum(one.count for one, _ in alive.values()) <= most
        item = world.table.items.get(KEY, {"held": 0})
        assert item["held"] == sum(int(value) for name, value in item.items() if name != "held") <= most
