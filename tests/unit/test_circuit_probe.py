"""ProbePartner: three calls close the circuit or leave it open, and nothing else becomes of them."""

import asyncio
import itertools
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice, encode_chunk
from express_batch.circuit_board import CLOSED, OPEN, Circuit, is_circuit_open, open_circuit
from express_batch.circuit_probe import Choose, probe_partner
from express_batch.errors import (
    ApiRejectedError,
    ApiServerError,
    ApiThrottledError,
    ApiTimeoutError,
    ApiUnreachableError,
    StorageUnavailableError,
)
from express_batch.invocation import Invocation
from express_batch.job_contract import User
from express_batch.run_layout import CIRCUIT_KEY, STOP_KEY, chunk_key
from express_batch.slice_turn import Limits, SliceLimit
from express_batch.stop_switch import StopSwitch

from tests.fakes.job import ValueJob
from tests.fakes.limit_table import MemoryTable
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver
from tests.fakes.partner import ScriptedPartner, VirtualRunner

RUN = "20261122T083000Z"
USERS = [User(f"u{number}", "acme") for number in range(10)]
ANSWER = {"value": 1}
DOWN = Circuit(OPEN, 100.0, "20261122T082000Z", "50 of the last 50 users failed")


class Stage:
    """An open circuit and ten users; the first three are asked, and answered by `outcomes`."""

    def __init__(self, *outcomes: Any, users: int = 10) -> None:
        self.store = MemoryStore()
        self.store.put(chunk_key(RUN, 0), encode_chunk(RUN, 0, USERS[:users]))
        open_circuit(self.store, DOWN)
        self.users = users
        self.limit: SliceLimit | None = None
        self.observer = RecordingObserver()
        self.partner = ScriptedPartner({f"/u{number}": [outcome] for number, outcome in enumerate(outcomes)})

    def probe(
        self,
        seconds_left: float = 60.0,
        choose: Choose = lambda users, count: users[:count],
        clock: Callable[[], float] = lambda: 0.0,
    ) -> str:
        """What it says of the circuit."""
        return probe_partner(
            Slice(RUN, 0, 0, self.users, is_probe=True),
            invocation=Invocation("request-1", seconds_left),
            job=ValueJob(),
            chunks=ChunkCache(self.store),
            store=self.store,
            partner=VirtualRunner(self.partner),
            observer=self.observer,
            switch=StopSwitch(self.store),
            limit=self.limit,
            choose=choose,
            now=lambda: 200.0,
            clock=clock,
        )["circuit"]


def test_probe_closes_the_circuit_when_the_partner_answers() -> None:
    stage = Stage(ANSWER, ANSWER, ANSWER)

    assert stage.probe() == CLOSED

    assert json.loads(stage.store.objects[CIRCUIT_KEY]) == {
        "state": "closed",
        "changed_at": 200.0,
        "run_id": RUN,
        "reason": "3 of 3 calls were answered",
        "version": 1,
    }
    assert stage.observer.lines == [
        ("circuit closed", {"calls": 3, "answered": 3, "errors": [], "open_since": 100.0}),
    ]
    assert stage.partner.calls == {"/u0": 1, "/u1": 1, "/u2": 1}


def test_probe_leaves_the_circuit_open_when_the_partner_is_down_and_repeats_no_call() -> None:
    stage = Stage(ApiServerError("503"), ApiTimeoutError("late"), ApiUnreachableError("refused"))

    assert stage.probe() == OPEN

    assert is_circuit_open(stage.store)
    ((message, keys),) = stage.observer.lines
    assert (message, keys["answered"]) == ("circuit stays open", 0)
    assert keys["errors"] == ["ApiServerError", "ApiTimeoutError", "ApiUnreachableError"]
    assert sum(stage.partner.calls.values()) == 3


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ((ANSWER, ANSWER, ApiServerError("500")), CLOSED),
        ((ANSWER, ApiServerError("500"), ApiServerError("500")), OPEN),
        ((ApiThrottledError("429"), ApiRejectedError("404"), ApiServerError("500")), CLOSED),
        ((RuntimeError("a bug"), RuntimeError("a bug"), RuntimeError("a bug")), CLOSED),
    ],
)
def test_most_of_the_calls_decide_and_any_answer_is_one(outcomes: tuple[Any, ...], state: str) -> None:
    assert Stage(*outcomes).probe() == state


@pytest.mark.parametrize(("outcome", "state"), [(ANSWER, CLOSED), (ApiServerError("503"), OPEN)])
def test_single_user_decides_when_there_is_one_alone(outcome: Any, state: str) -> None:
    assert Stage(outcome, users=1).probe() == state


def test_probe_fails_when_its_time_ends_before_the_calls() -> None:
    assert Stage(ANSWER, ANSWER, ANSWER).probe(seconds_left=3.05) == OPEN


def test_probe_calls_nobody_when_the_circuit_is_closed() -> None:
    stage = Stage()
    stage.store.objects.pop(CIRCUIT_KEY)

    assert stage.probe() == CLOSED
    assert stage.partner.calls == {}


