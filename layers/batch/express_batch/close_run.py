"""CloseRun: waits, bounded, until every listed user is written or failed, and says how the run ended."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from express_batch import ledger
from express_batch.chunks import read_place, read_sizes
from express_batch.database import Database
from express_batch.errors import (
    DatabaseUnavailableError,
    InvalidEventError,
    SchemaError,
    StorageRefusedError,
    StorageUnavailableError,
)
from express_batch.failures import FailedPosition, read_failures
from express_batch.observability import Observer
from express_batch.ports import ObjectStore
from express_batch.retention import Retention, forget_old_runs
from express_batch.run_layout import check_run_id, closed_key, failures_prefix, redrive_of
from express_batch.start_time import read_start_time

CLOSED_VERSION = 1
FAILURE_READERS = 16
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
EXECUTION_SECONDS = 295.0  # TimeoutSeconds of statemachines/user_batch.asl.json: then nobody closes the run any more
# Kept back of them for a last count and the account.
CLOSING_SECONDS = 10.0


@dataclass(frozen=True)
class ClosingRequest:
    """The run to close and what was listed for it."""

    run_id: str
    users_listed: int
    chunk_sizes: dict[int, int]
    execution_started_at: float | None = None  # seconds since 1970

    @classmethod
    def from_event(cls, event: object) -> "ClosingRequest":
        """The request. Raises InvalidEventError."""
        if not isinstance(event, dict):
            raise InvalidEventError(f"the event is a {type(event).__name__}: expected run_id, users_listed and chunks")
        try:
            sizes = read_sizes(event["chunks"])
            listed = read_place(event["users_listed"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidEventError(
                f"the event lacks users_listed or chunks ({type(error).__name__}): start UserBatch, which sends them"
            ) from error
        if sum(sizes.values()) != listed:
            raise InvalidEventError(f"users_listed is {listed}, the chunks hold {sum(sizes.values())}")
        return cls(check_run_id(event.get("run_id")), listed, sizes, read_start_time(event))


class FailureReader:
    """The run's failure records; each object is read once."""

    def __init__(self, store: ObjectStore, run_id: str, observer: Observer) -> None:
        self._store = store
        self._prefix = failures_prefix(run_id)
        self._observer = observer
        self._read: set[str] = set()
        self._reasons: dict[tuple[int, int], str] = {}

    def read_new(self) -> dict[tuple[int, int], str]:
        """{(chunk, position): reason} of all failure records that exist by now."""
        new = [key for key in self._store.list_keys(self._prefix) if key not in self._read]
        if new:
            with ThreadPoolExecutor(min(FAILURE_READERS, len(new))) as readers:
                for key, failures in zip(new, readers.map(self._read_one, new), strict=True):
                    self._read.add(key)
                    self._reasons.update({(failure.chunk, failure.position): failure.reason for failure in failures})
        return self._reasons

    def _read_one(self, key: str) -> Sequence[FailedPosition]:
        body = self._store.get(key)
        try:
            return list(read_failures(body or b""))
        except ValueError as error:
            self._observer.warn("failure record unreadable", key=key, reason=str(error))
            return []


