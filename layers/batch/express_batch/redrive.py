"""A redrive: the users of a run that neither it nor a redrive of it has written, listed for a run of their own.

The state machine's input {"redrive_of": "20261122T083000Z", "reasons": ["ApiServerError"]} comes here instead of to the
job's query; from the listing on, a redrive is a run like any other. docs/adr/0011-redrive.md says why.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from express_batch import ledger
from express_batch.attempts import Redrives, RunHistory
from express_batch.claim import Claim, is_held_by
from express_batch.database import Database, Transaction
from express_batch.errors import InvalidEventError, RedriveRefusedError
from express_batch.failures import MAX_REASON_CHARACTERS
from express_batch.ledger import RunRow
from express_batch.listing import keep_listing, read_listing, write_listing
from express_batch.observability import Observer
from express_batch.ports import ObjectStore
from express_batch.run_layout import check_any_run_id, is_dry_run, original_of, redrive_of, started_key

MAX_REASONS = 50
NOTHING_LEFT = "NOTHING_TO_REDRIVE"


@dataclass(frozen=True)
class RedriveRequest:
    """Which run is to be run again."""

    run_id: str  # of the run, or of a redrive of it
    reasons: tuple[str, ...] = ()  # none: whatever the reason
    only_asks: bool = False  # says what is left, and starts nothing

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> "RedriveRequest | None":
        """The request, or None where the event asks for a run of its own. Raises InvalidEventError."""
        if event.get("redrive_of") is None:
            return None
        reasons = event.get("reasons")
        if reasons is None:
            reasons = []
        elif isinstance(reasons, str):
            reasons = [reasons]
        if not (
            isinstance(reasons, list)
            and len(reasons) <= MAX_REASONS
            and all(isinstance(reason, str) and 0 < len(reason) <= MAX_REASON_CHARACTERS for reason in reasons)
        ):
            raise InvalidEventError(
                f"reasons are no list of at most {MAX_REASONS} names, such as ApiServerError: leave them out for all"
            )
        return cls(check_any_run_id(event["redrive_of"]), tuple(reasons), event.get("only_asks") is True)


def list_redrive(
    request: RedriveRequest,
    *,
    execution: str,
    execution_started_at: float | None,
    tenant_group: str,
    chunk_size: int,
    database: Database,
    store: ObjectStore,
    observer: Observer,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """What ListUsers answers, with "redrive_of"; where `started` is False, `status` says why.

    ALREADY_STARTED: another execution runs the run again at this moment. NOTHING_TO_REDRIVE: every user is written; no
    run is made of it. Raises RedriveRefusedError, ListingTooLargeError, DatabaseUnavailableError,
    StorageUnavailableError, SchemaError, ObjectUnreadableError.
    """
    started_at = now()
    observer.identify(run_id=request.run_id)
    if is_dry_run(request.run_id):
        raise RedriveRefusedError(f"{request.run_id} is a dry run, which writes nothing: start a run")
    original = original_of(request.run_id)
    history = RunHistory(original, tenant_group=tenant_group, database=database, store=store, observer=observer)
    accounts = history.read_accounts()
    _check_has_ended(history, accounts, started_at)
    redrives = history.find_redrives(accounts, started_at)
    if request.only_asks:
        return _tell_left(request, history, accounts, redrives)
    if redrives.owner is not None and redrives.owner.execution != execution:
        return _start_nothing(redrives.next_id, original, "ALREADY_STARTED", observer)

    run_id = redrives.next_id
    scheduled_time = history.scheduled_time()
    answer = None if redrives.owner is None else read_listing(store, run_id)  # of an attempt before this one
    if answer is None:
        with observer.span("find users left"):
            left = history.read_left(redrives.ended, accounts, with_reasons=bool(request.reasons))
        places = list(left.places(request.reasons))
        if not places:
            return _start_nothing(original, original, NOTHING_LEFT, observer)
        # The claim comes behind the look at what is left: whoever claims the number had looked before anybody ran it.
        claim = Claim(execution, scheduled_time, now())
        if redrives.owner is None and not store.put_if_absent(started_key(run_id), claim.encode()):
            held_by_another = not is_held_by(store, run_id, execution)
            if held_by_another:
                return _start_nothing(run_id, original, "ALREADY_STARTED", observer)
        with observer.span("list users") as span:
            listing = write_listing(store, run_id, history.read_users(places), chunk_size)
            answer = keep_listing(store, run_id, {**listing, "redrive_of": original})
            span.annotate(users_listed=answer["users_listed"], chunks=len(answer["chunks"]))
    observer.identify(run_id=run_id)
    listed, chunks = answer["users_listed"], len(answer["chunks"])

    def open_run(tx: Transaction) -> None:
        ledger.open_run(tx, tenant_group, run_id, scheduled_time, listed)
        ledger.link_redrive(tx, tenant_group, run_id, original)

    with observer.span("open run") as span:
        database.run_transaction(open_run)
        span.describe(statements=database.take_activity().statements.summary())
    observer.log(
        "users listed",
        users_listed=listed,
        chunks=chunks,
        started_at=started_at,
        ended_at=now(),
        execution_started_at=execution_started_at,
        redrive_of=original,
        reasons=list(request.reasons),
    )
    observer.measure("Count", UsersListed=listed)
    return answer


def _check_has_ended(history: RunHistory, accounts: dict[str, RunRow], now: float) -> None:
    """Return when the run is closed or its execution is dead, and its users are known. Raises RedriveRefusedError."""
    original = history.original
    account, claim = accounts.get(original), history.read_claim()
    if account is None and claim is None:
        raise RedriveRefusedError(
            f"run {original} is unknown to this tenant group: it never was, or it is older than RunRetentionDays"
        )
    if claim is not None and claim.may_live(now) and (account is None or not account.is_closed):
        raise RedriveRefusedError(f"run {original} is still running: wait until it has ended")
    if claim is not None and account is None:
        raise RedriveRefusedError(
            f"run {original} died before it had listed its users: start UserBatch with "
            f'{{"scheduled_time": "{claim.scheduled_time}"}}'
        )


def _start_nothing(run_id: str, original: str, status: str, observer: Observer) -> dict[str, Any]:
    observer.identify(run_id=run_id)
    observer.log("redrive not started", redrive_of=original, status=status)
    return {
        "run_id": run_id,
        "started": False,
        "status": status,
        "redrive_of": original,
        "users_listed": 0,
        "chunks": [],
    }


def _tell_left(
    request: RedriveRequest, history: RunHistory, accounts: dict[str, RunRow], redrives: Redrives
) -> dict[str, Any]:
    """{"run_id", "users_left", "left_by_reason", "users_chosen", "running", "accounts"}: nothing is started."""
    left = history.read_left(redrives.ended, accounts, with_reasons=True)
    return {
        "run_id": history.original,
        "users_left": sum(mask.bit_count() for mask in left.masks.values()),
        "left_by_reason": left.by_reason(),
        "users_chosen": sum(1 for _ in left.places(request.reasons)),
        "running": None if redrives.owner is None else redrives.next_id,
        "accounts": [
            {"run_id": run_id, **asdict(row)}
            for run_id, row in sorted(accounts.items())
            if run_id == history.original or redrive_of(run_id) == history.original
        ],
    }
