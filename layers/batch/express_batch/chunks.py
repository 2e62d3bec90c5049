"""Chunks: the users of a run, cut into S3 objects that a slice is read out of."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from express_batch.errors import ChunkUnreadableError, InvalidEventError
from express_batch.job_contract import User
from express_batch.outside_json import decode_json
from express_batch.ports import ObjectStore
from express_batch.run_layout import check_any_run_id, chunk_key
from express_batch.start_time import read_deadline

CHUNK_VERSION = 1
# Far above ChunkSize's greatest value: what is larger is no chunk, and sets of its positions would fill the memory.
MAX_CHUNK_USERS = 1_000_000
MAX_PLACE = 2**32 - 1  # what the ledger's columns hold (migrations/0002_batch_write.sql)

T = TypeVar("T")
Place = tuple[int, int]  # a chunk, and a position in it


def cut_chunks(users: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` users in their order; the last may be shorter, none is empty."""
    iterator = iter(users)
    while chunk := list(islice(iterator, size)):
        yield chunk


def encode_chunk(run_id: str, chunk: int, users: list[User], origins: Sequence[Place] | None = None) -> bytes:
    """The chunk object. A redrive's says besides where each of its users stood in the first run (`origins`)."""
    document = {"version": CHUNK_VERSION, "run_id": run_id, "chunk": chunk, "users": users}
    if origins is not None:
        document["origins"] = origins
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def read_chunk(store: ObjectStore, run_id: str, chunk: int) -> list[User]:
    """The users of one chunk. Raises ChunkUnreadableError that names the object and what is wrong with it."""
    return _read(store, run_id, chunk, lambda document: [read_user(item) for item in document["users"]])


def read_origins(store: ObjectStore, run_id: str, chunk: int) -> list[Place]:
    """Where each user of a redrive's chunk stood in the first run. Raises ChunkUnreadableError."""
    return _read(
        store,
        run_id,
        chunk,
        lambda document: [
            (read_place(origin), read_place(position, MAX_CHUNK_USERS - 1)) for origin, position in document["origins"]
        ],
    )


def read_user(item: Any) -> User:
    """A user out of a chunk's list. Raises TypeError or ValueError."""
    user_id, tenant_id = item
    if not isinstance(item, list) or not isinstance(user_id, str) or not isinstance(tenant_id, str):
        raise TypeError("ids that are no text")
    return User(user_id, tenant_id)


def read_place(value: object, greatest: int = MAX_PLACE) -> int:
    """A whole number from 0 to `greatest`. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= greatest:
        return value
    raise ValueError(f"expected a whole number from 0 to {greatest}")


def read_sizes(chunks: object) -> dict[int, int]:
    """{chunk: users in it} out of a listing's `chunks`. Raises KeyError, TypeError or ValueError."""
    if not isinstance(chunks, list):
        raise TypeError("chunks that are no list")
    sizes = {read_place(chunk["chunk"]): read_place(chunk["user_count"], MAX_CHUNK_USERS) for chunk in chunks}
    if len(sizes) != len(chunks):
        raise ValueError("a chunk that is listed twice")
    return sizes


def _read(store: ObjectStore, run_id: str, chunk: int, take: Callable[[Any], T]) -> T:
    key = chunk_key(run_id, chunk)
    body = store.get(key)
    if body is None:
        raise ChunkUnreadableError(f"{key} does not exist: the bucket's lifecycle may have expired it, start a new run")
    try:
        document = decode_json(body)
        if document["version"] != CHUNK_VERSION or document["run_id"] != run_id or document["chunk"] != chunk:
            raise ValueError("it belongs to another run or version")
        return take(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ChunkUnreadableError(
            f"{key} is no chunk of version {CHUNK_VERSION} ({type(error).__name__}): "
            "only ListUsers may write there, start a new run"
        ) from error


@dataclass(frozen=True)
class Slice:
    """The users one invocation takes: positions `start` to `end` of a chunk."""

    run_id: str
    chunk: int
    start: int
    end: int  # exclusive
    deadline: float | None = None  # seconds since 1970, from when on the time left belongs to CloseRun
    circuit_breaker: bool = False  # whether the circuit is looked at and may be opened; an older machine knows none
    is_probe: bool = False  # a few of its users are asked whether the partner is there, nothing else

    @classmethod
    def from_event(cls, event: object) -> "Slice":
        """The slice an event asks for. Raises InvalidEventError that says what is wrong."""
        if not isinstance(event, dict):
            raise InvalidEventError(f"the event is a {type(event).__name__}: expected run_id, chunk, start and end")
        numbers = {name: event.get(name) for name in ("chunk", "start", "end")}
        for name, value in numbers.items():
            try:
                read_place(value)
            except ValueError as error:
                raise InvalidEventError(f"{name} is {repr(value)[:40]}: {error}") from error
        flags = {name: event.get(name, False) for name in ("circuit_breaker", "probe")}
        for name, value in flags.items():
            if not isinstance(value, bool):
                raise InvalidEventError(f"{name} is a {type(value).__name__}: expected true or false")
        slice_ = cls(
            check_any_run_id(event.get("run_id")),
            event["chunk"],
            event["start"],
            event["end"],
            read_deadline(event),
            flags["circuit_breaker"],
            flags["probe"],
        )
        if slice_.start >= slice_.end:
            raise InvalidEventError(f"start {slice_.start} is not below end {slice_.end}")
        return slice_
