"""One run, collected: objects, log lines and the trace become RunData; what is missing becomes a gap."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from express_batch.chunks import read_sizes
from express_batch.claim import LONGEST_EXECUTION_SECONDS

from batchctl.errors import BatchctlError
from batchctl.runs import log_patterns
from batchctl.runs.failure_records import (
    MAX_FAILED_USERS,
    RunFailures,
    make_groups,
    read_chunk_users,
    read_records,
)
from batchctl.runs.figures import count_or_zero, seconds_or
from batchctl.runs.findings import find_all
from batchctl.runs.heads import (
    BEFORE_SECONDS,
    CLOCK_SECONDS,
    is_execution_over,
    parse_object,
    read_closed_head,
    read_open_head,
)
from batchctl.runs.history import MAX_FAILURE_OBJECTS, add_latencies, count_repeats, list_previous
from batchctl.runs.latency import add_histograms, percentile_ms
from batchctl.runs.ports import LogLine, RunSource, SourceError
from batchctl.runs.report_lines import read_reports
from batchctl.runs.run_cost import compute_cost
from batchctl.runs.run_data import InvocationReport, RunData, RunHead, TraceFacts
from batchctl.runs.run_lines import RunLines, read_lines
from batchctl.runs.stack_facts import FUNCTIONS
from batchctl.runs.states import derive_states

T = TypeVar("T")
# After the close: REPORT lines, and rows of a batch that was written again.
AFTER_SECONDS = 60.0
# Of a run with missing users: the writer may still be at its rows.
LATE_ROWS_SECONDS = 900.0
CHUNKS_TO_NAME = 20


class RunNotFoundError(BatchctlError):
    """The run is not where it was looked for."""


@dataclass
class _Reading:
    """What has been read, and what could not be."""

    gaps: list[str] = field(default_factory=list)

    def attempt(self, read: Callable[[], T], otherwise: T) -> T:
        """What `read` gives; where the source refuses, `otherwise` and a gap."""
        try:
            return read()
        except SourceError as error:
            if str(error) not in self.gaps:
                self.gaps.append(str(error))
            return otherwise

    def attempt_list(self, read: Callable[[], list[T]]) -> list[T]:
        """The same for a list; otherwise an empty one."""
        empty: list[T] = []
        return self.attempt(read, empty)


def collect_run(
    source: RunSource, run_id: str, *, has_ended: bool = False, now: Callable[[], float] = time.time
) -> RunData:
    """Everything about one run. `has_ended`: the caller has seen the end of its execution.

    Raises RunNotFoundError, and SourceError where the run bucket cannot be read at all.
    """
    reading = _Reading()
    objects, facts = source.objects, source.facts
    moment = now()
    names = ("started", "listing", "closed")
    bodies = objects.get_many([f"runs/{run_id}/{name}.json" for name in names])
    started, listing, closed = (parse_object(body) for body in bodies)
    if started is None and listing is None and closed is None:
        raise RunNotFoundError(_describe_absent(source, run_id))

    claimed_at = _find_start(started, closed, moment)
    window = _make_window(claimed_at, closed, moment)
    lines, reports = _read_logs(source, run_id, window, reading)
    failures = _read_failures(source, run_id, reading)
    sizes = _read_sizes(run_id, listing, reading)
    head = _make_head(source, run_id, closed, listing, lines, failures, claimed_at, moment, has_ended=has_ended)
    histogram = add_histograms(lines.slices)
    head = replace(head, p95_ms=percentile_ms(histogram, 0.95))
    # Closed by a line of CloseRun alone, the end is known only now.
    reports = [report for report in reports if _is_of_run(report, lines, head, moment)]

    previous = reading.attempt_list(lambda: list_previous(source, run_id, moment))
    previous = reading.attempt(lambda: add_latencies(source, previous, head.started_at), previous)
    users = failures.users[:MAX_FAILED_USERS]
    users = reading.attempt(lambda: count_repeats(source, users, previous), users)
    _name_slice_users(source, run_id, failures, reading)
    cost = compute_cost(
        head,
        lines.slices,
        lines.writes,
        reports,
        chunks=len(sizes),
        failure_records=len(failures.slices) + len({(user.chunk, user.function) for user in failures.users}),
    )
    head = replace(head, cost_usd=sum(line.usd for line in cost) if cost else None)
    trace = reading.attempt(lambda: _read_trace(source, lines.trace_id), None)
    data = RunData(
        head=head,
        origin=facts.origin,
        caps=facts.caps,
        states=derive_states(
            head,
            listed=lines.listed,
            chunk_sizes=sizes,
            slices=lines.slices,
            slice_failures=failures.slices,
            invocations=reports,
        ),
        slices=lines.slices,
        writes=lines.writes,
        invocations=reports,
        failures=make_groups(failures, head.redrive_of or run_id, facts.options),
        cost=cost,
        previous=previous,
        trace=trace,
        gaps=[*reading.gaps, *_find_gaps(source, head, lines, failures, listing, closed)],
        chunk_sizes=sizes,
        slice_failures=failures.slices,
        failed_users=users,
        collected_at=moment,
        command_options=facts.options,
    )
    return replace(data, findings=find_all(data))


def _describe_absent(source: RunSource, run_id: str) -> str:
    facts = source.facts
    days = f"they are kept for {facts.retention_days} days; " if facts.retention_days else ""
    return (
        f"run {run_id} is not in s3://{facts.bucket} ({facts.origin}): "
        f"{days}`batchctl runs{facts.options}` lists those that are there"
    )


def _find_start(started: dict[str, Any] | None, closed: dict[str, Any] | None, moment: float) -> float:
    for document, name in ((closed, "execution_started_at"), (started, "claimed_at"), (closed, "started_at")):
        found = seconds_or((document or {}).get(name), 0.0)
        if found:
            return found
    return moment - LONGEST_EXECUTION_SECONDS


def _read_sizes(run_id: str, listing: dict[str, Any] | None, reading: _Reading) -> dict[int, int]:
    try:
        return read_sizes((listing or {}).get("chunks", []))
    except (KeyError, TypeError, ValueError):
        reading.gaps.append(f"runs/{run_id}/listing.json is no listing: chunks and their sizes are unknown")
        return {}


def _make_window(claimed_at: float, closed: dict[str, Any] | None, moment: float) -> tuple[float, float]:
    """When log lines of the run may have been written."""
    ended_at = seconds_or((closed or {}).get("ended_at"), 0.0)
    if ended_at:
        end = ended_at + (LATE_ROWS_SECONDS if (closed or {}).get("users_missing") else AFTER_SECONDS)
    else:
        end = claimed_at + LONGEST_EXECUTION_SECONDS + AFTER_SECONDS
    return claimed_at - BEFORE_SECONDS, min(end, moment + CLOCK_SECONDS)


def _read_logs(
    source: RunSource, run_id: str, window: tuple[float, float], reading: _Reading
) -> tuple[RunLines, list[InvocationReport]]:
    """The run's own lines, and Lambda's about every invocation in the window."""

    def read(function: str, pattern: str) -> tuple[list[LogLine], str | None]:
        try:
            return list(source.logs.search(function, pattern, *window)), None
        except SourceError as error:
            return [], str(error)

    wanted = [
        (name, pattern) for pattern in (log_patterns.of_run(run_id), log_patterns.OF_THE_PLATFORM) for name in FUNCTIONS
    ]
    with ThreadPoolExecutor(len(FUNCTIONS)) as readers:
        answers = list(readers.map(lambda each: read(*each), wanted))
    for _, problem in answers:
        if problem is not None and problem not in reading.gaps:
            reading.gaps.append(problem)
    found = [(name, lines) for (name, _), (lines, _) in zip(wanted, answers, strict=True)]
    own, platform = found[: len(FUNCTIONS)], found[len(FUNCTIONS) :]
    reports = [report for name, lines in platform for report in read_reports(name, lines)]
    return read_lines(own), sorted(reports, key=lambda report: report.ended_at)


def _read_failures(source: RunSource, run_id: str, reading: _Reading) -> RunFailures:
    keys = reading.attempt_list(lambda: source.objects.list_keys(f"runs/{run_id}/failures/"))
    if len(keys) > MAX_FAILURE_OBJECTS:
        reading.gaps.append(f"{len(keys):,} failure records: the first {MAX_FAILURE_OBJECTS:,} were read")
    return read_records(reading.attempt_list(lambda: source.objects.get_many(keys[:MAX_FAILURE_OBJECTS])))


def _make_head(
    source: RunSource,
    run_id: str,
    closed: dict[str, Any] | None,
    listing: dict[str, Any] | None,
    lines: RunLines,
    failures: RunFailures,
    claimed_at: float,
    moment: float,
    *,
    has_ended: bool,
) -> RunHead:
    group = source.facts.tenant_group
    started_at = seconds_or((lines.listed or {}).get("execution_started_at"), claimed_at)
    for document in (closed, lines.closed):
        if document is not None:
            try:
                return read_closed_head(run_id, group, {"execution_started_at": started_at, **document})
            except (KeyError, TypeError, ValueError):
                continue
    return read_open_head(
        run_id,
        group,
        started_at=started_at,
        users_listed=count_or_zero((listing or lines.listed or {}).get("users_listed")),
        rows_written=sum(each.rows for each in lines.writes),
        failures=failures,
        is_over=has_ended or is_execution_over(started_at, moment),
    )


def _is_of_run(report: InvocationReport, lines: RunLines, head: RunHead, moment: float) -> bool:
    """By a line of the run with its request id; an invocation that died has written none, so the time decides."""
    if report.request_id in lines.functions.get(report.function, ()):
        return True
    if report.error_type is None:
        return False
    started = report.ended_at - report.duration_ms / 1000
    end = head.closed_at if head.closed_at is not None else moment
    return head.started_at - 1.0 <= started and report.ended_at <= end + 1.0


def _name_slice_users(source: RunSource, run_id: str, failures: RunFailures, reading: _Reading) -> None:
    chunks = sorted({failure.chunk for failure in failures.slices})[:CHUNKS_TO_NAME]
    if not chunks:
        return
    keys = [f"runs/{run_id}/chunks/{chunk:05d}.json" for chunk in chunks]
    users = {}
    for chunk, body in zip(chunks, reading.attempt_list(lambda: source.objects.get_many(keys)), strict=False):
        try:
            users[chunk] = read_chunk_users(body)
        except ValueError:
            reading.gaps.append(f"chunk {chunk} of run {run_id} cannot be read: its users are not named")
    failures.name_slice_users(users)


def _read_trace(source: RunSource, trace_id: str | None) -> TraceFacts | None:
    if source.traces is None or trace_id is None:
        return None
    documents = source.traces.get(trace_id)
    if documents is None:
        return None  # not sampled, which is no gap
    # The documents are compact JSON, so their text's length is within a few per cent of what X-Ray counts.
    size = sum(len(str(document)) for document in documents)
    writes = sum(document.get("name") == "WriteRows" for document in documents)
    return TraceFacts(trace_id, len(documents), size, writes)


def _find_gaps(
    source: RunSource,
    head: RunHead,
    lines: RunLines,
    failures: RunFailures,
    listing: dict[str, Any] | None,
    closed: dict[str, Any] | None,
) -> list[str]:
    gaps = []
    if head.closed_at is not None and closed is None:
        gaps.append(f"runs/{head.run_id}/closed.json is missing: the account is that of CloseRun's log line")
    if listing is None and head.users_listed:
        gaps.append(f"runs/{head.run_id}/listing.json is missing: chunks and their sizes are unknown")
    if source.facts.caps is None:
        gaps.append("the stack lacks parameters of this release: nothing is compared with its caps")
    if not lines.slices and head.users_listed and head.status != "RUNNING":
        gaps.append(
            "SyncUsers has no log line of this run: LogLevel above INFO, an older release, or lines that are "
            "not there yet"
        )
    elif head.closed_at is not None and lines.slices:
        gaps += _find_late_lines(head, lines, failures)
    if lines.unreadable:
        gaps.append(f"{lines.unreadable:,} log lines are not as the contract has them: they were passed over")
    if failures.unreadable:
        gaps.append(f"{failures.unreadable:,} failure records are not readable: their users are in the account alone")
    if len(failures.users) > MAX_FAILED_USERS:
        gaps.append(f"{len(failures.users):,} failed users: {MAX_FAILED_USERS:,} are named, the records have them all")
    return gaps


def _find_late_lines(head: RunHead, lines: RunLines, failures: RunFailures) -> list[str]:
    """Lines reach CloudWatch within seconds, now and then within minutes."""
    places = {(each.chunk, each.start): each.end - each.start for each in lines.slices}
    places |= {(failure.chunk, failure.start): failure.end - failure.start for failure in failures.slices}
    absent = head.users_listed - sum(places.values())
    gaps = []
    if absent > 0:
        gaps.append(f"log lines of slices with {absent:,} users are not there yet: ask again in a minute")
    unlogged = head.rows_written - sum(each.rows for each in lines.writes)
    if unlogged > 0:
        gaps.append(f"log lines of {unlogged:,} written rows are not there yet: ask again in a minute")
    return gaps
