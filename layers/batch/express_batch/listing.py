"""A listing: the users of a run in chunks, and the counts of them that fit a state's payload."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from express_batch.chunks import Place, cut_chunks, encode_chunk
from express_batch.errors import ListingTooLargeError
from express_batch.job_contract import User
from express_batch.ports import ObjectStore
from express_batch.run_layout import chunk_key

# A state's payload is limited to 262,144 bytes and DataLimitExceeded cannot be caught, so the guard is here
# (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
MAX_LISTING_BYTES = 240_000
CHUNK_WRITERS = 8
# Chunks in memory at once: Executor.map alone would take all of them before the first is stored.
CHUNKS_AHEAD = 2 * CHUNK_WRITERS

T = TypeVar("T")
R = TypeVar("R")


def write_listing(
    store: ObjectStore, run_id: str, users: Iterable[tuple[User, Place | None]], chunk_size: int
) -> dict[str, Any]:
    """{"run_id", "started": True, "users_listed", "chunks": [{"chunk", "user_count"}]}, the chunks being stored.

    Each user comes with its place in the first run where this one is a redrive.
    Raises ListingTooLargeError, StorageUnavailableError.
    """

    def write_chunk(numbered: tuple[int, list[tuple[User, Place | None]]]) -> dict[str, int]:
        number, members = numbered
        places = [place for _, place in members if place is not None]
        body = encode_chunk(run_id, number, [user for user, _ in members], places or None)
        store.put(chunk_key(run_id, number), body)
        return {"chunk": number, "user_count": len(members)}

    with ThreadPoolExecutor(CHUNK_WRITERS) as writers:
        chunks = list(_map_in_order(writers, write_chunk, enumerate(cut_chunks(users, chunk_size))))
    listed = sum(chunk["user_count"] for chunk in chunks)
    answer = {"run_id": run_id, "started": True, "users_listed": listed, "chunks": chunks}
    size = len(json.dumps(answer))
    if size > MAX_LISTING_BYTES:
        raise ListingTooLargeError(
            f"{len(chunks)} chunks make {size} bytes, a state's payload holds {MAX_LISTING_BYTES}: "
            f"raise ChunkSize above {chunk_size}"
        )
    return answer


def _map_in_order(writers: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    ahead: deque[Future[R]] = deque()
    for item in items:
        if len(ahead) == CHUNKS_AHEAD:
            yield ahead.popleft().result()
        ahead.append(writers.submit(work, item))
    while ahead:
        yield ahead.popleft().result()
