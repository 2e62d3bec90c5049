"""Failure records: a user that could not be had, with the reason, in runs/<run_id>/failures/.

Two shapes lie there. `users`, written by SyncUsers and WriteRows:
    {"version": 1, "run_id", "chunk", "function",
     "failures": [{"position", "user_id", "tenant_id", "reason", "detail"}]}
`slice`, written by the state machine when an invocation failed for good (RecordSliceFailure):
    {"version": 1, "run_id", "chunk", "start", "end", "reason", "detail"}
Keys are the same for every attempt at the same thing, so a retry replaces its record and never adds one. A retry
without failures leaves the record there, so a user may be in one and be written: readers take the ledger's word first.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from express_batch.chunks import MAX_CHUNK_USERS, read_place
from express_batch.outside_json import decode_json
from express_batch.ports import ObjectStore
from express_batch.run_layout import failures_prefix

FAILURE_VERSION = 1
# UsersPerInvocation's greatest value and room to grow: a record that claims more would keep CloseRun counting for ever.
MAX_SLICE_USERS = 100_000
# An error's name; reasons come back in a run's account, whose state holds 256 KiB.
MAX_REASON_CHARACTERS = 128


@dataclass(frozen=True)
class UserFailure:
    """One user that could not be had, and why."""

    position: int  # in its chunk
    user_id: str
    tenant_id: str
    reason: str  # the error's class name
    detail: str  # what failed and where; never the answer's content


@dataclass(frozen=True)
class FailedPosition:
    """A position of a chunk that a failure record accounts for."""

    chunk: int
    position: int
    reason: str


def write_user_failures(
    store: ObjectStore, run_id: str, chunk: int, *, function: str, name: str, failures: Sequence[UserFailure]
) -> None:
    """Store the failures of one piece of work. `name` is the same at every attempt at it."""
    document = {
        "version": FAILURE_VERSION,
        "run_id": run_id,
        "chunk": chunk,
        "function": function,
        "failures": [asdict(failure) for failure in failures],
    }
    store.put(f"{failures_prefix(run_id)}{function}-{name}.json", json.dumps(document, separators=(",", ":")).encode())


def read_failures(body: bytes) -> Iterator[FailedPosition]:
    """Every position that a failure record of either shape accounts for. Raises ValueError when it is neither.

    The error names what is wrong by its kind alone: its text is logged, and a record may hold anything.
    """
    try:
        document: Any = decode_json(body)
        if document["version"] != FAILURE_VERSION:
            raise ValueError("another version")
        chunk = read_place(document["chunk"])
        if "failures" in document:
            for failure in document["failures"]:
                position = read_place(failure["position"], MAX_CHUNK_USERS)
                yield FailedPosition(chunk, position, read_reason(failure["reason"]))
        else:
            reason = read_reason(document["reason"])
            for position in read_slice(document):
                yield FailedPosition(chunk, position, reason)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no failure record of version {FAILURE_VERSION} ({type(error).__name__})") from error


def read_slice(document: Any) -> range:
    """The positions of a `slice` record. Raises KeyError, TypeError or ValueError."""
    start, end = read_place(document["start"], MAX_CHUNK_USERS), read_place(document["end"], MAX_CHUNK_USERS)
    if end - start > MAX_SLICE_USERS:
        raise ValueError("more users than a slice has")
    return range(start, end)


def read_reason(value: object) -> str:
    """The name of an error, cut where it is too long for one. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("a reason that is no text")
    return value[:MAX_REASON_CHARACTERS]
