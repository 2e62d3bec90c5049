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

from express_batch.ports import ObjectStore
from express_batch.run_layout import failures_prefix

FAILURE_VERSION = 1
# UsersPerInvocation's greatest value and room to grow: a record that claims more would keep CloseRun counting for ever.
MAX_SLICE_USERS = 100_000


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
        document: Any = json.loads(body)
        if document["version"] != FAILURE_VERSION:
            raise ValueError("another version")
        chunk = int(document["chunk"])
        if "failures" in document:
            for failure in document["failures"]:
                yield FailedPosition(chunk, int(failure["position"]), str(failure["reason"]))
        else:
            start, end = int(document["start"]), int(document["end"])
            if end - start > MAX_SLICE_USERS:
                raise ValueError("more users than a slice has")
            for position in range(start, end):
                yield FailedPosition(chunk, position, str(document["reason"]))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"no failure record of version {FAILURE_VERSION} ({type(error).__name__})") from error
