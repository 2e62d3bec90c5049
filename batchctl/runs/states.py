"""UserBatch's states as far as logs and objects show them: an Express execution keeps no history that can be read."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from batchctl.runs.run_data import NOT_STARTED, InvocationReport, RunHead, SliceActivity, SliceFailure, StateActivity

END_STATES = {
    "COMPLETE": "RunClosed",
    "PARTIAL": "RunClosed",
    "INCOMPLETE": "RunIncomplete",
    "SKIPPED": "RunSkipped",
    "STOPPED": "RunStopped",
}


def derive_states(
    head: RunHead,
    *,
    listed: dict[str, Any] | None,
    chunk_sizes: dict[int, int],
    slices: Sequence[SliceActivity],
    slice_failures: Sequence[SliceFailure],
    invocations: Sequence[InvocationReport],
) -> list[StateActivity]:
    """The states that the run has entered, in the machine's order."""
    by_function: dict[str, list[InvocationReport]] = {}
    for report in invocations:
        by_function.setdefault(report.function, []).append(report)
    states = [_derive_task("ListUsers", by_function.get("ListUsers", []), known=True, started_at=head.started_at)]
    if chunk_sizes:
        states += _derive_maps(chunk_sizes, slices, slice_failures, by_function.get("SyncUsers", []))
    closing = by_function.get("CloseRun", [])
    if closing or (head.closed_at is not None and head.status not in NOT_STARTED):
        states.append(_derive_task("CloseRun", closing, known=head.closed_at is not None, started_at=None))
    if head.status in END_STATES:
        moment = head.closed_at
        failed = int(head.status == "INCOMPLETE")
        states.append(StateActivity(END_STATES[head.status], 1, failed, 0, moment, moment, 0.0))
    return states


def _derive_task(
    name: str, reports: Sequence[InvocationReport], *, known: bool, started_at: float | None
) -> StateActivity:
    """A state that is entered once; its further invocations are retries."""
    if not reports:
        return StateActivity(name, int(known), 0, 0, started_at, None, 0.0)
    return StateActivity(
        name,
        1,
        sum(report.error_type is not None for report in reports),
        len(reports) - 1,
        min(_started(report) for report in reports),
        max(report.ended_at for report in reports),
        sum(report.duration_ms for report in reports) / 1000,
    )


def _derive_maps(
    chunk_sizes: dict[int, int],
    slices: Sequence[SliceActivity],
    slice_failures: Sequence[SliceFailure],
    reports: Sequence[InvocationReport],
) -> list[StateActivity]:
    attempts = Counter((each.chunk, each.start) for each in slices)
    died = [report for report in reports if report.error_type is not None]
    # A slice that never came to an end has no line, and its record tells of its last attempt alone.
    places = set(attempts) | {(failure.chunk, failure.start) for failure in slice_failures}
    started = [each.started_at for each in slices] + [_started(report) for report in died]
    ended = [each.ended_at for each in slices] + [report.ended_at for report in died]
    first, last = min(started, default=None), max(ended, default=None)
    busy = sum(each.ended_at - each.started_at for each in slices) + sum(report.duration_ms for report in died) / 1000
    retried = max(0, sum(attempts.values()) + len(died) - len(places))
    span = last - first if first is not None and last is not None else 0.0
    states = [
        StateActivity("ProcessChunks", 1, 0, 0, first, last, span),
        StateActivity("ProcessSlices", len(chunk_sizes), 0, 0, first, last, span),
        StateActivity("SyncUsers", len(places), len(died), retried, first, last, busy),
    ]
    if slice_failures:
        states.append(StateActivity("RecordSliceFailure", len(slice_failures), 0, 0, None, last, 0.0))
    return states


def _started(report: InvocationReport) -> float:
    return report.ended_at - report.duration_ms / 1000
