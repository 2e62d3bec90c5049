"""Whether a run may start: not while calls are stopped, the writer is far behind, or an earlier run still goes.

What is refused lists nobody, ends well and says so in closed.json: the next run calls for the same users.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from express_batch import ledger
from express_batch.close_run import CLOSED_VERSION
from express_batch.database import Database, Transaction
from express_batch.ports import ObjectStore, VersionedStore
from express_batch.run_layout import closed_key, redrive_of
from express_batch.stop_switch import StopSwitch
from express_batch.turn import Turn, take_turn

# Between two looks; each is a short invocation of ListUsers, and the wait itself is the state machine's.
LOOK_SECONDS = 5
# A run that lost users for good looks like one whose rows are on their way. So no account of a run holds others up for
# longer, and a writer that stands still gets one more run in this time at most.
UNWRITTEN_SECONDS = 900


@dataclass(frozen=True)
class Admission:
    """What template.yaml says about runs that meet. The defaults refuse nothing."""

    run_overlap: str = "both"  # or skip, or wait
    max_unwritten_users: int = 0  # of earlier runs; 0: not looked at


@dataclass(frozen=True)
class Refusal:
    """Why a run does not start now."""

    status: str  # STOPPED, SKIPPED, or WAITING: to be asked again
    reason: str


@dataclass(frozen=True)
class Start:
    """A run that wants to start."""

    run_id: str
    execution: str
    began_at: float | None  # the execution; None where a function is invoked by itself: that has no turn
    now: float  # seconds since 1970
    may_wait_until: float | None  # None where nobody would ask again


def ask_admission(
    start: Start,
    admission: Admission,
    *,
    tenant_group: str,
    switch: StopSwitch,
    store: VersionedStore,
    database: Database,
) -> Refusal | None:
    """None when the run may start; with skip or wait it then has the turn.

    Raises DatabaseUnavailableError, StorageUnavailableError, SchemaError.
    """
    refusal = ask_switch(switch)
    if refusal is not None:
        return refusal
    if admission.max_unwritten_users:
        unwritten = database.run_transaction(_counting(tenant_group, start.now))
        if unwritten > admission.max_unwritten_users:
            return _wait_or_skip(start, f"{unwritten} users of earlier runs are not written yet", may_wait=True)
    if admission.run_overlap != "both" and start.began_at is not None:
        holder = take_turn(store, Turn(start.run_id, start.execution, start.began_at), start.now)
        if holder is not None:
            return _wait_or_skip(start, f"run {holder} still goes", may_wait=admission.run_overlap == "wait")
    return None


def ask_switch(switch: StopSwitch) -> Refusal | None:
    """None unless calls are stopped."""
    return Refusal("STOPPED", switch.reason or "no reason was given") if switch.is_on() else None


def note_refusal(
    store: ObjectStore,
    run_id: str,
    refusal: Refusal,
    *,
    tenant_group: str,
    execution_started_at: float | None,
    started_at: float,
    ended_at: float,
) -> None:
    """The account of a run that did not start, in the shape of CloseRun's. Raises StorageUnavailableError.

    One that is there stays: an attempt at ListUsers that was taken for dead may be refused when the run, which a later
    attempt has started, is closed; the users that it has left out would be nobody's to redrive.
    """
    document = {
        "version": CLOSED_VERSION,
        "run_id": run_id,
        "redrive_of": redrive_of(run_id),
        "tenant_group": tenant_group,
        "status": refusal.status,
        "reason": refusal.reason,
        "users_listed": 0,
        "rows_written": 0,
        "users_failed": 0,
        "users_missing": 0,
        "failed_by_reason": {},
        "waited_seconds": 0.0,
        "execution_started_at": execution_started_at,
        "started_at": started_at,
        "ended_at": ended_at,
    }
    store.put_if_absent(closed_key(run_id), json.dumps(document).encode())


def _wait_or_skip(start: Start, reason: str, *, may_wait: bool) -> Refusal:
    if may_wait and start.may_wait_until is not None and start.now + LOOK_SECONDS <= start.may_wait_until:
        return Refusal("WAITING", reason)
    return Refusal("SKIPPED", reason)


def _counting(tenant_group: str, now: float) -> Callable[[Transaction], int]:
    since = (datetime.fromtimestamp(now, UTC) - timedelta(days=1)).strftime("%Y%m%dT%H%M%SZ")
    return lambda tx: ledger.count_unwritten(tx, tenant_group, since, UNWRITTEN_SECONDS)
