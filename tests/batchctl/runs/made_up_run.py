"""A run made up in memory: objects and log lines as the contract has them, behind the ports' fakes."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from batchctl.runs.ports import LogLine, RunSource, SourceError
from batchctl.runs.run_data import (
    Caps,
    InvocationReport,
    RunData,
    RunHead,
    SliceActivity,
    WriteActivity,
)
from batchctl.runs.stack_facts import FUNCTIONS, StackFacts

RUN_ID = "20261122T083000Z"
START = 1_795_336_200.0
GROUP = "example"
CAPS = Caps(
    chunk_concurrency=4,
    slice_concurrency=2,
    users_per_invocation=250,
    calls_in_flight=250,
    sync_users_timeout_seconds=60,
    close_run_wait_seconds=60,
    write_concurrency=2,
    partner_api_timeout_seconds=5,
)
# 2^(26/4) = 90 ms
USUAL_BUCKET = 26


@dataclass
class FakeObjects:
    """A bucket in memory; `refusal` is what every call raises."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    refusal: str | None = None

    def put(self, key: str, document: object) -> None:
        self.bodies[key] = json.dumps(document).encode()

    def get(self, key: str) -> bytes | None:
        self._check()
        return self.bodies.get(key)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def list_keys(self, prefix: str) -> list[str]:
        self._check()
        return sorted(key for key in self.bodies if key.startswith(prefix))

    def list_run_ids(self) -> list[str]:
        return sorted({key.split("/")[1] for key in self.list_keys("runs/")})

    def _check(self) -> None:
        if self.refusal is not None:
            raise SourceError(self.refusal)


@dataclass
class FakeLogs:
    """Log groups in memory; knows the patterns of log_patterns.py."""

    lines: dict[str, list[LogLine]] = field(default_factory=lambda: {name: [] for name in FUNCTIONS})
    refusals: dict[str, str] = field(default_factory=dict)  # by function

    def add(self, function: str, at: float, message: str | Mapping[str, Any], stream: str = "a") -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        number = len(self.lines[function])
        self.lines[function].append(LogLine(at, stream, text, f"{function}-{number}"))

    def search(self, function: str, pattern: str, start: float, end: float) -> Iterator[LogLine]:
        if function in self.refusals:
            raise SourceError(self.refusals[function])
        equal = re.findall(r'\$\.(\w+) = "([^"]*)"', pattern)
        terms = re.findall(r'"([^"]*)"', pattern)
        for line in sorted(self.lines[function], key=lambda each: each.timestamp):
            if not start <= line.timestamp <= end:
                continue
            if equal:
                document = json.loads(line.message) if line.message.startswith("{") else {}
                if all(document.get(name) == value for name, value in equal):
                    yield line
            elif any(term in line.message for term in terms):
                yield line


@dataclass
class FakeTraces:
    """Traces in memory."""

    documents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def get(self, trace_id: str) -> list[dict[str, Any]] | None:
        return self.documents.get(trace_id)


