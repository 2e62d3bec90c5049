"""control/circuit.json: one opens it, the probe that has read it closes it, and what cannot be read is open."""

import json
from typing import Any

import pytest
from express_batch.circuit_board import (
    CLOSED,
    OPEN,
    Circuit,
    close_circuit,
    is_circuit_open,
    open_circuit,
    read_circuit,
)
from express_batch.run_layout import CIRCUIT_KEY
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.json_values import ANY_JSON
from tests.fakes.object_store import MemoryStore

RUN = "20261122T083000Z"
DOWN = Circuit(OPEN, 100.0, RUN, "50 of the last 50 users failed")
UP = Circuit(CLOSED, 200.0, RUN, "3 of 3 calls were answered")


def test_circuit_is_closed_when_there_was_never_one() -> None:
    assert is_circuit_open(MemoryStore()) is False


def test_circuit_says_what_was_stored() -> None:
    store = MemoryStore()

    assert open_circuit(store, DOWN) is True

    assert read_circuit(store.get(CIRCUIT_KEY)) == DOWN
    assert json.loads(store.objects[CIRCUIT_KEY])["version"] == 1


def test_only_the_first_of_those_who_open_it_has_opened_it() -> None:
    store = MemoryStore()

    assert [open_circuit(store, Circuit(OPEN, float(second), RUN, "")) for second in range(3)] == [True, False, False]
    assert json.loads(store.objects[CIRCUIT_KEY])["changed_at"] == 0.0


def test_circuit_is_opened_again_when_a_probe_has_closed_it() -> None:
    store = MemoryStore()
    open_circuit(store, DOWN)
    _, version = store.get_with_version(CIRCUIT_KEY) or (b"", "")

    assert close_circuit(store, UP, version) is True
    assert is_circuit_open(store) is False
    assert open_circuit(store, DOWN) is True


def test_probe_closes_no_circuit_that_was_opened_after_it_had_looked() -> None:
    store = MemoryStore()
    open_circuit(store, DOWN)
    _, version = store.get_with_version(CIRCUIT_KEY) or (b"", "")
    close_circuit(store, UP, version)
    open_circuit(store, DOWN)

    assert close_circuit(store, UP, version) is False
    assert is_circuit_open(store) is True


def test_circuit_of_no_time_can_be_written_down_again() -> None:
    circuit = read_circuit(json.dumps({"state": OPEN, "changed_at": "1" * 400, "run_id": "", "reason": ""}).encode())

    assert circuit is not None
    assert read_circuit(circuit.encode()) == circuit


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"state": "ajar", "changed_at": 1, "run_id": "", "reason": ""}', b"\xff", b"[" * 9999]
)
def test_what_is_no_circuit_counts_as_open_and_a_probe_mends_it(body: bytes) -> None:
    store = MemoryStore()
    store.put(CIRCUIT_KEY, body)
    _, version = store.get_with_version(CIRCUIT_KEY) or (b"", "")

    assert is_circuit_open(store) is True
    assert open_circuit(store, DOWN) is False
    assert close_circuit(store, UP, version) is True
    assert is_circuit_open(store) is False


def test_opening_gives_up_when_others_write_without_end() -> None:
    class BusyStore(MemoryStore):
        def put_if_absent(self, _key: str, _body: bytes) -> bool:
            return False

    assert open_circuit(BusyStore(), DOWN) is False


@BOUNDED
@given(ANY_JSON | st.fixed_dictionaries(dict.fromkeys(("state", "changed_at", "run_id", "reason"), ANY_JSON)))
def test_any_object_is_a_circuit_or_open(document: Any) -> None:
    circuit = read_circuit(json.dumps(document).encode())

    assert circuit is not None
    assert circuit.is_open or document["state"] == CLOSED
