"""Permits for calls in flight: never more than there are, whoever dies while it holds some."""

import pytest
from express_batch.errors import LimitUnavailableError
from express_batch.partner_permits import PartnerPermits, Permits
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.limit_table import MemoryTable


class World:
    """Environments that share a table and a clock."""

    def __init__(self, calls_in_flight: int) -> None:
        self.table = MemoryTable()
        self.now = 1_795_000_000.0
        self.permits = PartnerPermits(
            self.table, "loyalty", calls_in_flight, now=lambda: self.now, pause=lambda _: None
        )

    def take(self, holder: str, wanted: int = 250, seconds: float = 60.0) -> int:
        taken = self.permits.take(holder, wanted, until=self.now + seconds)
        return 0 if taken is None else taken.count


def test_slices_share_what_there_is_and_each_leaves_something() -> None:
    world = World(800)

    assert [world.take(f"slice-{number}") for number in range(8)] == [250, 250, 150, 75, 37, 19, 10, 0]


def test_nobody_calls_when_nothing_is_free() -> None:
    world = World(2)

    assert [world.take(holder, 1) for holder in "abc"] == [1, 1, 0]


def test_slice_takes_none_when_it_would_get_too_few_to_call_in_time() -> None:
    world = World(14)

    assert [world.take("a", 12), world.take("b", 12), world.take("c", 4)] == [10, 0, 4]


def test_permits_are_free_again_when_they_were_given_back() -> None:
    world = World(1)
    world.take("a")
    world.permits.give_back(Permits("a", 1))

    assert world.take("b") == 1


def test_permits_of_an_environment_that_died_are_free_when_its_time_is_over() -> None:
    world = World(1)
    world.take("a", seconds=60)
    world.now += 59
    assert world.take("b") == 0

    world.now += 2
    assert world.take("b") == 1
    assert "held a" not in world.table.items["loyalty#in-flight"]


def test_repeat_of_an_invocation_does_not_hold_twice() -> None:
    world = World(10)
    world.take("a", 4)

    assert world.take("a", 10) == 10


def test_table_that_changes_with_every_look_is_unavailable() -> None:
    world = World(10)
    world.table.exchange = lambda *_, **__: False  # type: ignore[method-assign]

    with pytest.raises(LimitUnavailableError, match="changed 20 times"):
        world.take("a")


@BOUNDED
@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.sampled_from(["take", "give back", "die"]), st.integers(0, 9), st.integers(1, 300))),
)
def test_never_more_are_held_than_there_are(most: int, steps: list[tuple[str, int, int]]) -> None:
    world = World(most)
    held: dict[int, tuple[int, float]] = {}
    for kind, number, amount in steps:
        if kind == "take" and number not in held:
            count = world.take(f"holder-{number}", amount)
            if count:
                held[number] = (count, world.now + 60)
        elif kind == "give back" and number in held:
            world.permits.give_back(Permits(f"holder-{number}", held.pop(number)[0]))
        else:
            world.now += amount
        held = {holder: (count, until) for holder, (count, until) in held.items() if until > world.now}
        assert sum(count for count, _ in held.values()) <= most
