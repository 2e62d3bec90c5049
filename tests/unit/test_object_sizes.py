"""An object that is larger than any of the batch's is never read whole, and each reader says its own of it."""

import io

import pytest
from express_batch import object_sizes
from express_batch.chunks import read_chunk
from express_batch.circuit_board import read_circuit
from express_batch.claim import decode_claim
from express_batch.errors import ChunkUnreadableError, ObjectUnreadableError
from express_batch.failures import read_failures
from express_batch.object_sizes import TOO_LARGE, find_max_bytes, read_object
from express_batch.outside_json import MAX_BRACKETS, decode_json
from express_batch.run_layout import (
    CIRCUIT_KEY,
    STOP_KEY,
    TURN_KEY,
    chunk_key,
    closed_key,
    failures_prefix,
    listing_key,
    rejected_key,
    started_key,
)
from express_batch.stop_switch import StopSwitch
from express_batch.turn import Turn, take_turn

from tests.fakes.object_store import MemoryStore

RUN = "20261122T083000Z"


@pytest.mark.parametrize("key", [started_key(RUN), listing_key(RUN), closed_key(RUN), STOP_KEY, TURN_KEY, CIRCUIT_KEY])
def test_document_of_a_run_has_a_megabyte_at_most(key: str) -> None:
    assert find_max_bytes(key) == 1_000_000


@pytest.mark.parametrize("key", [chunk_key(RUN, 1), f"{failures_prefix(RUN)}x.json", rejected_key("shard", "1")])
def test_object_with_many_users_has_eight_megabytes_at_most(key: str) -> None:
    assert find_max_bytes(key) == 8_000_000


def test_read_object_reads_no_more_than_one_byte_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_sizes, "MAX_DOCUMENT_BYTES", 10)
    body = io.BytesIO(bytes(1000))

    assert read_object(body, STOP_KEY) == TOO_LARGE
    assert body.tell() == 11
    assert read_object(io.BytesIO(bytes(10)), STOP_KEY) == bytes(10)


def _store(key: str) -> MemoryStore:
    store = MemoryStore()
    store.put(key, TOO_LARGE)
    return store


def test_chunk_is_refused_by_name_when_it_is_too_large() -> None:
    with pytest.raises(ChunkUnreadableError, match=r"00001\.json is no chunk of version 1 \(TooLargeError\)"):
        read_chunk(_store(chunk_key(RUN, 1)), RUN, 1)


def test_claim_is_refused_by_name_when_it_is_too_large() -> None:
    with pytest.raises(ObjectUnreadableError, match=r"is no claim \(TooLargeError\)"):
        decode_claim(TOO_LARGE, RUN)


def test_failure_record_is_refused_by_name_when_it_is_too_large() -> None:
    with pytest.raises(ValueError, match="TooLargeError"):
        list(read_failures(TOO_LARGE))


def test_calls_are_stopped_when_the_word_to_stop_is_too_large() -> None:
    assert StopSwitch(_store(STOP_KEY)).is_on()


def test_circuit_counts_as_open_when_it_is_too_large() -> None:
    circuit = read_circuit(TOO_LARGE)

    assert circuit is not None
    assert circuit.is_open


def test_turn_is_taken_over_when_what_holds_it_is_too_large() -> None:
    assert take_turn(_store(TURN_KEY), Turn(RUN, "execution", 1_795_000_000.0), 1_795_000_000.0) is None


def test_document_is_refused_before_it_is_built_when_it_has_too_many_lists_and_objects() -> None:
    """8 MB of them, as much as an object of the run bucket may have, would be 226 MB of memory."""
    for pair in (b"[],", b"{},"):
        with pytest.raises(ValueError, match="too many lists and objects"):
            decode_json(b"[" + pair * MAX_BRACKETS + b"0]")
