"""The failure records of a run, taken apart: which users failed, in which function, why, and how to run them again.

layers/batch/express_batch/failures.py describes the two shapes.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from express_batch.chunks import MAX_CHUNK_USERS, read_place, read_user
from express_batch.failures import read_reason, read_slice
from express_batch.outside_json import decode_json

from batchctl.runs.run_data import FailedUser, FailureGroup, SliceFailure

# A report names so many single users; the records have them all. They bound the archive's files.
MAX_FAILED_USERS = 1000
SAMPLE_USERS = 3
_REQUEST_ID = re.compile(r"RequestId: ([0-9a-f-]{36})")


@dataclass
class RunFailures:
    """What all failure records of a run say."""

    reasons: dict[tuple[int, int], str] = field(default_factory=dict)  # by chunk and position
    users: list[FailedUser] = field(default_factory=list)
    slices: list[SliceFailure] = field(default_factory=list)
    details: dict[tuple[str, str], str] = field(default_factory=dict)  # of one user, by reason and function
    samples: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: int = 0

    def add(self, body: bytes | None) -> None:
        """Take one record in."""
        try:
            document: dict[str, Any] = decode_json(body or b"")
            if document["version"] != 1:
                raise ValueError("another version")
            if "failures" in document:
                self._add_users(document)
            else:
                self._add_slice(document)
        except (KeyError, TypeError, ValueError):
            self.unreadable += 1

    def by_reason(self) -> dict[str, int]:
        """Users by reason, each once."""
        return dict(sorted(Counter(self.reasons.values()).items()))

    def _add_users(self, document: dict[str, Any]) -> None:
        chunk, function = read_place(document["chunk"]), str(document.get("function", "SyncUsers"))
        for failure in document["failures"]:
            reason, user_id = read_reason(failure["reason"]), str(failure["user_id"])
            tenant_id, detail = (str(failure[name]) if name in failure else "" for name in ("tenant_id", "detail"))
            place = (chunk, read_place(failure["position"], MAX_CHUNK_USERS))
            if not self._count(place, reason, function):
                continue
            self.details.setdefault((reason, function), detail)
            self._sample(reason, function, user_id)
            self.users.append(FailedUser(user_id, tenant_id, *place, reason, function))

    def _add_slice(self, document: dict[str, Any]) -> None:
        chunk, positions = read_place(document["chunk"]), read_slice(document)
        function, reason = str(document.get("function", "SyncUsers")), read_reason(document["reason"])
        detail, request_id = read_cause(str(document.get("detail", "")))
        self.slices.append(SliceFailure(chunk, positions.start, positions.stop, reason, detail, request_id))
        self.details.setdefault((reason, function), detail)
        for position in positions:
            self._count((chunk, position), reason, function)

    def _count(self, place: tuple[int, int], reason: str, function: str) -> bool:
        """Whether the user is new: attempts may leave several records of one user, and it failed once."""
        if place in self.reasons:
            return False
        self.reasons[place] = reason
        self.counts[reason, function] += 1
        return True

    def _sample(self, reason: str, function: str, user_id: str) -> None:
        sample = self.samples.setdefault((reason, function), [])
        if len(sample) < SAMPLE_USERS:
            sample.append(user_id)

    def name_slice_users(self, users: Mapping[int, Sequence[tuple[str, str]]]) -> None:
        """Fill in sample users of failed slices out of their chunks."""
        for failure in self.slices:
            for user_id, _ in users.get(failure.chunk, [])[failure.start : failure.end][:SAMPLE_USERS]:
                self._sample(failure.reason, "SyncUsers", user_id)


def read_records(bodies: Iterable[bytes | None]) -> RunFailures:
    """All failure records of a run."""
    found = RunFailures()
    for body in bodies:
        found.add(body)
    found.users.sort(key=lambda user: (user.chunk, user.position))
    found.slices.sort(key=lambda failure: (failure.chunk, failure.start))
    return found


def make_groups(failures: RunFailures, run_id: str, options: str) -> list[FailureGroup]:
    """The users by reason and function, the largest group first."""
    return [
        FailureGroup(
            reason=reason,
            function=function,
            count=count,
            sample_users=failures.samples.get((reason, function), []),
            detail=failures.details.get((reason, function), ""),
            redrive_command=f"batchctl redrive {run_id} --reason {shlex.quote(reason)}{options}",
        )
        for (reason, function), count in sorted(failures.counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def read_cause(cause: str) -> tuple[str, str | None]:
    """(readable message, request id) of what the state machine stores: a Lambda's cause is a JSON document."""
    try:
        text = str(decode_json(cause)["errorMessage"])
    except (KeyError, TypeError, ValueError):
        text = cause
    match = _REQUEST_ID.search(text)
    return text, None if match is None else match.group(1)


def read_chunk_users(body: bytes | None) -> list[tuple[str, str]]:
    """[(user_id, tenant_id)] of a chunk object, in the order of their positions. Raises ValueError."""
    try:
        return [read_user(item)[:2] for item in decode_json(body or b"")["users"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"no chunk ({type(error).__name__})") from error
