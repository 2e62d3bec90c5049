"""The runs of a stack, newest first, and what a run is compared with."""

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

from batchctl.runs import log_patterns
from batchctl.runs.failure_records import read_records
from batchctl.runs.figures import count_or_zero, seconds_or
from batchctl.runs.heads import find_original, is_execution_over, parse_object, read_closed_head, read_open_head
from batchctl.runs.latency import add_histograms, percentile_ms
from batchctl.runs.ports import RunSource
from batchctl.runs.run_data import FailedUser, RunHead
from batchctl.runs.run_lines import RUN_CLOSED, SLICE_SYNCED, read_lines

PREVIOUS_RUNS = 10
# Failure records of so many runs before are looked at: three times in a row is no chance.
REPEATING_RUNS = 2
# Lines of the runs before that a comparison may read: about ten runs of 100,000 users by slices of 250.
COMPARED_LINES = 5_000
MAX_FAILURE_OBJECTS = 2_000


def read_heads(source: RunSource, run_ids: list[str], now: float) -> list[RunHead]:
    """The heads of these runs in their order; what nothing has closed is RUNNING or FAILED. Raises SourceError."""
    keys = [f"runs/{run_id}/{name}.json" for run_id in run_ids for name in ("closed", "listing", "started")]
    bodies = source.objects.get_many(keys)
    heads = []
    for index, run_id in enumerate(run_ids):
        closed, listing, started = (parse_object(body) for body in bodies[3 * index : 3 * index + 3])
        head = _read_one(source, run_id, closed, listing, started, now)
        if head is not None:
            heads.append(head)
    return heads


def _read_one(
    source: RunSource,
    run_id: str,
    closed: dict[str, Any] | None,
    listing: dict[str, Any] | None,
    started: dict[str, Any] | None,
    now: float,
) -> RunHead | None:
    if closed is not None:
        try:
            return read_closed_head(run_id, source.facts.tenant_group, closed)
        except (KeyError, TypeError, ValueError):
            pass  # an object that nobody of ours wrote says nothing
    if started is None:
        return None
    started_at = seconds_or(started.get("claimed_at"), 0.0)
    return read_open_head(
        run_id,
        source.facts.tenant_group,
        started_at=started_at,
        users_listed=count_or_zero((listing or {}).get("users_listed")),
        rows_written=0,
        failures=read_records([]),
        is_over=is_execution_over(started_at, now),
    )


def complete_heads(source: RunSource, heads: list[RunHead]) -> list[RunHead]:
    """The heads with what log lines know besides: runs closed before closed.json was written. Raises SourceError."""
    unclosed = {head.run_id: head for head in heads if head.status == "FAILED"}
    if not unclosed:
        return heads
    start = min(head.started_at for head in unclosed.values())
    end = max(head.started_at for head in unclosed.values()) + 400
    found: dict[str, RunHead] = {}
    for line in source.logs.search("CloseRun", log_patterns.of_message(RUN_CLOSED), start, end):
        document = parse_object(line.message)
        run_id = str((document or {}).get("run_id"))
        if document is None or run_id not in unclosed:
            continue
        document.setdefault("ended_at", line.timestamp)
        document.setdefault("execution_started_at", unclosed[run_id].started_at)
        try:
            found[run_id] = read_closed_head(run_id, source.facts.tenant_group, document)
        except (KeyError, TypeError, ValueError):
            continue
    return [found.get(head.run_id, head) for head in heads]


def list_previous(source: RunSource, run_id: str, now: float) -> list[RunHead]:
    """The runs before `run_id`, the newest first, without redrives, which call for a few users. Raises SourceError."""
    earlier = [each for each in source.objects.list_run_ids() if each < run_id and find_original(each) is None]
    return read_heads(source, earlier[-PREVIOUS_RUNS:][::-1], now)


def add_latencies(source: RunSource, previous: list[RunHead], until: float) -> list[RunHead]:
    """The newest of them with the p95 of their calls. Raises SourceError."""
    compared = previous[:REPEATING_RUNS]
    if not compared:
        return previous
    start = min(head.started_at for head in compared)
    lines = source.logs.search("SyncUsers", log_patterns.of_message(SLICE_SYNCED), start, until)
    by_run: dict[str, list[Any]] = {}
    for line in islice(lines, COMPARED_LINES):
        document = parse_object(line.message) or {}
        by_run.setdefault(str(document.get("run_id")), []).append(("SyncUsers", [line]))
    return [
        replace(head, p95_ms=percentile_ms(add_histograms(read_lines(by_run.get(head.run_id, [])).slices), 0.95))
        for head in compared
    ] + previous[REPEATING_RUNS:]


def count_repeats(source: RunSource, users: list[FailedUser], previous: list[RunHead]) -> list[FailedUser]:
    """The users with the number of runs in a row, this one included, in which each has failed. Raises SourceError."""
    repeats: Counter[str] = Counter()
    going = {user.user_id for user in users}
    for head in previous[:REPEATING_RUNS]:
        if not going or not head.users_failed:
            break
        keys = source.objects.list_keys(f"runs/{head.run_id}/failures/")[:MAX_FAILURE_OBJECTS]
        before = {user.user_id for user in read_records(source.objects.get_many(keys)).users}
        going &= before
        repeats.update(going)
    return [replace(user, runs=1 + repeats[user.user_id]) for user in users]
