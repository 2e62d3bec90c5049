"""The users that failed, out of the failure records of the runs that the bucket still holds."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from express_batch.chunks import MAX_CHUNK_USERS, read_place
from express_batch.errors import InvalidEventError
from express_batch.failures import read_reason, read_slice
from express_batch.outside_json import decode_json
from express_batch.run_layout import check_run_id, failures_prefix

from batchctl.redrive.bucket import Bucket

READERS = 16


@dataclass(frozen=True)
class FailedUser:
    """One user of one run that could not be had at some attempt; a later attempt may have written it."""

    run_id: str
    chunk: int
    position: int
    user_id: str
    tenant_id: str
    function: str
    reason: str
    detail: str

    def is_wanted(self, reasons: Sequence[str]) -> bool:
        """Whether it has one of the reasons, or none are asked for."""
        return not reasons or self.reason in reasons


@dataclass(frozen=True)
class FailureCount:
    """Users of one run that failed for one reason in one function."""

    run_id: str
    function: str
    reason: str
    count: int


def read_failed_users(bucket: Bucket, run_ids: Sequence[str], reasons: Sequence[str]) -> tuple[list[FailedUser], int]:
    """(the users, how many records are unreadable). Users of a slice that failed as a whole have no id yet."""
    with ThreadPoolExecutor(READERS) as readers:
        keys = [
            key for found in readers.map(lambda run: bucket.list_keys(failures_prefix(run)), run_ids) for key in found
        ]
        bodies = list(readers.map(bucket.get, keys))
    users: list[FailedUser] = []
    unreadable = 0
    for body in bodies:
        try:
            # All of a record's users or none.
            users.extend([user for user in _parse(body or b"") if user.is_wanted(reasons)])
        except (ValueError, KeyError, TypeError, InvalidEventError):
            unreadable += 1
    return sorted(users, key=lambda user: (user.run_id, user.chunk, user.position)), unreadable


def count_users(users: Iterable[FailedUser]) -> list[FailureCount]:
    """By run, function and reason; the newest run first."""
    counts = Counter((user.run_id, user.function, user.reason) for user in users)
    return [
        FailureCount(*key, count)
        for key, count in sorted(counts.items(), key=lambda item: (item[0][0], item[1]), reverse=True)
    ]


def name_users(bucket: Bucket, users: Sequence[FailedUser]) -> list[FailedUser]:
    """The same with the ids that their chunks say, where the chunks are still there."""
    chunks = {(user.run_id, user.chunk) for user in users if not user.user_id}
    known = {place: bucket.read_users(*place) for place in chunks}

    def name(user: FailedUser) -> FailedUser:
        members = known.get((user.run_id, user.chunk), [])
        if user.user_id or user.position >= len(members):
            return user
        return replace(user, user_id=members[user.position].user_id, tenant_id=members[user.position].tenant_id)

    return [name(user) for user in users]


def _parse(body: bytes) -> Iterator[FailedUser]:
    """layers/batch/express_batch/failures.py describes the two shapes."""
    document: dict[str, Any] = decode_json(body)
    run_id, chunk, function = (
        check_run_id(document["run_id"]),
        read_place(document["chunk"]),
        str(document.get("function", "SyncUsers")),
    )
    if "failures" in document:
        for failure in document["failures"]:
            yield FailedUser(
                run_id,
                chunk,
                read_place(failure["position"], MAX_CHUNK_USERS),
                str(failure["user_id"]),
                str(failure["tenant_id"]),
                function,
                read_reason(failure["reason"]),
                str(failure["detail"]),
            )
        return
    reason, detail = read_reason(document["reason"]), str(document.get("detail", ""))
    for position in read_slice(document):
        yield FailedUser(run_id, chunk, position, "", "", function, reason, detail)
