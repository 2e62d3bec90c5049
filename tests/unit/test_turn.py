"""Whose turn it is: one run at a time, however many look at the same moment."""

import json

import pytest
from express_batch.run_layout import TURN_KEY, closed_key
from express_batch.turn import Turn, give_turn_back, take_turn
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.object_store import MemoryStore

FIRST = Turn("20261122T083000Z", "execution-1", 1000.0)
SECOND = Turn("20261122T083001Z", "execution-2", 1001.0)


def take(store: MemoryStore, turn: Turn, now: float | None = None) -> str | None:
    """A run that asks the moment it begins."""
    return take_turn(store, turn, turn.taken_at if now is None else now)


def close(store: MemoryStore, run_id: str, status: str) -> None:
    store.put(closed_key(run_id), json.dumps({"status": status}).encode())


def test_turn_is_the_first_runs_and_the_second_is_told_whose_it_is() -> None:
    store = MemoryStore()

    assert [take(store, FIRST), take(store, SECOND)] == [None, FIRST.run_id]


@pytest.mark.parametrize("status", ["COMPLETE", "PARTIAL", "INCOMPLETE"])
def test_turn_ends_when_its_run_is_closed(status: str) -> None:
    store = MemoryStore()
    take(store, FIRST)
    close(store, FIRST.run_id, status)

    assert take(store, SECOND) is None


def test_account_of_an_earlier_start_that_was_refused_ends_no_turn() -> None:
    store = MemoryStore()
    close(store, FIRST.run_id, "SKIPPED")
    take(store, FIRST)

    assert take(store, SECOND) == FIRST.run_id


@pytest.mark.parametrize(("seconds", "holder"), [(300, FIRST.run_id), (301, None)])
def test_turn_ends_with_the_longest_life_of_an_execution_when_its_run_died(seconds: int, holder: str | None) -> None:
    store = MemoryStore()
    take(store, FIRST)

    assert take(store, Turn("20261122T084000Z", "execution-3", FIRST.taken_at + seconds)) == holder


def test_turn_of_an_execution_that_began_long_ago_keeps_nobody_out() -> None:
    store = MemoryStore()
    take(store, FIRST, now=5000.0)  # ListUsers invoked by hand with an old event

    assert take(store, SECOND, now=5001.0) is None


def test_turn_stays_with_an_execution_that_asks_again() -> None:
    store = MemoryStore()
    take(store, FIRST)

    assert take(store, Turn(FIRST.run_id, FIRST.execution, 1060.0)) is None
    assert take(store, SECOND) == FIRST.run_id


def test_turn_that_was_given_back_is_free_and_can_be_taken_again_by_the_same() -> None:
    store = MemoryStore()
    take(store, FIRST)
    give_turn_back(store, FIRST)

    assert take(store, FIRST) is None
    assert take(store, SECOND) == FIRST.run_id
    give_turn_back(store, FIRST)
    assert take(store, SECOND) is None


def test_turn_of_another_is_not_given_back() -> None:
    store = MemoryStore()
    take(store, FIRST)
    give_turn_back(store, SECOND)

    assert take(store, SECOND) == FIRST.run_id


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"not JSON"])
def test_object_that_is_no_turn_keeps_nobody_out(body: bytes) -> None:
    store = MemoryStore()
    store.put(TURN_KEY, body)

    assert take(store, FIRST) is None


class RacingStore(MemoryStore):
    """Between the look of one run and its write another one does the same, `races` times."""

    def __init__(self, races: list[Turn]) -> None:
        super().__init__()
        self.races = races
        self.winners: list[str] = []

    def get_with_version(self, key: str) -> tuple[bytes, str] | None:
        found = super().get_with_version(key)
        if self.races:
            turn = self.races.pop()
            if take(self, turn) is None:
                self.winners.append(turn.run_id)
        return found


@BOUNDED
@given(st.integers(1, 6), st.booleans())
def test_exactly_one_of_several_runs_has_the_turn_when_all_look_in_the_same_moment(
    count: int, held_before: bool
) -> None:
    turns = [Turn(f"20261122T0830{number:02d}Z", f"execution-{number}", 1000.0) for number in range(count)]
    store = RacingStore([])
    if held_before:  # by a run that is closed
        take(store, Turn("20261122T082000Z", "execution-before", 400.0))
        close(store, "20261122T082000Z", "COMPLETE")
    store.races = turns[1:]

    if take(store, turns[0]) is None:
        store.winners.append(turns[0].run_id)

    assert len(store.winners) == 1
    assert json.loads(store.objects[TURN_KEY])["run_id"] == store.winners[0]
