"""ListUsers: claims the run, lists its users into chunks in S3, and answers with counts only."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from express_batch import ledger
from express_batch.chunks import cut_chunks, encode_chunk
from express_batch.database import Database
from express_batch.errors import InvalidEventError, ListingTooLargeError, SettingsError
from express_batch.job_contract import Job
from express_batch.observability import Observer
from express_batch.ports import ObjectStore
from express_batch.run_layout import chunk_key, listing_key, make_dry_run_id, make_run_id, started_key
from express_batch.start_time import read_start_time

# A state's payload is limited to 262,144 bytes and DataLimitExceeded cannot be caught, so the guard is here
# (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
MAX_LISTING_BYTES = 240_000
CHUNK_WRITERS = 8
LONGEST_EXECUTION_SECONDS = 300.0
# A dry run's counts travel in the state's payload, and nobody pays for a rehearsal with a whole run's calls.
MAX_DRY_RUN_USERS = 1000


@dataclass(frozen=True)
class StartRequest:
    """What the state machine hands to ListUsers."""

    scheduled_time: str
    execution: str  # the same for every attempt of one execution, different for a duplicate of it
    dry_run_users: int | None = None  # how many users a dry run takes; None where the run is a real one
    execution_started_at: float | None = None  # seconds since 1970

    @classmethod
    def from_event(cls, event: object) -> "StartRequest":
        """The request. Raises InvalidEventError."""
        if not isinstance(event, dict):
            raise InvalidEventError(f"the event is a {type(event).__name__}: expected scheduled_time and execution")
        missing = [name for name in ("scheduled_time", "execution") if not isinstance(event.get(name), str)]
        if missing:
            raise InvalidEventError(f"the event lacks {', '.join(missing)}: start UserBatch, which sends them")
        users = event.get("dry_run_users")
        if users is not None and not (type(users) is int and 1 <= users <= MAX_DRY_RUN_USERS):
            raise InvalidEventError(
                f"users of a dry run is {users!r}: expected a whole number from 1 to {MAX_DRY_RUN_USERS}"
            )
        return cls(event["scheduled_time"], event["execution"], users, read_start_time(event))


def list_users(
    request: StartRequest,
    *,
    tenant_group: str,
    chunk_size: int,
    job: Job,
    database: Database,
    store: ObjectStore,
    observer: Observer,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """{"run_id", "started", "users_listed", "chunks": [{"chunk", "user_count"}]}.

    `started` is False, with nothing listed, when another execution has the run already. A dry run claims nothing, takes
    the first users alone and stays out of the ledger; its answer has "dry_run": True besides.
    Raises ListingTooLargeError, JobQueryError, DatabaseUnavailableError, StorageUnavailableError.
    """
    started_at = now()
    if chunk_size < 1:
        raise SettingsError(f"CHUNK_SIZE is {chunk_size}: expected at least 1")
    is_dry = request.dry_run_users is not None
    run_id = (
        make_dry_run_id(request.scheduled_time, request.execution) if is_dry else make_run_id(request.scheduled_time)
    )
    observer.identify(run_id=run_id)
    if not is_dry and not _claim_run(store, run_id, request, started_at):
        observer.log("run already started")
        return {"run_id": run_id, "started": False, "users_listed": 0, "chunks": []}

    def write_chunk(numbered: tuple[int, list[Any]]) -> dict[str, int]:
        number, users = numbered
        store.put(chunk_key(run_id, number), encode_chunk(run_id, number, users))
        return {"chunk": number, "user_count": len(users)}

    with (
        observer.span("list users") as span,
        closing(database.stream_users(job.SELECT_USERS)) as users,
        ThreadPoolExecutor(CHUNK_WRITERS) as writers,
    ):
        taken = islice(users, request.dry_run_users)
        chunks = list(writers.map(write_chunk, enumerate(cut_chunks(taken, chunk_size))))
        listed = sum(chunk["user_count"] for chunk in chunks)
        span.annotate(users_listed=listed, chunks=len(chunks))
    answer = {"run_id": run_id, "started": True, "users_listed": listed, "chunks": chunks}
    size = len(json.dumps(answer))
    if size > MAX_LISTING_BYTES:
        raise ListingTooLargeError(
            f"{len(chunks)} chunks make {size} bytes, a state's payload holds {MAX_LISTING_BYTES}: "
            f"raise ChunkSize above {chunk_size}"
        )

    def tell(message: str) -> None:
        observer.log(
            message,
            users_listed=listed,
            chunks=len(chunks),
            started_at=started_at,
            ended_at=now(),
            execution_started_at=request.execution_started_at,
        )

    if is_dry:
        tell("users listed for a dry run")
        return {**answer, "dry_run": True}
    with observer.span("open run") as span:
        database.run_transaction(lambda tx: ledger.open_run(tx, tenant_group, run_id, request.scheduled_time, listed))
        span.describe(statements=database.take_activity().statements.summary())
    store.put(listing_key(run_id), json.dumps(answer).encode())
    tell("users listed")
    observer.measure("Count", UsersListed=listed)
    return answer


def _claim_run(store: ObjectStore, run_id: str, request: StartRequest, now: float) -> bool:
    """True when this execution owns the run: it is the first, it repeats its own ListUsers, or the first one died.

    An Express execution lives for 5 minutes at most. A claim that is older and has no listing is that of an execution
    which failed before it called for anybody, so whoever starts the run again must not be told that it was done.
    """
    key = started_key(run_id)
    claim = {"execution": request.execution, "scheduled_time": request.scheduled_time, "claimed_at": now}
    body = json.dumps(claim).encode()
    if store.put_if_absent(key, body):
        return True
    held = json.loads(store.get(key) or b"{}")
    if held.get("execution") == request.execution:
        return True
    if now - held.get("claimed_at", now) <= LONGEST_EXECUTION_SECONDS or store.get(listing_key(run_id)) is not None:
        return False
    store.put(key, body)
    return True
