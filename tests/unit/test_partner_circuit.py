"""An environment's side of the circuit: when it looks, what it tells the others, and what it forgets."""

import asyncio
import json

import pytest
from express_batch.circuit_board import CLOSED, OPEN, Circuit, close_circuit, is_circuit_open, open_circuit
from express_batch.errors import ApiServerError, PartnerApiError, StorageRefusedError, StorageUnavailableError
from express_batch.partner_circuit import PartnerCircuit
from express_batch.run_layout import CIRCUIT_KEY

from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

RUN = "20261122T083000Z"
NEXT_RUN = "20261122T084000Z"
DOWN = ApiServerError("503")


class Store(MemoryStore):
    """Raises `problem` while there is one."""

    problem: Exception | None = None

    def get(self, key: str) -> bytes | None:
        if self.problem is not None:
            raise self.problem
        return super().get(key)


class Environment:
    """A PartnerCircuit, and the clock that it reads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = 1000.0
        self.circuit = PartnerCircuit(store, lambda: self.clock, lambda: 1_795_336_200.0)
        self.observer = RecordingObserver()

    def find_partner_down(self) -> None:
        """Twenty users fail, and fail again when it has lasted long enough."""
        for second in (0.0, 2.5):
            self.clock += second
            said = [self.note(f"u{user}", DOWN) for user in range(20)]
        assert said[-1] is True

    def note(self, user_id: str, error: PartnerApiError | None) -> bool:
        """A user's call has ended."""
        return self.circuit.note(user_id, self.clock, self.clock, error)

    def end(self) -> None:
        """The slice's calls have ended."""
        self.circuit.settle()
        self.circuit.tell(self.observer)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def environment(store: Store) -> Environment:
    return Environment(store)


def close(store: Store) -> None:
    """As a probe does."""
    found = store.get_with_version(CIRCUIT_KEY)
    assert found is not None
    assert close_circuit(store, Circuit(CLOSED, 0.0, NEXT_RUN, ""), found[1])


def test_environment_that_finds_the_partner_down_tells_all_others(environment: Environment, store: Store) -> None:
    other = Environment(store)
    assert environment.circuit.begin(RUN) is other.circuit.begin(RUN) is False

    environment.find_partner_down()
    environment.end()

    assert other.circuit.begin(RUN) is True
    assert environment.circuit.begin(RUN) is True
    document = json.loads(store.objects[CIRCUIT_KEY])
    assert (document["state"], document["run_id"], document["changed_at"]) == ("open", RUN, 1_795_336_200.0)
    assert "20 of the last 20 users failed for 2.5 s, lately by ApiServerError" in document["reason"]
    assert environment.observer.lines == [
        (
            "circuit opened",
            {"recent_users": 20, "recent_failed": 20, "seconds": 2.5, "reason": "ApiServerError"},
        )
    ]


def test_only_one_of_those_that_find_the_partner_down_says_that_it_has_opened_the_circuit(store: Store) -> None:
    environments = [Environment(store) for _ in range(4)]
    for each in environments:
        each.circuit.begin(RUN)
        each.find_partner_down()
        each.end()

    assert [len(each.observer.lines) for each in environments] == [1, 0, 0, 0]


def test_environment_does_not_look_while_everybody_is_answered(environment: Environment, store: Store) -> None:
    environment.circuit.begin(RUN)
    for _ in range(50):
        environment.note("u1", None)
        assert environment.circuit.begin(RUN) is False
        environment.clock += 0.1

    assert store.reads == [CIRCUIT_KEY]


def test_environment_looks_again_when_its_last_answer_is_old_or_a_call_has_failed(
    environment: Environment, store: Store
) -> None:
    environment.circuit.begin(RUN)
    environment.note("u1", None)
    environment.clock += 600
    environment.circuit.begin(NEXT_RUN)
    environment.note("u1", None)
    environment.note("u2", DOWN)
    environment.circuit.begin(NEXT_RUN)

    assert store.reads == [CIRCUIT_KEY] * 3