@dataclass
class MadeUpRun:
    """A stack with one run of `users` users; `play` writes what its functions would have written."""

    users: int = 1000
    chunk_size: int = 500
    slice_size: int = 250
    run_id: str = RUN_ID
    started_at: float = START
    objects: FakeObjects = field(default_factory=FakeObjects)
    logs: FakeLogs = field(default_factory=FakeLogs)
    traces: FakeTraces = field(default_factory=FakeTraces)
    options: str = ""
    ids: str = ""  # how its request ids begin

    @property
    def source(self) -> RunSource:
        facts = StackFacts("made up", GROUP, "run-bucket", {}, CAPS, self.options, retention_days=7)
        return RunSource(facts, self.objects, self.logs, self.traces)

    def slices(self) -> Iterator[tuple[int, int, int]]:
        """(chunk, start, end) of each slice."""
        for chunk, first in enumerate(range(0, self.users, self.chunk_size)):
            size = min(self.chunk_size, self.users - first)
            for start in range(0, size, self.slice_size):
                yield chunk, start, min(start + self.slice_size, size)

    def play(self, *, closed: bool = True, status: str = "COMPLETE", failed: int = 0, missing: int = 0) -> "MadeUpRun":
        """List, sync, write and close."""
        self.list_users()
        for number, (chunk, start, end) in enumerate(self.slices()):
            self.sync(chunk, start, end, number=number)
        if closed:
            self.close(status=status, failed=failed, missing=missing)
        return self

    def list_users(self) -> None:
        prefix = f"runs/{self.run_id}"
        self.objects.put(f"{prefix}/started.json", {"execution": "e", "claimed_at": self.started_at + 0.5})
        chunks = []
        for chunk, first in enumerate(range(0, self.users, self.chunk_size)):
            users = [
                [f"user-{n:05d}", f"tenant-{n % 3}"] for n in range(first, min(first + self.chunk_size, self.users))
            ]
            self.objects.put(
                f"{prefix}/chunks/{chunk:05d}.json",
                {"version": 1, "run_id": self.run_id, "chunk": chunk, "users": users},
            )
            chunks.append({"chunk": chunk, "user_count": len(users)})
        self.objects.put(f"{prefix}/listing.json", {"users_listed": self.users, "chunks": chunks})
        self.log(
            "ListUsers", f"{self.ids}list-1", 1.0, "users listed",
            users_listed=self.users, chunks=len(chunks), execution_started_at=self.started_at,
            started_at=self.started_at + 0.4, ended_at=self.started_at + 1.0, xray_trace_id="1-5f-1",
        )  # fmt: skip
        self.report("ListUsers", f"{self.ids}list-1", 1.0, 600)

    def sync(self, chunk: int, start: int, end: int, *, number: int = 0, attempt: int = 1, **keys: Any) -> None:
        """One invocation that comes to its end, and the rows of it, written."""
        request_id = f"{self.ids}sync-{chunk}-{start}-{attempt}"
        users = end - start
        failed = keys.get("failed", 0)
        defaults = {
            "chunk": chunk, "start": start, "end": end, "users": users, "synced": users - failed, "failed": failed,
            "failed_by_reason": {}, "sample_users": {}, "calls": users, "retries": 0, "throttled": 0, "api_errors": {},
            "latency": {str(USUAL_BUCKET): users}, "started_at": self.started_at + 1.0,
            "ended_at": self.started_at + 2.0,
            "read_seconds": 0.01, "call_seconds": 0.8, "send_seconds": 0.02, "records": 1, "record_bytes": 30_000,
            "cold_start": number < 2,
        }  # fmt: skip
        self.log("SyncUsers", request_id, 2.0, "slice synced", **{**defaults, **keys})
        self.report("SyncUsers", request_id, 2.0, 1000, init_ms=200 if number < 2 else None)
        write = f"{self.ids}write-{chunk}-{start}-{attempt}"
        rows = keys.get("synced", users - failed)
        self.log(
            "WriteRows", write, 3.0, "rows written",
            chunks=[chunk], records=1, rows=rows, refused=0, batch_records=1, batch_rows=rows, iterator_age_seconds=0.5,
            borrow_seconds=0.01, write_seconds=0.1, started_at=self.started_at + 2.5, ended_at=self.started_at + 3.0,
        )  # fmt: skip
        self.report("WriteRows", write, 3.0, 500)

    def close(self, *, status: str = "COMPLETE", failed: int = 0, missing: int = 0, **keys: Any) -> None:
        """CloseRun's account, as object and as line."""
        account = {
            "status": status, "users_listed": self.users, "rows_written": self.users - failed - missing,
            "users_failed": failed, "users_missing": missing, "failed_by_reason": {}, "waited_seconds": 0.4,
            "execution_started_at": self.started_at, "started_at": self.started_at + 3.0,
            "ended_at": self.started_at + 4.0,
        } | keys  # fmt: skip
        self.objects.put(
            f"runs/{self.run_id}/closed.json",
            {"version": 1, "run_id": self.run_id, "tenant_group": GROUP, **account},
        )
        self.log("CloseRun", f"{self.ids}close-1", 4.0, "run closed", **account)
        self.report("CloseRun", f"{self.ids}close-1", 4.0, 1000, memory_mb=256)

    def log(self, function: str, request_id: str, after: float, message: str, **keys: Any) -> None:
        """A line of the contract, `after` seconds from the start."""
        common = {"level": "INFO", "message": message, "function_request_id": request_id, "run_id": self.run_id}
        self.logs.add(function, self.started_at + after, {**common, **keys}, stream=request_id)

    def report(
        self, function: str, request_id: str, after: float, duration_ms: float, *, init_ms: float | None = None,
        memory_mb: int = 512, status: str = "",
    ) -> None:  # fmt: skip
        """Lambda's REPORT."""
        init = "" if init_ms is None else f"Init Duration: {init_ms:.2f} ms\t"
        self.logs.add(
            function,
            self.started_at + after + 0.001,
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {duration_ms:.0f} ms\t"
            f"Memory Size: {memory_mb} MB\tMax Memory Used: 90 MB\t{init}{status}",
            stream=request_id,
        )

    def fail_users(
        self, chunk: int, start: int, positions: Sequence[int], reason: str = "MalformedAnswerError"
    ) -> None:
        """A failure record of single users."""
        failures = [
            {
                "position": position,
                "user_id": f"user-{chunk * self.chunk_size + position:05d}",
                "tenant_id": "tenant-1",
                "reason": reason,
                "detail": f"why {position}",
            }
            for position in positions
        ]
        self.objects.put(
            f"runs/{self.run_id}/failures/SyncUsers-{chunk:05d}-{start:05d}.json",
            {"version": 1, "run_id": self.run_id, "chunk": chunk, "function": "SyncUsers", "failures": failures},
        )

    def fail_slice(self, chunk: int, start: int, end: int, reason: str, cause: str) -> None:
        """A failure record of the state machine."""
        self.objects.put(
            f"runs/{self.run_id}/failures/slice-{chunk:05d}-{start:05d}.json",
            {
                "version": 1, "run_id": self.run_id, "chunk": chunk, "start": start, "end": end,
                "function": "SyncUsers",
                "reason": reason, "detail": cause,
            },
        )  # fmt: skip


