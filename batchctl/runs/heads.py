"""The head of a run: how it stands, out of its objects and log lines, whichever of them there are."""

import re
from collections.abc import Mapping
from typing import Any

from express_batch.claim import LONGEST_EXECUTION_SECONDS
from express_batch.outside_json import decode_json

from batchctl.runs.failure_records import RunFailures
from batchctl.runs.figures import read_count, read_counts, read_seconds
from batchctl.runs.run_data import RunHead

# A clock may differ by a few seconds.
CLOCK_SECONDS = 10.0
# Before the claim: a cold start of ListUsers and its first query.
BEFORE_SECONDS = 70.0
_REDRIVE = re.compile(r"([0-9]{8}T[0-9]{6}Z)-r[0-9]+")


def parse_object(body: bytes | str | None) -> dict[str, Any] | None:
    """A JSON object, or None where there is none or it is something else."""
    try:
        document = decode_json(body or b"")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def read_closed_head(run_id: str, tenant_group: str, closed: Mapping[str, Any]) -> RunHead:
    """The head out of closed.json or of the log line `run closed`. Raises KeyError or ValueError."""
    closed_at = closed.get("ended_at")
    started_at = closed.get("execution_started_at") or closed.get("started_at") or closed_at or 0.0
    waited = closed.get("waited_seconds")
    return RunHead(
        run_id=run_id,
        tenant_group=str(closed.get("tenant_group") or tenant_group),
        status=str(closed["status"]),
        started_at=read_seconds(started_at),
        closed_at=None if closed_at is None else read_seconds(closed_at),
        users_listed=read_count(closed["users_listed"]),
        rows_written=read_count(closed["rows_written"]),
        users_failed=read_count(closed["users_failed"]),
        users_missing=read_count(closed["users_missing"]),
        failed_by_reason=read_counts(closed.get("failed_by_reason")),
        redrive_of=find_original(run_id),
        waited_seconds=None if waited is None else read_seconds(waited),
        not_started_because=str(closed.get("reason") or "") or None,
    )


def find_original(run_id: str) -> str | None:
    """The run that a redrive, `<run id>-r1`, runs again; None for a run that is none."""
    match = _REDRIVE.fullmatch(run_id)
    return None if match is None else match.group(1)


def is_execution_over(started_at: float, now: float) -> bool:
    """Whether an execution of that start can be alive no more; an Express execution itself cannot be asked.

    A start that far in the future is nobody's: who waited for its end would wait until then.
    """
    return abs(now - started_at) > LONGEST_EXECUTION_SECONDS + CLOCK_SECONDS


def read_open_head(
    run_id: str,
    tenant_group: str,
    *,
    started_at: float,
    users_listed: int,
    rows_written: int,
    failures: RunFailures,
    is_over: bool,
) -> RunHead:
    """The head of a run that nothing has closed: RUNNING until its execution is over, FAILED from then on."""
    failed = min(len(failures.reasons), users_listed)
    # A batch that was written twice is logged twice.
    written = min(rows_written, users_listed - failed)
    return RunHead(
        run_id=run_id,
        tenant_group=tenant_group,
        status="FAILED" if is_over else "RUNNING",
        started_at=started_at,
        closed_at=None,
        users_listed=users_listed,
        rows_written=written,
        users_failed=failed,
        users_missing=users_listed - failed - written,
        failed_by_reason=failures.by_reason(),
        redrive_of=find_original(run_id),
    )