def test_probe_calls_nobody_when_an_operator_has_stopped_the_calls() -> None:
    stage = Stage()
    stage.store.put(STOP_KEY, b"{}")

    assert stage.probe() == OPEN
    assert is_circuit_open(stage.store)


def test_probe_mends_a_circuit_that_cannot_be_read() -> None:
    stage = Stage(ANSWER, ANSWER, ANSWER)
    stage.store.put(CIRCUIT_KEY, b"nonsense")

    assert stage.probe() == CLOSED
    assert not is_circuit_open(stage.store)


def test_probe_asks_others_each_time_so_that_it_cannot_fail_for_ever() -> None:
    asked: set[str] = set()
    for _ in range(40):
        stage = Stage(*([ANSWER] * 10))
        stage.probe(choose=random.sample)
        asked |= set(stage.partner.calls)

    assert len(asked) > 3


def test_probe_is_repeated_when_the_bucket_does_not_take_its_word() -> None:
    stage = Stage(ANSWER, ANSWER, ANSWER)
    stage.store.broken = (CIRCUIT_KEY,)

    with pytest.raises(StorageUnavailableError):
        stage.probe()


def virtual_now() -> float:
    """The time of the calls' loop; before it runs, its beginning."""
    try:
        return 1_795_000_000 + asyncio.get_running_loop().time()
    except RuntimeError:
        return 1_795_000_000


def limited(table: MemoryTable, pause: Callable[[float], None] = lambda _: None, **limit: int) -> SliceLimit:
    """The limit of a probe whose environment knows nothing yet."""
    options = {"table": "limits", "partner": "loyalty", "calls_per_second": 0, "calls_in_flight": 0, **limit}
    found = Limits(lambda _: table, virtual_now, pause).of_event({"limit": options})
    assert found is not None
    return found


def test_probe_takes_slots_and_permits_where_the_partner_is_limited_and_gives_the_permits_back() -> None:
    stage, table = Stage(ANSWER, ANSWER, ANSWER), MemoryTable()
    stage.limit = limited(table, calls_per_second=100, calls_in_flight=2)

    assert stage.probe() == CLOSED

    assert sum(stage.partner.calls.values()) == 3
    assert stage.partner.most_in_flight <= 2
    assert stage.observer.line("partner limited")["slots"] == 3
    assert table.items["loyalty#in-flight"] == {"held": 0}


def test_probe_asks_one_after_the_other_where_the_rate_is_low() -> None:
    stage = Stage(ANSWER, ANSWER, ANSWER)
    stage.limit = limited(MemoryTable(), calls_per_second=1)

    assert stage.probe() == CLOSED

    moments = sorted(times[0] for times in stage.partner.call_times.values())
    assert min(later - earlier for earlier, later in itertools.pairwise(moments)) >= 1.0


@pytest.mark.parametrize("calls_in_flight", [0, 1])
def test_circuit_stays_as_it_is_when_the_probe_gets_no_slot_or_permit(calls_in_flight: int) -> None:
    # GIVEN others that have all slots for an hour, or the one permit
    stage, table = Stage(ANSWER, ANSWER, ANSWER), MemoryTable()
    rate = 0 if calls_in_flight else 1
    limited(table, calls_per_second=rate, calls_in_flight=calls_in_flight).take_turn(
        Slice(RUN, 0, 0, 3600), holder="a", calls_in_flight=1, seconds_left=3600.0, waits_until=None
    )
    stage.limit = limited(table, calls_per_second=rate, calls_in_flight=calls_in_flight)

    assert stage.probe() == OPEN

    assert stage.partner.calls == {}
    assert is_circuit_open(stage.store)
    assert stage.observer.line("circuit not probed")["open_since"] == 100.0


def test_circuit_stays_as_it_is_when_the_table_of_limits_is_away() -> None:
    stage, table = Stage(ANSWER, ANSWER, ANSWER), MemoryTable()
    table.is_away = True
    stage.limit = limited(table, calls_per_second=100)

    assert stage.probe() == OPEN

    assert stage.partner.calls == {}
    assert stage.observer.line("circuit not probed")["reason"] == "DynamoDB does not answer"


def test_everybody_slows_down_when_the_probe_is_throttled() -> None:
    stage, table = Stage(ApiThrottledError("429", 2.0), ANSWER, ANSWER), MemoryTable()
    stage.limit = limited(table, calls_per_second=100)

    assert stage.probe() == CLOSED

    assert table.items["loyalty"]["clock_share"] == 700


def test_probe_ends_in_time_when_its_turn_has_taken_most_of_it() -> None:
    stage, moments = Stage(ANSWER, ANSWER, ANSWER), [0.0]
    stage.limit = limited(MemoryTable(), lambda _: moments.append(59.0), calls_per_second=100, calls_in_flight=800)

    assert stage.probe(clock=lambda: moments[-1]) == OPEN
    assert stage.partner.calls == {}