def test_next_run_calls_when_a_probe_has_closed_the_circuit(environment: Environment, store: Store) -> None:
    environment.circuit.begin(RUN)
    environment.find_partner_down()
    environment.end()
    close(store)

    assert environment.circuit.begin(NEXT_RUN) is False
    # What it had counted before is forgotten: one more failure opens nothing.
    assert environment.note("u1", DOWN) is False


def test_environment_that_obeyed_others_forgets_its_failures_when_the_circuit_is_closed(store: Store) -> None:
    # GIVEN an environment with failures that are not enough yet, and another that opens the circuit
    environment, other = Environment(store), Environment(store)
    environment.circuit.begin(RUN)
    assert [environment.note(f"u{user}", DOWN) for user in range(20)] == [False] * 20
    other.circuit.begin(RUN)
    other.find_partner_down()
    other.end()
    assert environment.circuit.begin(RUN) is True
    # WHEN a probe closes it
    close(store)
    # THEN they do not open it again
    environment.clock += 5.0
    assert environment.circuit.begin(NEXT_RUN) is False
    assert environment.note("u1", DOWN) is False


def test_environment_keeps_its_own_word_for_the_run_when_the_bucket_takes_none(
    environment: Environment, store: Store
) -> None:
    environment.circuit.begin(RUN)
    store.problem = StorageUnavailableError("S3 is away")
    environment.find_partner_down()
    environment.end()

    assert environment.circuit.begin(RUN) is True
    assert environment.circuit.begin(RUN) is True
    assert environment.observer.warnings == [("circuit unreadable", {"key": CIRCUIT_KEY, "reason": "S3 is away"})]
    # The next run finds out anew: nobody else has heard it, so nobody would probe.
    assert environment.circuit.begin(NEXT_RUN) is False


def test_environment_tells_its_word_later_when_the_bucket_is_back(environment: Environment, store: Store) -> None:
    environment.circuit.begin(RUN)
    store.problem = StorageUnavailableError("S3 is away")
    environment.find_partner_down()
    environment.end()
    store.problem = None

    assert environment.circuit.begin(RUN) is True
    assert is_circuit_open(store)


@pytest.mark.parametrize("problem", [StorageUnavailableError("S3 is away"), StorageRefusedError("AccessDenied")])
def test_circuit_that_cannot_be_read_stops_nobody(environment: Environment, store: Store, problem: Exception) -> None:
    store.problem = problem

    assert environment.circuit.begin(RUN) is False
    environment.end()
    environment.end()

    assert environment.observer.warnings == [("circuit unreadable", {"key": CIRCUIT_KEY, "reason": str(problem)})]


@pytest.mark.parametrize("run_id", [f"{RUN}-r1", "dry-20261122T083000Z-1a2b3c4d"])
def test_redrive_and_dry_run_stop_themselves_alone(environment: Environment, store: Store, run_id: str) -> None:
    """A redrive's users are those that fail, and a dry run tries out an address that may be wrong."""
    environment.circuit.begin(run_id)
    environment.find_partner_down()
    environment.end()

    assert environment.circuit.begin(run_id) is True
    assert CIRCUIT_KEY not in store.objects
    assert environment.observer.lines == []
    assert environment.circuit.begin(NEXT_RUN) is False


def test_wait_ends_when_another_environment_opens_the_circuit(
    environment: Environment, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("express_batch.partner_circuit.LOOK_SECONDS", 0.001)
    environment.circuit.begin(RUN)
    open_circuit(store, Circuit(OPEN, 0.0, RUN, ""))

    asyncio.run(environment.circuit.wait_until_open())

    assert store.reads.count(CIRCUIT_KEY) >= 2


def test_wait_ends_with_the_word_told_when_this_environment_finds_the_partner_down(
    environment: Environment, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("express_batch.partner_circuit.LOOK_SECONDS", 0.001)
    environment.circuit.begin(RUN)
    environment.find_partner_down()

    asyncio.run(environment.circuit.wait_until_open())

    assert is_circuit_open(store)


def test_environment_looks_when_a_run_begins_whatever_the_run_before_was_answered(
    environment: Environment, store: Store
) -> None:
    environment.circuit.begin(RUN)
    environment.note("u1", None)

    assert environment.circuit.begin(NEXT_RUN) is False

    assert store.reads == [CIRCUIT_KEY, CIRCUIT_KEY]
