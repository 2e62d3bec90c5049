"""What is called before a function's turn comes."""

import asyncio
from typing import Any

import pytest

from batchctl.invoke.prepare import prepare_run

RUN_ID = "20261122T083000Z"
LISTING = ("list_users", {"scheduled_time": "2026-11-22T08:30:00Z", "execution": "batchctl invoke"})


def prepare(function: str, event: Any) -> list[tuple[str, Any]]:
    """The calls that prepare the run."""
    calls: list[tuple[str, Any]] = []

    async def call(name: str, called_with: Any) -> None:
        calls.append((name, called_with))

    asyncio.run(prepare_run(function, event, call))
    return calls


def test_prepare_run_lists_the_users_when_a_slice_is_to_be_synced() -> None:
    assert prepare("sync_users", {"run_id": RUN_ID, "chunk": 0, "start": 0, "end": 5}) == [LISTING]


def test_prepare_run_syncs_every_chunk_when_the_run_is_to_be_closed() -> None:
    chunks = [{"chunk": 0, "user_count": 3}, {"chunk": 1, "user_count": 2}]

    calls = prepare("close_run", {"run_id": RUN_ID, "users_listed": 5, "chunks": chunks})

    assert calls == [
        LISTING,
        ("sync_users", {"run_id": RUN_ID, "start": 0, "chunk": 0, "end": 3}),
        ("sync_users", {"run_id": RUN_ID, "start": 0, "chunk": 1, "end": 2}),
    ]


@pytest.mark.parametrize(
    ("function", "event"),
    [
        ("list_users", {"run_id": RUN_ID}),
        ("write_rows", {"run_id": RUN_ID}),
        ("sync_users", None),
        ("sync_users", {}),
        ("sync_users", {"run_id": "../x"}),
        ("sync_users", {"run_id": "dry-20261122T083000Z-0a1b2c3d"}),
    ],
)
def test_prepare_run_calls_nothing_when_there_is_nothing_to_prepare(function: str, event: Any) -> None:
    assert prepare(function, event) == []


@pytest.mark.parametrize("chunks", [None, {}, [1], [{"chunk": 0}], [{"chunk": "x", "user_count": 1}]])
def test_prepare_run_only_lists_when_the_chunks_are_malformed(chunks: Any) -> None:
    assert prepare("close_run", {"run_id": RUN_ID, "chunks": chunks}) == [LISTING]
