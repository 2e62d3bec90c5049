"""The newest runs of a stack with what each has cost: a few queries over all of them instead of some for each."""

import time
from collections.abc import Callable
from dataclasses import replace

from batchctl.runs import log_patterns
from batchctl.runs.heads import BEFORE_SECONDS, parse_object
from batchctl.runs.history import complete_heads, read_heads
from batchctl.runs.ports import RunSource, SourceError
from batchctl.runs.report_lines import read_reports
from batchctl.runs.run_cost import compute_cost
from batchctl.runs.run_data import InvocationReport, RunHead, SliceActivity
from batchctl.runs.run_lines import SLICE_SYNCED, read_slice
from batchctl.runs.stack_facts import FUNCTIONS

AFTER_SECONDS = 10.0


def list_heads(source: RunSource, limit: int, *, now: Callable[[], float] = time.time) -> list[RunHead]:
    """The newest first. Raises SourceError where the bucket cannot be read; without log lines costs are not known."""
    run_ids = source.objects.list_run_ids()[-limit:][::-1]
    heads = read_heads(source, run_ids, now())
    try:
        heads = complete_heads(source, heads)
        return _add_costs(source, heads, now())
    except SourceError:
        return heads


def _add_costs(source: RunSource, heads: list[RunHead], now: float) -> list[RunHead]:
    closed = [head for head in heads if head.closed_at is not None]
    if not closed:
        return heads
    start = min(head.started_at for head in closed) - BEFORE_SECONDS
    end = min(now, max(head.closed_at or 0.0 for head in closed) + AFTER_SECONDS)
    slices: dict[str, list[SliceActivity]] = {head.run_id: [] for head in closed}
    for line in source.logs.search("SyncUsers", log_patterns.of_message(SLICE_SYNCED), start, end):
        document = parse_object(line.message) or {}
        if (run_id := str(document.get("run_id"))) in slices:
            try:
                slices[run_id].append(read_slice(document))
            except (KeyError, TypeError, ValueError):
                continue
    run_of_request = {each.request_id: run_id for run_id, found in slices.items() for each in found}
    reports: dict[str, list[InvocationReport]] = {head.run_id: [] for head in closed}
    for function in FUNCTIONS:
        lines = source.logs.search(function, log_patterns.OF_THE_PLATFORM, start, end)
        for report in read_reports(function, lines):
            owner = run_of_request.get(report.request_id) or _find_by_time(closed, report)
            if owner is not None:
                reports[owner].append(report)
    return [_with_cost(head, slices.get(head.run_id, []), reports.get(head.run_id, [])) for head in heads]


def _find_by_time(heads: list[RunHead], report: InvocationReport) -> str | None:
    """Runs follow each other minutes apart, so the time tells whose an invocation without a line was."""
    for head in heads:
        if head.started_at <= report.ended_at <= (head.closed_at or head.started_at) + AFTER_SECONDS:
            return head.run_id
    return None


def _with_cost(head: RunHead, slices: list[SliceActivity], reports: list[InvocationReport]) -> RunHead:
    chunks = len({each.chunk for each in slices})
    records = sum(bool(each.failed) for each in slices)
    lines = compute_cost(head, slices, [], reports, chunks=chunks, failure_records=records)
    return replace(head, cost_usd=sum(line.usd for line in lines)) if lines else head
