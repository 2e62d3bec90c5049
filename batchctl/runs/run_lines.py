"""The functions' own log lines of a run, as the contract in docs/reference/observability.md has them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

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
            document = json.loads(line.message)
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
                self.trace_id = document.get("xray_trace_id")
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
        chunk=int(document["chunk"]),
        start=int(document["start"]),
        end=int(document["end"]),
        started_at=float(document["started_at"]),
        ended_at=float(document["ended_at"]),
        synced=int(document["synced"]),
        failed=int(document["failed"]),
        failed_by_reason=_counts(document.get("failed_by_reason")),
        sample_users={reason: list(map(str, ids)) for reason, ids in (document.get("sample_users") or {}).items()},
        calls=int(document.get("calls", 0)),
        retries=int(document.get("retries", 0)),
        throttled=int(document.get("throttled", 0)),
        api_errors=_counts(document.get("api_errors")),
        latency={int(bucket): int(count) for bucket, count in (document.get("latency") or {}).items()},
        read_seconds=float(document.get("read_seconds", 0.0)),
        call_seconds=float(document.get("call_seconds", 0.0)),
        send_seconds=float(document.get("send_seconds", 0.0)),
        records=int(document.get("records", 0)),
        record_bytes=int(document.get("record_bytes", 0)),
        cold_start=bool(document.get("cold_start", False)),
    )


def read_write(document: dict[str, Any]) -> WriteActivity:
    """A `rows written` line. Raises as `read_slice` does."""
    rows = int(document["rows"])
    return WriteActivity(
        request_id=str(document["function_request_id"]),
        started_at=float(document["started_at"]),
        ended_at=float(document["ended_at"]),
        chunks=[int(chunk) for chunk in document.get("chunks") or []],
        records=int(document["records"]),
        rows=rows,
        refused=int(document.get("refused", 0)),
        batch_rows=int(document.get("batch_rows", rows)),
        iterator_age_seconds=float(document.get("iterator_age_seconds", 0.0)),
        borrow_seconds=float(document.get("borrow_seconds", 0.0)),
        write_seconds=float(document.get("write_seconds", 0.0)),
    )


def _counts(value: dict[str, Any] | None) -> dict[str, int]:
    return {str(name): int(count) for name, count in (value or {}).items()}
