"""What went wrong in a run, and where: the few facts that an operator needs first."""

from collections.abc import Callable
from dataclasses import dataclass

from batchctl.runs import log_patterns
from batchctl.runs.ports import RunSource, SourceError
from batchctl.runs.run_data import FailureGroup, Finding, InvocationReport, RunData, RunHead

INVOCATIONS_SHOWN = 5
LINES_SHOWN = 6
REFUSED_REDRIVE = "RedriveRefusedError"  # ListUsers' answer to an operator, who was told; the run did not fail by it
# An invocation takes 240 s at most, and its REPORT follows within a second.
LONGEST_INVOCATION_SECONDS = 245.0


@dataclass(frozen=True)
class FailedInvocation:
    """An invocation that ended in an error, with its last log lines."""

    state: str
    report: InvocationReport
    lines: list[str]


@dataclass(frozen=True)
class Diagnosis:
    """What `batchctl why` tells."""

    head: RunHead
    origin: str
    findings: list[Finding]
    failures: list[FailureGroup]
    invocations: list[FailedInvocation]
    more_invocations: int
    requests: dict[str, str]  # by reason: a request in which a user failed so
    trace_id: str | None
    gaps: list[str]


def diagnose(data: RunData, source: RunSource | None) -> Diagnosis:
    """The run's errors; the first failed invocations of each kind come with their log lines where they can be read."""
    failed = [report for report in data.invocations if report.error_type not in (None, REFUSED_REDRIVE)]
    chosen = _choose(failed)
    gaps = list(data.gaps)
    shown = [FailedInvocation(_state_of(report), report, _read_lines(source, report, gaps.append)) for report in chosen]
    trace_id = data.trace.trace_id if data.trace else next((each.trace_id for each in chosen if each.trace_id), None)
    return Diagnosis(
        head=data.head,
        origin=data.origin,
        findings=[finding for finding in data.findings if finding.severity != "info"],
        failures=data.failures,
        invocations=shown,
        more_invocations=len(failed) - len(chosen),
        requests=_find_requests(data),
        trace_id=trace_id,
        gaps=gaps,
    )


def _find_requests(data: RunData) -> dict[str, str]:
    """Users fail inside invocations that succeed, so only the slices' lines name them."""
    requests: dict[str, str] = {}
    for each in data.slices:
        for reason in each.failed_by_reason:
            requests.setdefault(reason, each.request_id)
    for failure in data.slice_failures:
        if failure.request_id is not None:
            requests.setdefault(failure.reason, failure.request_id)
    return requests


def _choose(failed: list[InvocationReport]) -> list[InvocationReport]:
    """One of each function and error first, then the earliest of the others."""
    kinds: dict[tuple[str, str | None], InvocationReport] = {}
    for report in failed:
        kinds.setdefault((report.function, report.error_type), report)
    first = list(kinds.values())
    others = [report for report in failed if all(report is not each for each in first)]
    return (first + others)[:INVOCATIONS_SHOWN]


def _state_of(report: InvocationReport) -> str:
    """WriteRows is called by the stream and not by a state."""
    return "RowStreamMapping" if report.function == "WriteRows" else report.function


def _read_lines(source: RunSource | None, report: InvocationReport, tell: Callable[[str], None]) -> list[str]:
    if source is None:
        return []
    start = report.ended_at - LONGEST_INVOCATION_SECONDS
    try:
        lines = list(
            source.logs.search(report.function, log_patterns.of_request(report.request_id), start, report.ended_at + 1)
        )
    except SourceError as error:
        tell(str(error))
        return []
    texts = [line.message.rstrip().replace("\r", "\n") for line in lines]
    return [text for text in texts if not text.startswith(("START ", "END "))][-LINES_SHOWN:]