def make_head(**changes: Any) -> RunHead:
    """A run without a flaw."""
    head = RunHead(RUN_ID, GROUP, "COMPLETE", START, START + 10, 10_000, 10_000, 0, 0, {}, waited_seconds=1.0)
    return replace(head, **changes)


def make_slice(number: int = 0, **changes: Any) -> SliceActivity:
    """A slice of 250 users, answered in 90 ms each."""
    each = SliceActivity(
        request_id=f"sync-{number}", chunk=number // 4, start=number % 4 * 250, end=number % 4 * 250 + 250,
        started_at=START + 2 + number // 8, ended_at=START + 3 + number // 8, synced=250, failed=0, failed_by_reason={},
        sample_users={}, calls=250, retries=0, throttled=0, api_errors={}, latency={USUAL_BUCKET: 250},
        read_seconds=0.01,
        call_seconds=0.9, send_seconds=0.02, records=1, record_bytes=30_000, cold_start=False,
    )  # fmt: skip
    return replace(each, **changes)


def make_write(**changes: Any) -> WriteActivity:
    """A batch of four slices, written at once."""
    each = WriteActivity("write-1", START + 4, START + 4.2, [0], 4, 1000, 0, 1000, 0.5, 0.005, 0.1)
    return replace(each, **changes)


def make_report(function: str = "SyncUsers", **changes: Any) -> InvocationReport:
    """An invocation without a flaw."""
    report = InvocationReport(function, "sync-0", START + 3, 1000, 1000, 512, 90, None, None, None)
    return replace(report, **changes)


def make_data(**changes: Any) -> RunData:
    """The whole run of 10,000 users in 40 slices, without a flaw."""
    data = RunData(
        head=make_head(),
        origin="made up",
        caps=CAPS,
        slices=[make_slice(number) for number in range(40)],
        writes=[make_write() for _ in range(10)],
        invocations=[make_report(request_id=f"sync-{number}") for number in range(40)],
        previous=[make_head(run_id=f"20261122T08{n}000Z", p95_ms=95.0) for n in (2, 1, 0)],
        chunk_sizes=dict.fromkeys(range(10), 1000),
    )
    return replace(data, **changes)