def close_run(
    request: ClosingRequest,
    *,
    tenant_group: str,
    wait_seconds: float,
    retention: Retention,
    database: Database,
    store: ObjectStore,
    observer: Observer,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """{"run_id", "status", "users_listed", "rows_written", "users_failed", "users_missing", "failed_by_reason"}.

    Slices that end late leave less time than `wait_seconds`: it waits no longer than the execution can live, since an
    account that says INCOMPLETE is worth more than none.
    Raises DatabaseUnavailableError, StorageUnavailableError, SchemaError.
    """
    started_at, started = now(), clock()
    deadline = started + min(wait_seconds, _find_seconds_left(request, started_at))
    failures = FailureReader(store, request.run_id, observer)
    with observer.span("wait for rows") as span:
        account, reasons = _count(request, tenant_group, database, failures)
        pause = FIRST_PAUSE_SECONDS
        while account.users_missing and clock() < deadline:
            sleep(min(pause, max(0.0, deadline - clock())))
            pause = min(LONGEST_PAUSE_SECONDS, pause * 1.5)
            account, reasons = _count(request, tenant_group, database, failures)
        span.describe(statements=database.take_activity().statements.summary())
    waited_seconds = clock() - started
    with observer.span("close run"):
        database.run_transaction(lambda tx: ledger.close_run(tx, tenant_group, request.run_id, account))
    closed = {"status": account.status, **asdict(account), "failed_by_reason": reasons}
    ended_at = now()
    line = {
        **closed,
        "waited_seconds": round(waited_seconds, 6),
        "execution_started_at": request.execution_started_at,
        "started_at": started_at,
        "ended_at": ended_at,
    }
    head = {
        "version": CLOSED_VERSION,
        "run_id": request.run_id,
        "redrive_of": redrive_of(request.run_id),
        "tenant_group": tenant_group,
    }
    _store_closed(store, request.run_id, {**head, **line}, observer)
    observer.log("run closed", **line)
    _measure(account, reasons, request.execution_started_at, ended_at, observer)
    # Last of all: it may wait for a lock on old entries, and the run is closed and told of by then.
    _forget(request.run_id, retention, tenant_group, database, observer, ended_at)
    return {"run_id": request.run_id, **closed}


def _find_seconds_left(request: ClosingRequest, now: float) -> float:
    if request.execution_started_at is None:
        return math.inf
    left = request.execution_started_at + EXECUTION_SECONDS - now
    # An execution that is over calls nobody: whoever invokes the function by hand with its event has time.
    return left - CLOSING_SECONDS if left > 0 else math.inf


def _store_closed(store: ObjectStore, run_id: str, document: Mapping[str, Any], observer: Observer) -> None:
    """The account as an object, after the ledger has it.

    The ledger decides how a run ended, and the log line has the same account: when the object cannot be stored, the run
    stays closed and reports do without it. A crash in between makes the state machine call again, which writes both.
    """
    try:
        store.put(closed_key(run_id), json.dumps(document).encode())
    except (StorageUnavailableError, StorageRefusedError) as error:
        observer.warn("account of the run not stored", key=closed_key(run_id), reason=str(error))


def _measure(
    account: ledger.RunAccount,
    reasons: Mapping[str, int],
    execution_started_at: float | None,
    ended_at: float,
    observer: Observer,
) -> None:
    observer.measure(
        "Count",
        RowsWritten=account.rows_written,
        UsersFailed=account.users_failed,
        UsersMissing=account.users_missing,
    )
    for reason, count in reasons.items():
        observer.measure("Count", reason, UsersFailedByReason=count)
    if execution_started_at is not None:
        observer.measure("Seconds", RunSeconds=round(ended_at - execution_started_at, 3))


def _forget(
    run_id: str, retention: Retention, tenant_group: str, database: Database, observer: Observer, now: float
) -> None:
    """The run is closed: a user that may not delete, as before LedgerRetentionDays, is no reason to let it fail.

    Nor is a database that has gone since, or somebody who holds old entries: the next run removes them.
    """
    try:
        removed = forget_old_runs(run_id, retention, tenant_group=tenant_group, database=database, now=now)
    except (DatabaseUnavailableError, SchemaError) as error:
        observer.warn("old ledger entries not removed", key="batch_run, batch_write", reason=str(error))
        return
    if any(removed.values()):
        observer.log("old ledger entries removed", **removed)


def _count(
    request: ClosingRequest, tenant_group: str, database: Database, failures: FailureReader
) -> tuple[ledger.RunAccount, dict[str, int]]:
    written = database.run_transaction(lambda tx: ledger.read_written(tx, tenant_group, request.run_id))
    written = {chunk: mask & ((1 << request.chunk_sizes.get(chunk, 0)) - 1) for chunk, mask in written.items()}
    rows_written = sum(mask.bit_count() for mask in written.values())
    failed = {
        place: reason
        for place, reason in failures.read_new().items()
        # A user that a later attempt has written is not failed; a position never listed counts for nothing.
        if place[1] < request.chunk_sizes.get(place[0], 0) and not written.get(place[0], 0) >> place[1] & 1
    }
    account = ledger.RunAccount(
        users_listed=request.users_listed,
        rows_written=rows_written,
        users_failed=len(failed),
        users_missing=request.users_listed - rows_written - len(failed),
    )
    return account, dict(sorted(Counter(failed.values()).items()))
