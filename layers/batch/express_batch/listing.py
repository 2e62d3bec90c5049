"""A listing: the users of a run in chunks, and the counts of them that fit a state's payload.

ListUsers may be repeated while an attempt that was taken for dead is still at work, and the two may find other users.
So an attempt never writes over the chunks of another: it numbers its own from the first free multiple of
CHUNK_NUMBERS. And the first listing that is complete is the run's: whoever comes later answers with that one.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar, cast

from express_batch.chunks import Place, cut_chunks, encode_chunk, read_sizes
from express_batch.errors import ListingTooLargeError, ObjectUnreadableError
from express_batch.job_contract import User
from express_batch.outside_json import decode_json
from express_batch.ports import ObjectStore
from express_batch.run_layout import chunk_key, listing_key

# A state's payload is limited to 262,144 bytes and DataLimitExceeded cannot be caught, so the guard is here
# (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
MAX_LISTING_BYTES = 240_000
# More chunks than a listing of MAX_LISTING_BYTES names, each at 20 bytes at least.
CHUNK_NUMBERS = 20_000
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

    def encode(number: int, members: list[tuple[User, Place | None]]) -> bytes:
        places = [place for _, place in members if place is not None]
        return encode_chunk(run_id, number, [user for user, _ in members], places or None)

    def write_chunk(numbered: tuple[int, list[tuple[User, Place | None]]]) -> dict[str, int]:
        number, members = numbered
        store.put(chunk_key(run_id, number), encode(number, members))
        return {"chunk": number, "user_count": len(members)}

    cut = cut_chunks(users, chunk_size)
    first = next(cut, None)
    chunks = []
    if first is not None:
        start = 0
        while not store.put_if_absent(chunk_key(run_id, start), encode(start, first)):
            start += CHUNK_NUMBERS
        chunks.append({"chunk": start, "user_count": len(first)})
        with ThreadPoolExecutor(CHUNK_WRITERS) as writers:
            rest = enumerate(islice(cut, CHUNK_NUMBERS - 1), start + 1)
            chunks.extend(_map_in_order(writers, write_chunk, rest))
    listed = sum(chunk["user_count"] for chunk in chunks)
    answer = {"run_id": run_id, "started": True, "users_listed": listed, "chunks": chunks}
    size = len(json.dumps(answer))
    if size > MAX_LISTING_BYTES:
        raise ListingTooLargeError(
            f"{len(chunks)} chunks make {size} bytes, a state's payload holds {MAX_LISTING_BYTES}: "
            f"raise ChunkSize above {chunk_size}"
        )
    return answer


def read_listing(store: ObjectStore, run_id: str) -> dict[str, Any] | None:
    """What ListUsers has answered for the run, or None while no attempt at it is complete.

    Raises ObjectUnreadableError.
    """
    body = store.get(listing_key(run_id))
    if body is None:
        return None
    try:
        answer = decode_json(body)
        sizes = read_sizes(answer["chunks"])
        if answer["run_id"] != run_id or answer["started"] is not True or answer["users_listed"] != sum(sizes.values()):
            raise ValueError("it is another run's, or its counts differ")
    except (KeyError, TypeError, ValueError) as error:
        raise ObjectUnreadableError(
            f"{listing_key(run_id)} is no listing ({type(error).__name__}): "
            "only ListUsers may write there; remove it, or start a new run"
        ) from error
    return cast("dict[str, Any]", answer)


def keep_listing(store: ObjectStore, run_id: str, answer: dict[str, Any]) -> dict[str, Any]:
    """`answer` where it is the run's first listing, else the one that is.

    Raises StorageUnavailableError, ObjectUnreadableError.
    """
    if store.put_if_absent(listing_key(run_id), json.dumps(answer).encode()):
        return answer
    return read_listing(store, run_id) or answer


def _map_in_order(writers: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    ahead: deque[Future[R]] = deque()
    for item in items:
        if len(ahead) == CHUNKS_AHEAD:
            yield ahead.popleft().result()
        ahead.append(writers.submit(work, item))
    while ahead:
        yield ahead.popleft().result()
