"""Chunks and slices."""

import json
from typing import Any

import pytest
from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice, cut_chunks, encode_chunk, read_chunk
from express_batch.errors import ChunkUnreadableError, InvalidEventError
from express_batch.job_contract import User
from express_batch.run_layout import chunk_key
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.json_values import ANY_JSON, nested_json
from tests.fakes.object_store import MemoryStore

RUN = "20261122T083000Z"
USERS = st.lists(st.builds(User, st.text(max_size=20), st.text(max_size=20)), max_size=60)


@BOUNDED
@given(USERS, st.integers(1, 70))
def test_cut_chunks_keeps_every_user_in_order(users: list[User], size: int) -> None:
    chunks = list(cut_chunks(users, size))

    assert [user for chunk in chunks for user in chunk] == users
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= size for chunk in chunks)


@BOUNDED
@given(USERS, st.integers(0, 99_999))
def test_read_chunk_gives_what_was_encoded(users: list[User], chunk: int) -> None:
    store = MemoryStore()
    store.put(chunk_key(RUN, chunk), encode_chunk(RUN, chunk, users))

    assert read_chunk(store, RUN, chunk) == users


def make_chunk(**changes: Any) -> bytes:
    return json.dumps({"version": 1, "run_id": RUN, "chunk": 3, "users": [["a", "t"]], **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"\xff\xfe\x00",
        b'{"version": 1',
        b"[]",
        b"7",
        nested_json(100_000),
        make_chunk(version=2),
        make_chunk(run_id="20261122T084000Z"),
        make_chunk(chunk=4),
        make_chunk(users=None),
        make_chunk(users=[["only one"]]),
        make_chunk(users=[7]),
    ],
)
def test_read_chunk_names_the_object_when_it_is_no_chunk_of_this_run(body: bytes | None) -> None:
    store = MemoryStore()
    if body is not None:
        store.put(chunk_key(RUN, 3), body)

    with pytest.raises(ChunkUnreadableError, match=f"{chunk_key(RUN, 3)} .*start a new run"):
        read_chunk(store, RUN, 3)


def test_read_chunk_never_shows_users_when_it_is_refused() -> None:
    store = MemoryStore()
    store.put(chunk_key(RUN, 3), make_chunk(version=2, users=[["secret-user", "t"]]))

    with pytest.raises(ChunkUnreadableError) as refusal:
        read_chunk(store, RUN, 3)
    assert "secret-user" not in str(refusal.value)


def test_chunk_cache_reads_each_chunk_once_while_it_keeps_it() -> None:
    # GIVEN three chunks and a cache of two
    store = MemoryStore()
    for chunk in (3, 4, 5):
        store.put(chunk_key(RUN, chunk), encode_chunk(RUN, chunk, [User(f"user-{chunk}", "t")]))
    cache = ChunkCache(store, kept=2)

    # WHEN slices of two alternate, then one of a third comes
    seen = [cache.read(RUN, chunk)[0].user_id for chunk in (3, 4, 3, 4, 3, 5, 3, 4)]

    # THEN each is right, and only the one that was not used of late is read again
    assert seen == [f"user-{chunk}" for chunk in (3, 4, 3, 4, 3, 5, 3, 4)]
    assert store.reads == [chunk_key(RUN, chunk) for chunk in (3, 4, 5, 4)]


def test_chunk_cache_reads_again_when_the_run_is_another() -> None:
    store = MemoryStore()
    later = "20261122T084000Z"
    store.put(chunk_key(RUN, 0), encode_chunk(RUN, 0, [User("old", "t")]))
    store.put(chunk_key(later, 0), encode_chunk(later, 0, [User("new", "t")]))
    cache = ChunkCache(store)
    cache.read(RUN, 0)

    assert cache.read(later, 0) == [User("new", "t")]


def test_chunk_cache_keeps_nothing_when_a_read_failed() -> None:
    store = MemoryStore()
    cache = ChunkCache(store)
    with pytest.raises(ChunkUnreadableError):
        cache.read(RUN, 0)
    store.put(chunk_key(RUN, 0), encode_chunk(RUN, 0, [User("a", "t")]))

    assert cache.read(RUN, 0) == [User("a", "t")]


def test_slice_is_what_the_event_asks_for() -> None:
    assert Slice.from_event({"run_id": RUN, "chunk": 0, "start": 20, "end": 40}) == Slice(RUN, 0, 20, 40)


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": None},
        {"run_id": "20261122"},
        {"chunk": -1},
        {"chunk": "0"},
        {"start": True},
        {"start": 0.0},
        {"end": None},
        {"start": 40},
        {"start": 41},
        {"circuit_breaker": "ENABLED"},
        {"probe": 1},
    ],
)
def test_slice_is_refused_when_a_field_is_wrong(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError, match=next(iter(change))):
        Slice.from_event({"run_id": RUN, "chunk": 0, "start": 20, "end": 40, **change})


@BOUNDED
@given(ANY_JSON)
def test_slice_refuses_any_other_event(event: Any) -> None:
    with pytest.raises(InvalidEventError):
        Slice.from_event(event)
