"""A run in flight, followed by what its functions have logged so far; on AWS as on this machine."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from batchctl.errors import BatchctlError
from batchctl.progress_line import make_progress_line
from batchctl.runs import log_patterns
from batchctl.runs.failure_records import read_records
from batchctl.runs.figures import count_or_zero, seconds_or
from batchctl.runs.heads import CLOCK_SECONDS, is_execution_over, parse_object, read_closed_head
from batchctl.runs.ports import LogLine, RunSource
from batchctl.runs.run_data import RunHead
from batchctl.runs.run_lines import ROWS_WRITTEN, SLICE_SYNCED

# Two log queries and two or three of S3 each time: half of FilterLogEvents' 5 requests a second is left to others.
POLL_SECONDS = 1.0
# Lines arrive late and out of order, so each query begins this long before the newest line that was seen.
OVERLAP_SECONDS = 20.0


@dataclass(frozen=True)
class Progress:
    """How far the run is."""

    run_id: str
    status: str
    users_listed: int
    synced: int
    failed: int
    written: int
    seconds: float
    users_per_second: float
    eta_seconds: float | None  # until every user is called for; None where nothing tells

    def to_json(self) -> dict[str, Any]:
        """One line of --json."""
        return asdict(self)

    def __rich__(self) -> Table:
        left = "" if self.eta_seconds is None else f"{self.eta_seconds:.0f} s to go"
        return make_progress_line(
            listed=self.users_listed,
            synced=self.synced,
            written=self.written,
            failed=self.failed,
            more=[f"{self.users_per_second:,.0f} users/s", f"{self.seconds:.0f} s", left],
        )


@dataclass
class _Tail:
    """The new lines of one kind of one run."""

    source: RunSource
    function: str
    pattern: str
    cursor: float
    seen: set[tuple[str, float, str]] = field(default_factory=set)

    def read_new(self, until: float) -> Iterator[LogLine]:
        """Lines that no call before has given."""
        for line in self.source.logs.search(self.function, self.pattern, self.cursor - OVERLAP_SECONDS, until):
            key = (line.event_id, line.timestamp, line.event_id or line.message)
            if key not in self.seen:
                self.seen.add(key)
                self.cursor = max(self.cursor, line.timestamp)
                yield line


def watch_run(
    source: RunSource,
    run_id: str,
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Progress]:
    """The progress about every second until the run is closed or over. Raises BatchctlError where there is none."""
    started = parse_object(source.objects.get(f"runs/{run_id}/started.json"))
    if started is None:
        raise BatchctlError(f"run {run_id} is not in s3://{source.facts.bucket}: `batchctl runs{source.facts.options}`")
    started_at = seconds_or(started.get("claimed_at"), now())
    synced = _Tail(source, "SyncUsers", log_patterns.of_run_and_message(run_id, SLICE_SYNCED), started_at)
    written = _Tail(source, "WriteRows", log_patterns.of_run_and_message(run_id, ROWS_WRITTEN), started_at)
    counts = _Counts()
    while True:
        moment = now()
        closed, listing = (
            parse_object(body)
            for body in source.objects.get_many([f"runs/{run_id}/{n}.json" for n in ("closed", "listing")])
        )
        if closed is not None:
            try:
                head = read_closed_head(run_id, source.facts.tenant_group, closed)
            except (KeyError, ValueError) as error:
                raise BatchctlError(f"runs/{run_id}/closed.json is no account of a run: who wrote it?") from error
            yield _make_last(head)
            return
        for line in synced.read_new(moment + CLOCK_SECONDS):
            counts.add_slice(line)
        for line in written.read_new(moment + CLOCK_SECONDS):
            counts.add_rows(line)
        listed = count_or_zero((listing or {}).get("users_listed"))
        failed = counts.failed + counts.count_dead(source, run_id)
        is_over = is_execution_over(started_at, moment)
        yield _make_progress(run_id, is_over, listed, counts.synced, failed, counts.written, moment - started_at)
        if is_over:
            return
        sleep(POLL_SECONDS)


@dataclass
class _Counts:
    synced_by_place: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    written: int = 0
    dead: dict[str, int] = field(default_factory=dict)  # users by the key of a slice's failure record

    @property
    def synced(self) -> int:
        """Users with an answer; a slice that was tried twice counts once."""
        return sum(done for done, _ in self.synced_by_place.values())

    @property
    def failed(self) -> int:
        """Users that their slice gave up."""
        return sum(failed for _, failed in self.synced_by_place.values())

    def add_slice(self, line: LogLine) -> None:
        """Take in a slice's line; one that lacks its keys counts nothing."""
        document = parse_object(line.message) or {}
        chunk, start, synced, failed = (
            count_or_zero(document.get(name)) for name in ("chunk", "start", "synced", "failed")
        )
        self.synced_by_place[chunk, start] = synced, failed

    def add_rows(self, line: LogLine) -> None:
        """The same for written rows."""
        self.written += count_or_zero((parse_object(line.message) or {}).get("rows"))

    def count_dead(self, source: RunSource, run_id: str) -> int:
        """Users of slices whose invocations failed for good."""
        keys = [key for key in source.objects.list_keys(f"runs/{run_id}/failures/slice-") if key not in self.dead]
        for key, body in zip(keys, source.objects.get_many(keys), strict=True):
            self.dead[key] = sum(failure.end - failure.start for failure in read_records([body]).slices)
        return sum(self.dead.values())


def _make_progress(
    run_id: str, is_over: bool, listed: int, synced: int, failed: int, written: int, seconds: float
) -> Progress:
    rate = (synced + failed) / seconds if seconds > 0 else 0.0
    left = listed - synced - failed
    eta = left / rate if rate and listed else None
    return Progress(
        run_id=run_id,
        status="FAILED" if is_over else "RUNNING",
        users_listed=listed,
        synced=synced,
        failed=failed,
        written=min(written, listed),
        seconds=round(seconds, 1),
        users_per_second=round(rate, 1),
        eta_seconds=None if eta is None or is_over else round(max(0.0, eta), 1),
    )


def _make_last(head: RunHead) -> Progress:
    seconds = head.seconds or 0.0
    done = head.rows_written + head.users_failed
    return Progress(
        run_id=head.run_id,
        status=head.status,
        users_listed=head.users_listed,
        synced=head.rows_written,
        failed=head.users_failed,
        written=head.rows_written,
        seconds=round(seconds, 1),
        users_per_second=round(done / seconds, 1) if seconds else 0.0,
        eta_seconds=None,
    )
