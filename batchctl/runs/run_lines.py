"""The functions' own log lines of a run, as the contract in docs/reference/observability.md has them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from express_batch.outside_json import decode_json

from batchctl.runs.figures import read_count, read_counts, read_latency, read_mapping, read_seconds
from batchctl.runs.ports import LogLine
from batchctl.runs.run_data import SliceActivity, WriteActivity

USERS_LISTED = "users listed"
SLICE_SYNCED = "slice synced"
ROWS_WRITTEN = "rows written"
RUN_CLOSED = "run closed"


@dataclass
class RunLines:
    """What the lines tell, by kind."""

    listed: dict[str, Any] | None = None
    closed: dict[str, Any] | None = None
    slices: list[SliceActivity] = field(default_factory=list)
    writes: list[WriteActivity] = field(default_factory=list)
    functions: dict[str, set[str]] = field(default_factory=dict)  # request ids of the run, by function
    trace_id: str | None = None
    unreadable: int = 0  # lines that are no JSON or lack what the contract promises

    def add(self, function: str, line: LogLine) -> None:
        """Take one line in."""
        try:
            document = decode_json(line.message)
            message = document["message"]
            request_id = document.get("function_request_id") or document.get("aws_request_id")
            if request_id:
                self.functions.setdefault(function, set()).add(str(request_id))
            if message == SLICE_SYNCED:
                self.slices.append(read_slice(document))
            elif message == ROWS_WRITTEN:
                self.writes.append(read_write(document))
            elif message == USERS_LISTED:
                self.listed = document
                trace_id = document.get("xray_trace_id")
                self.trace_id = trace_id if isinstance(trace_id, str) else None
            elif message == RUN_CLOSED:
                self.closed = document
        except (KeyError, TypeError, ValueError, AttributeError):
            self.unreadable += 1

    def sort(self) -> None:
        """Bring everything into the order of time."""
        self.slices.sort(key=lambda each: (each.started_at, each.chunk, each.start))
        self.writes.sort(key=lambda each: (each.started_at, each.request_id))


def read_lines(lines_by_function: Iterable[tuple[str, Iterable[LogLine]]]) -> RunLines:
    """All lines of a run."""
    found = RunLines()
    for function, lines in lines_by_function:
        for line in lines:
            found.add(function, line)
    found.sort()
    return found


def read_slice(document: dict[str, Any]) -> SliceActivity:
    """A `slice synced` line. Raises KeyError, TypeError or ValueError where it is not as the contract has it."""
    return SliceActivity(
        request_id=str(document["function_request_id"]),
        chunk=read_count(document["chunk"]),
        start=read_count(document["start"]),
        end=read_count(document["end"]),
        started_at=read_seconds(document["started_at"]),
        ended_at=read_seconds(document["ended_at"]),
        synced=read_count(document["synced"]),
        failed=read_count(document["failed"]),
        failed_by_reason=read_counts(document.get("failed_by_reason")),
        sample_users={
            reason: list(map(str, ids)) for reason, ids in read_mapping(document.get("sample_users")).items()
        },
        calls=read_count(document.get("calls", 0)),
        retries=read_count(document.get("retries", 0)),
        throttled=read_count(document.get("throttled", 0)),
        api_errors=read_counts(document.get("api_errors")),
        latency=read_latency(document.get("latency")),
        read_seconds=read_seconds(document.get("read_seconds", 0.0)),
        call_seconds=read_seconds(document.get("call_seconds", 0.0)),
        send_seconds=read_seconds(document.get("send_seconds", 0.0)),
        records=read_count(document.get("records", 0)),
        record_bytes=read_count(document.get("record_bytes", 0)),
        cold_start=bool(document.get("cold_start", False)),
    )


def read_write(document: dict[str, Any]) -> WriteActivity:
    """A `rows written` line. Raises as `read_slice` does."""
    rows = read_count(document["rows"])
    return WriteActivity(
        request_id=str(document["function_request_id"]),
        started_at=read_seconds(document["started_at"]),
        ended_at=read_seconds(document["ended_at"]),
        chunks=[read_count(chunk) for chunk in document.get("chunks") or []],
        records=read_count(document["records"]),
        rows=rows,
        refused=read_count(document.get("refused", 0)),
        batch_rows=read_count(document.get("batch_rows", rows)),
        iterator_age_seconds=read_seconds(document.get("iterator_age_seconds", 0.0)),
        borrow_seconds=read_seconds(document.get("borrow_seconds", 0.0)),
        write_seconds=read_seconds(document.get("write_seconds", 0.0)),
    )
