"""What became of one user in one run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from express_batch.chunks import read_sizes
from express_batch.user_ids import hash_user_id

from batchctl.errors import BatchctlError
from batchctl.runs.failure_records import read_chunk_users, read_records
from batchctl.runs.heads import parse_object
from batchctl.runs.ports import RunSource
from batchctl.runs.run_data import RunData, SliceActivity


class UnknownUserError(BatchctlError):
    """The run has no such user."""


@dataclass(frozen=True)
class UserStory:
    """One user's place in the run and what happened there."""

    user_id: str
    tenant_id: str
    chunk: int
    position: int
    slice_start: int | None
    slice_end: int | None  # exclusive
    outcome: str  # written, failed, missing, in flight, or not known
    text: str
    reason: str | None = None
    function: str | None = None
    request_id: str | None = None  # of the invocation that handled it last
    attempts: int = 0


def read_objects(source: RunSource, run_id: str) -> dict[str, bytes]:
    """Chunks and failure records of a run by their keys. Raises SourceError.

    An attempt at ListUsers that was repeated may have left chunks that the run does not have; its listing tells.
    """
    listing = parse_object(source.objects.get(f"runs/{run_id}/listing.json"))
    listed = None if listing is None else read_listed_chunks(listing)
    prefix = f"runs/{run_id}/chunks/"
    chunks = source.objects.list_keys(prefix) if listed is None else [f"{prefix}{chunk:05d}.json" for chunk in listed]
    keys = [*chunks, *source.objects.list_keys(f"runs/{run_id}/failures/")]
    bodies = source.objects.get_many(keys)
    return {key: body for key, body in zip(keys, bodies, strict=True) if body is not None}


def read_listed_chunks(listing: Mapping[str, Any]) -> list[int] | None:
    """The numbers of a run's chunks out of its listing; None where that does not say them."""
    try:
        return sorted(read_sizes(listing["chunks"]))
    except (KeyError, TypeError, ValueError):
        return None


def tell_of_user(data: RunData, user_id: str, objects: Mapping[str, bytes]) -> UserStory:
    """The story of the user, whose id may also be given as its hash. Raises UnknownUserError."""
    run_id = data.head.run_id
    chunk, position, found_id, tenant_id = _find_user(data, user_id, objects)
    bodies = [body for key, body in sorted(objects.items()) if key.startswith(f"runs/{run_id}/failures/")]
    failures = read_records(bodies)
    slices = [each for each in data.slices if each.chunk == chunk and each.start <= position < each.end]
    last = slices[-1] if slices else None
    dead = next((each for each in failures.slices if each.chunk == chunk and each.start <= position < each.end), None)
    start = last.start if last else dead.start if dead else None
    end = last.end if last else dead.end if dead else None
    request_id = last.request_id if last else dead.request_id if dead else None

    def tell(outcome: str, text: str, reason: str | None = None, function: str | None = None) -> UserStory:
        return UserStory(
            found_id, tenant_id, chunk, position, start, end, outcome, text, reason, function, request_id, len(slices)
        )

    reason = failures.reasons.get((chunk, position))
    if reason is not None:
        single = next((user for user in failures.users if (user.chunk, user.position) == (chunk, position)), None)
        function = single.function if single else "SyncUsers"
        detail = failures.details.get((reason, function), "")
        what = "failed" if single else "failed with its whole slice"
        return tell("failed", f"{what} in {function}, {reason}: {detail}", reason, function)
    return tell(*_judge(data, last))


def _judge(data: RunData, last: SliceActivity | None) -> tuple[str, str]:
    """(outcome, text) of a user without a failure record."""
    head = data.head
    if head.status in ("COMPLETE", "PARTIAL"):
        return "written", "its row is in the database: the run accounts for every user"
    if last is None:
        if head.status == "RUNNING":
            return "in flight", "no slice with it has come to an end yet"
        return "missing", "no slice with it came to an end: neither written nor failed"
    answered = f"the partner API answered and its row was sent to the stream by request {last.request_id}"
    if head.status == "RUNNING":
        return "in flight", answered
    unwritten = sum(each.synced for each in data.slices) - head.rows_written
    if unwritten <= 0:
        return "written", f"{answered}, and all rows that were sent are written"
    return (
        "not known",
        f"{answered}; {unwritten:,} rows were not written when the run ended, and this may be one of them",
    )


def _find_user(data: RunData, user_id: str, objects: Mapping[str, bytes]) -> tuple[int, int, str, str]:
    """(chunk, position, user_id, tenant_id)."""
    run_id, group = data.head.run_id, data.head.tenant_group
    wanted = json.dumps(user_id, ensure_ascii=False).encode()
    is_hash = len(user_id) == 16 and all(digit in "0123456789abcdef" for digit in user_id)
    prefix = f"runs/{run_id}/chunks/"
    chunks = {key: body for key, body in objects.items() if key.startswith(prefix)}
    for key, body in sorted(chunks.items()):
        if not is_hash and wanted not in body:
            continue  # parsing 100,000 users to find one would take seconds
        try:
            users = read_chunk_users(body)
        except ValueError:
            continue
        for position, (each_id, tenant_id) in enumerate(users):
            if each_id == user_id or (is_hash and hash_user_id(group, each_id) == user_id):
                return int(key[len(prefix) :].removesuffix(".json")), position, each_id, tenant_id
    if not chunks:
        for user in data.failed_users:
            if user.user_id == user_id:
                return user.chunk, user.position, user.user_id, user.tenant_id
        raise UnknownUserError(
            f"the chunks of run {run_id} are not there any more, and {user_id} is none of its failed users: "
            "ask for a newer run"
        )
    raise UnknownUserError(
        f"user {user_id} was not listed in run {run_id} (its {data.head.users_listed:,} users are those of the job's "
        "SELECT_USERS at that time)"
    )
