"""ListUsers: claims the run, lists its users into chunks in S3, and answers with counts only."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from express_batch import ledger
from express_batch.admission import LOOK_SECONDS, Admission, Refusal, Start, ask_admission, ask_switch, note_refusal
from express_batch.circuit_board import OPEN, is_circuit_open
from express_batch.claim import MAX_TIME_CHARACTERS, Claim, decode_claim, is_held_by
from express_batch.database import Database
from express_batch.errors import InvalidEventError, SettingsError
from express_batch.fair_order import read_weights, take_turns
from express_batch.job_contract import Job
from express_batch.listing import keep_listing, read_listing, write_listing
from express_batch.observability import Observer
from express_batch.ports import ObjectStore, VersionedStore
from express_batch.redrive import RedriveRequest, list_redrive
from express_batch.run_layout import make_dry_run_id, make_run_id, started_key
from express_batch.start_time import read_deadline, read_start_time
from express_batch.stop_switch import StopSwitch
from express_batch.turn import Turn, give_turn_back

# A dry run's counts travel in the state's payload, and nobody pays for a rehearsal with a whole run's calls.
MAX_DRY_RUN_USERS = 1000
# An execution's ARN and the time of its start make about 250.
MAX_EXECUTION_CHARACTERS = 2048


@dataclass(frozen=True)
class StartRequest:
    """What the state machine hands to ListUsers."""

    # Of a redrive it is no time, so that a release that knows no redrives refuses it instead of running everybody.
    scheduled_time: str
    execution: str  # the same for every attempt of one execution, different for a duplicate of it
    dry_run_users: int | None = None  # how many users a dry run takes; None where the run is a real one
    execution_started_at: float | None = None  # seconds since 1970
    redrive: RedriveRequest | None = None  # which run is to be run again; None where the run is one of its own
    deadline: float | None = None  # seconds since 1970, from when on the time left belongs to CloseRun
    circuit_breaker: bool = False  # whether the machine can probe the partner where the circuit is open

    @property
    def may_wait_until(self) -> float | None:
        """Until half of the time for calls is over; None where the state machine knows no waiting."""
        if self.deadline is None or self.execution_started_at is None:
            return None
        return (self.execution_started_at + self.deadline) / 2

    @classmethod
    def from_event(cls, event: object) -> "StartRequest":
        """The request. Raises InvalidEventError."""
        if not isinstance(event, dict):
            raise InvalidEventError(f"the event is a {type(event).__name__}: expected scheduled_time and execution")
        missing = [name for name in ("scheduled_time", "execution") if not isinstance(event.get(name), str)]
        if missing:
            raise InvalidEventError(f"the event lacks {', '.join(missing)}: start UserBatch, which sends them")
        if not event["execution"].isascii() or len(event["execution"]) > MAX_EXECUTION_CHARACTERS:
            raise InvalidEventError("execution is no id of an execution: start UserBatch, which sends it")
        if len(event["scheduled_time"]) > MAX_TIME_CHARACTERS:
            raise InvalidEventError(f"scheduled_time has more than {MAX_TIME_CHARACTERS} characters: expected ISO 8601")
        users = event.get("dry_run_users")
        if users is not None and not (type(users) is int and 1 <= users <= MAX_DRY_RUN_USERS):
            raise InvalidEventError(
                f"users of a dry run is {repr(users)[:40]}: expected a whole number from 1 to {MAX_DRY_RUN_USERS}"
            )
        circuit_breaker = event.get("circuit_breaker", False)
        if not isinstance(circuit_breaker, bool):
            raise InvalidEventError(f"circuit_breaker is a {type(circuit_breaker).__name__}: expected true or false")
        redrive = RedriveRequest.from_event(event)
        if redrive is not None and users is not None:
            raise InvalidEventError("the event asks for a dry run and for a redrive: one of them")
        return cls(
            event["scheduled_time"],
            event["execution"],
            users,
            read_start_time(event),
            redrive,
            read_deadline(event),
            circuit_breaker,
        )


def list_users(
    request: StartRequest,
    *,
    tenant_group: str,
    chunk_size: int,
    job: Job,
    database: Database,
    store: VersionedStore,
    observer: Observer,
    admission: Admission | None = None,
    switch: StopSwitch | None = None,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """{"run_id", "started", "users_listed", "chunks": [{"chunk", "user_count"}]}.

    `started` is False, with nothing listed, when another execution has the run already. A dry run claims nothing, takes
    the first users alone and stays out of the ledger; its answer has "dry_run": True besides. A redrive takes the users
    of another run that are not written (redrive.py). `started` is False, too, with a `status`, when the run is refused
    (admission.py): STOPPED, SKIPPED, or WAITING with the `wait_seconds` after which to ask again. "circuit": "open" is
    there when the partner was down, so that the state machine has to probe it first.
    Raises ListingTooLargeError, JobQueryError, DatabaseUnavailableError, StorageUnavailableError, RedriveRefusedError,
    ObjectUnreadableError.
    """
    answer = _list_run(
        request,
        tenant_group=tenant_group,
        chunk_size=chunk_size,
        job=job,
        database=database,
        store=store,
        observer=observer,
        admission=admission or Admission(),
        switch=switch or StopSwitch(store),
        now=now,
    )
    if request.circuit_breaker and answer.get("started") and is_circuit_open(store):
        return {**answer, "circuit": OPEN}
    return answer


def _list_run(
    request: StartRequest,
    *,
    tenant_group: str,
    chunk_size: int,
    job: Job,
    database: Database,
    store: VersionedStore,
    observer: Observer,
    admission: Admission,
    switch: StopSwitch,
    now: Callable[[], float],
) -> dict[str, Any]:
    started_at = now()
    if chunk_size < 1:
        raise SettingsError(f"CHUNK_SIZE is {chunk_size}: expected at least 1")
    if request.redrive is not None:
        refusal = None if request.redrive.only_asks else ask_switch(switch)
        if refusal is not None:
            observer.identify(run_id=request.redrive.run_id)
            return _refuse(request.redrive.run_id, refusal, observer)
        return list_redrive(
            request.redrive,
            execution=request.execution,
            execution_started_at=request.execution_started_at,
            tenant_group=tenant_group,
            chunk_size=chunk_size,
            database=database,
            store=store,
            observer=observer,
            now=now,
        )
    is_dry = request.dry_run_users is not None
    run_id = (
        make_dry_run_id(request.scheduled_time, request.execution) if is_dry else make_run_id(request.scheduled_time)
    )
    observer.identify(run_id=run_id)
    if not is_dry and not _claim_run(
        store, Claim(request.execution, request.scheduled_time, started_at), run_id, tenant_group, database
    ):
        observer.log("run already started")
        return {"run_id": run_id, "started": False, "users_listed": 0, "chunks": []}

    refusal = (
        ask_switch(switch)
        if is_dry
        else ask_admission(
            Start(run_id, request.execution, request.execution_started_at, started_at, request.may_wait_until),
            admission,
            tenant_group=tenant_group,
            switch=switch,
            store=store,
            database=database,
        )
    )
    switch.tell_problem(observer)
    if refusal is not None:
        if not is_dry and refusal.status != "WAITING":
            note_refusal(
                store,
                run_id,
                refusal,
                tenant_group=tenant_group,
                execution_started_at=request.execution_started_at,
                started_at=started_at,
                ended_at=now(),
            )
        return _refuse(run_id, refusal, observer)
    try:
        kept = None if is_dry else read_listing(store, run_id)  # of an attempt before this one
        answer = kept or _list_job(run_id, request, chunk_size, job, database, store, observer)
        if not is_dry:
            answer = keep_listing(store, run_id, answer)
    except BaseException:
        began_at = request.execution_started_at
        if not is_dry and admission.run_overlap != "both" and began_at is not None:
            give_turn_back(store, Turn(run_id, request.execution, began_at))
        raise
    listed, chunks = answer["users_listed"], len(answer["chunks"])

    def tell(message: str) -> None:
        observer.log(
            message,
            users_listed=listed,
            chunks=chunks,
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
    tell("users listed")
    observer.measure("Count", UsersListed=listed)
    return answer


def _list_job(
    run_id: str,
    request: StartRequest,
    chunk_size: int,
    job: Job,
    database: Database,
    store: ObjectStore,
    observer: Observer,
) -> dict[str, Any]:
    with observer.span("list users") as span, closing(database.stream_users(job.SELECT_USERS)) as users:
        ordered = take_turns(islice(users, request.dry_run_users), read_weights(job))
        answer = write_listing(store, run_id, ((user, None) for user in ordered), chunk_size)
        span.annotate(users_listed=answer["users_listed"], chunks=len(answer["chunks"]))
    return answer


def _refuse(run_id: str, refusal: Refusal, observer: Observer) -> dict[str, Any]:
    answer = {"run_id": run_id, "started": False, "status": refusal.status, "users_listed": 0, "chunks": []}
    if refusal.status == "WAITING":
        observer.log("run waits", reason=refusal.reason)
        return {**answer, "wait_seconds": LOOK_SECONDS}
    observer.log("run not started", status=refusal.status, reason=refusal.reason)
    return answer


def _claim_run(store: VersionedStore, claim: Claim, run_id: str, tenant_group: str, database: Database) -> bool:
    """True when this execution owns the run: it is the first, it repeats its own ListUsers, or the first one died.

    An Express execution lives for 5 minutes at most. A claim that is older and has no account is that of an execution
    which failed before it called for anybody, so whoever starts the run again must not be told that it was done.
    """
    key = started_key(run_id)
    if store.put_if_absent(key, claim.encode()):
        return True
    found = store.get_with_version(key)
    if found is None:
        return False
    held = decode_claim(found[0], run_id)
    if held.execution == claim.execution:
        return True
    if held.may_live(claim.claimed_at):
        return False
    if run_id in database.run_transaction(lambda tx: ledger.read_runs(tx, tenant_group, run_id)):
        return False
    # Of two that find it dead one has it.
    return store.put_if_version(key, claim.encode(), found[1]) or is_held_by(store, run_id, claim.execution)
