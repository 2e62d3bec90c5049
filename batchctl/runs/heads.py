"""The head of a run: how it stands, out of its objects and log lines, whichever of them there are."""

import json
import re
from collections.abc import Mapping
from typing import Any

from batchctl.runs.failure_records import RunFailures
from batchctl.runs.run_data import RunHead

# An Express execution lives for 5 minutes at most; a clock may differ by a few seconds.
LONGEST_EXECUTION_SECONDS = 300.0
CLOCK_SECONDS = 10.0
_REDRIVE = re.compile(r"([0-9]{8}T[0-9]{6}Z)-r[0-9]+")


def parse_object(body: bytes | None) -> dict[str, Any] | None:
    """A JSON object, or None where there is none or it is something else."""
    try:
        document = json.loads(body or b"")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def read_closed_head(run_id: str, tenant_group: str, closed: Mapping[str, Any]) -> RunHead:
    """The head out of closed.json or of the log line `run closed`. Raises KeyError, TypeError or ValueError."""
    closed_at = closed.get("ended_at")
    started_at = closed.get("execution_started_at") or closed.get("started_at") or closed_at or 0.0
    waited = closed.get("waited_seconds")
    return RunHead(
        run_id=run_id,
        tenant_group=str(closed.get("tenant_group") or tenant_group),
        status=str(closed["status"]),
        started_at=float(started_at),
        closed_at=None if closed_at is None else float(closed_at),
        users_listed=int(closed["users_listed"]),
        rows_written=int(closed["rows_written"]),
        users_failed=int(closed["users_failed"]),
        users_missing=int(closed["users_missing"]),
        failed_by_reason={str(name): int(count) for name, count in (closed.get("failed_by_reason") or {}).items()},
        redrive_of=find_original(run_id),
        waited_seconds=None if waited is None else float(waited),
        not_started_because=str(closed.get("reason") or "") or None,
    )


def find_original(run_id: str) -> str | None:
    """The run that a redrive, `<run id>-r1`, runs again; None for a run that is none."""
    match = _REDRIVE.fullmatch(run_id)
    return None if match is None else match.group(1)


def is_execution_over(started_at: float, now: float) -> bool:
    """Whether an execution of that start can be alive no more; an Express execution itself cannot be asked."""
    return now - started_at > LONGEST_EXECUTION_SECONDS + CLOCK_SECONDS


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
