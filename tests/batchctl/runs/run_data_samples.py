"""Runs as RunData, made up from a seed: what a report has to cope with."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, floor, log2

from batchctl.runs.run_data import (
    Caps,
    CostLine,
    FailureGroup,
    Finding,
    InvocationReport,
    RunData,
    RunHead,
    SliceActivity,
    StateActivity,
    TraceFacts,
    WriteActivity,
)

STARTED_AT = 1_795_341_872.0  # 2026-11-22T10:04:32Z
RUN_ID = "20261122T100432Z"
REDRIVE = f"batchctl redrive {RUN_ID} --stack express-batch-acme"


CAPS = Caps(4, 5, 250, 250, 60, 120, 4)


DETAILS = {
    "MalformedAnswerError": "answer has no member 'points'",
    "ApiRejectedError": "GET /v1/points: status 404",
    "ApiTimeoutError": "no complete answer within 5 s, 3 attempts",
}


@dataclass(frozen=True)
class Shape:
    """What a made-up run is like."""

    users: int
    chunk_users: int = 5_000
    slice_users: int = 250
    caps: Caps = CAPS
    latency_ms: float = 100
    failure_rate: float = 0.0
    timed_out_slices: int = 0
    writer_pause_seconds: float = 0.0  # before each write
    lost_writes: int = 0  # the last ones, that came too late


def make_run(shape: Shape, seed: int = 7) -> RunData:
    """A run whose account, slices and writes agree with each other."""
    dice = random.Random(seed)
    slices = _make_slices(shape, dice)
    writes = _make_writes(shape, slices, dice)
    kept = writes[: len(writes) - shape.lost_writes]
    synced = sum(slice_.synced for slice_ in slices)
    failed = Counter[str]()
    for slice_ in slices:
        failed.update(slice_.failed_by_reason)
    missing = synced - sum(write.rows for write in kept)
    status = "INCOMPLETE" if missing else "PARTIAL" if failed else "COMPLETE"
    closed_at = max(write.ended_at for write in kept) + (shape.caps.close_run_wait_seconds if missing else 0.2)
    head = RunHead(
        RUN_ID,
        "acme",
        status,
        STARTED_AT,
        closed_at,
        shape.users,
        synced - missing,
        failed.total(),
        missing,
        dict(failed),
        cost_usd=0.0009 + shape.users * 2.6e-8,
    )
    return RunData(
        head=head,
        origin="express-batch-acme, us-east-1",
        caps=shape.caps,
        states=_make_states(head, shape, slices),
        slices=slices,
        writes=kept,
        invocations=_make_invocations(slices, kept, closed_at, dice) + _make_time_outs(shape, slices),
        failures=[_make_group(reason, count, slices) for reason, count in failed.most_common()],
        cost=[
            CostLine("Lambda", head.cost_usd * 0.71 if head.cost_usd else 0),
            CostLine("S3 requests", head.cost_usd * 0.24 if head.cost_usd else 0),
            CostLine("Kinesis PUT units", head.cost_usd * 0.03 if head.cost_usd else 0),
            CostLine("Step Functions Express", head.cost_usd * 0.02 if head.cost_usd else 0),
        ],
        previous=_make_previous(head, dice),
        trace=TraceFacts("1-6b02c0f0-0f3c5a7e1d9b4c2a8e6f1d3b", 412, 298_000, 40),
    )


def good_run() -> RunData:
    """30,000 users, every one of them written."""
    return make_run(Shape(users=30_000))


def partial_run() -> RunData:
    """30,000 users of which some have answers that stay malformed, and two slices that timed out at first."""
    caps = replace(CAPS, sync_users_timeout_seconds=4)
    data = make_run(Shape(users=30_000, caps=caps, failure_rate=0.012, timed_out_slices=2))
    malformed = data.failures[0]
    return replace(
        data,
        findings=[
            Finding(
                "slice_timed_out",
                "critical",
                "2 of 122 SyncUsers invocations ran into their limit of 4 s; the second attempt of each was good",
                "the partner answered late for a whole slice: raise SyncUsersTimeoutSeconds or lower "
                "UsersPerInvocation in `pipeline/tenant-groups/acme.yaml`",
            ),
            Finding(
                "malformed_answers",
                "warning",
                f"{malformed.count:,} users have an answer that stays malformed after 3 attempts",
                f"once the partner has mended them, call for these users again: `{malformed.redrive_command}`",
            ),
            Finding(
                "cold_starts",
                "info",
                "20 of 122 SyncUsers invocations began with a cold start of 0.4 s",
                "nothing to do: environments kept warm would cost more than they save",
            ),
        ],
    )


def incomplete_run() -> RunData:
    """A writer that lags so far behind that the last writes come too late."""
    caps = Caps(4, 5, 250, 250, 60, 20, 2)
    data = make_run(Shape(users=30_000, caps=caps, writer_pause_seconds=0.25, lost_writes=9))
    late = data.writes[-1].iterator_age_seconds
    lagging = Finding(
        "lagging_writer",
        "critical",
        f"{data.head.users_missing:,} users were synced and not written: WriteRows was {late:.1f} s behind the stream",
        f"`batchctl why {RUN_ID}` shows the errors of WriteRows",
    )
    return replace(
        data,
        findings=[lagging],
        gaps=["WriteRows: 1 of 3 log streams could not be read (AccessDenied on logs:FilterLogEvents)"],
    )


def large_run() -> RunData:
    """100,000 users in 10,000 slices of ten."""
    return make_run(
        Shape(
            users=100_000, chunk_users=1_000, slice_users=10, caps=Caps(10, 20, 10, 10, 60, 120, 10), failure_rate=0.002
        )
    )


def bare_run() -> RunData:
    """A run of which nothing but its start could be read."""
    return RunData(
        head=RunHead(RUN_ID, "acme", "FAILED", STARTED_AT, None, 0, 0, 0, 0, {}),
        origin="express-batch-acme, us-east-1",
        caps=None,
        gaps=["log group /aws/lambda/express-batch-acme-SyncUsers: not found", "closed.json: the run was never closed"],
    )


SAMPLES: dict[str, Callable[[], RunData]] = {
    "good": good_run,
    "partial": partial_run,
    "incomplete": incomplete_run,
    "large": large_run,
    "bare": bare_run,
}


def _make_slices(shape: Shape, dice: random.Random) -> list[SliceActivity]:
    chunks = ceil(shape.users / shape.chunk_users)
    chunk_slots = [STARTED_AT + 0.6] * min(shape.caps.chunk_concurrency, chunks)
    slices: list[SliceActivity] = []
    to_time_out = shape.timed_out_slices
    warm = 0
    for chunk in range(chunks):
        users = min(shape.chunk_users, shape.users - chunk * shape.chunk_users)
        slots = [heapq.heappop(chunk_slots)] * shape.caps.slice_concurrency
        for start in range(0, users, shape.slice_users):
            end = min(start + shape.slice_users, users)
            at = heapq.heappop(slots) + dice.uniform(0.005, 0.03)
            cold = warm < shape.caps.chunk_concurrency * shape.caps.slice_concurrency
            warm += 1
            if to_time_out and start == 1_000:
                to_time_out -= 1
                at += shape.caps.sync_users_timeout_seconds + 0.5
            slice_ = _make_slice(shape, dice, len(slices), (chunk, start, end), at, cold)
            slices.append(slice_)
            heapq.heappush(slots, slice_.ended_at)
        heapq.heappush(chunk_slots, max(slots))
    return sorted(slices, key=lambda slice_: slice_.started_at)


def _make_slice(
    shape: Shape, dice: random.Random, number: int, place: tuple[int, int, int], at: float, cold: bool
) -> SliceActivity:
    chunk, start, end = place
    users = end - start
    failed = sum(dice.random() < shape.failure_rate for _ in range(users))
    reasons = Counter(
        dice.choices(["MalformedAnswerError", "ApiRejectedError", "ApiTimeoutError"], [70, 20, 10], k=failed)
    )
    latency = Counter(max(0, floor(4 * log2(shape.latency_ms * dice.lognormvariate(0.0, 0.28)))) for _ in range(users))
    if dice.random() < 0.1:
        latency[floor(4 * log2(shape.latency_ms * dice.uniform(4, 20)))] += dice.randint(1, 4)
    retries = failed * 2 + dice.randint(0, 3)
    seconds = (0.5 if cold else 0.02) + shape.latency_ms / 1000 * dice.uniform(2.2, 4.0) + users * 0.0009
    return SliceActivity(
        request_id=f"0000-{number:05d}",
        chunk=chunk,
        start=start,
        end=end,
        started_at=at,
        ended_at=at + seconds,
        synced=users - failed,
        failed=failed,
        failed_by_reason=dict(reasons),
        sample_users={
            reason: [f"user-{chunk * shape.chunk_users + start + n}" for n in range(min(3, count))]
            for reason, count in reasons.items()
        },
        calls=latency.total() + retries,
        retries=retries,
        throttled=retries // 3,
        api_errors={"ApiServerError": retries},
        latency=dict(latency),
        read_seconds=0.02,
        call_seconds=seconds - 0.05,
        send_seconds=0.03,
        records=1,
        record_bytes=users * 90,
        cold_start=cold,
    )


def _make_writes(shape: Shape, slices: list[SliceActivity], dice: random.Random) -> list[WriteActivity]:
    writers = [STARTED_AT] * shape.caps.write_concurrency
    writes = []
    arrived = sorted(slices, key=lambda slice_: slice_.ended_at)
    together = max(1, 250 // shape.slice_users)
    for first in range(0, len(arrived), together):
        batch = arrived[first : first + together]
        rows = sum(slice_.synced for slice_ in batch)
        ready = batch[-1].ended_at
        at = max(heapq.heappop(writers), ready + 0.15) + shape.writer_pause_seconds
        borrow = dice.lognormvariate(-5.2, 0.7)
        seconds = 0.02 + borrow + rows * 0.0004 * dice.uniform(0.8, 1.6)
        heapq.heappush(writers, at + seconds)
        writes.append(
            WriteActivity(
                f"1111-{first:05d}",
                at,
                at + seconds,
                sorted({slice_.chunk for slice_ in batch}),
                len(batch),
                rows,
                0,
                rows,
                at - batch[0].ended_at,
                borrow,
                seconds - borrow,
            )
        )
    return sorted(writes, key=lambda write: write.ended_at)


def _make_states(head: RunHead, shape: Shape, slices: list[SliceActivity]) -> list[StateActivity]:
    chunks = ceil(shape.users / shape.chunk_users)
    first = min(slice_.started_at for slice_ in slices)
    last = max(slice_.ended_at for slice_ in slices)
    busy = sum(slice_.ended_at - slice_.started_at for slice_ in slices)
    closed_at = head.closed_at or last
    ended_as = "RunClosed" if head.status in {"COMPLETE", "PARTIAL"} else "RunIncomplete"
    lost = shape.timed_out_slices
    return [
        StateActivity("ListUsers", 1, 0, 0, STARTED_AT, STARTED_AT + 0.55, 0.55),
        StateActivity("HasRunStarted", 1, 0, 0, STARTED_AT + 0.55, STARTED_AT + 0.55, 0.0),
        StateActivity("ProcessChunks", 1, 0, 0, STARTED_AT + 0.56, last, last - first),
        StateActivity("ProcessSlices", chunks, 0, 0, first, last, busy / shape.caps.slice_concurrency),
        StateActivity("SyncUsers", len(slices), lost, lost, first, last, busy),
        StateActivity("RecordSliceFailure", 0, 0, 0, None, None, 0.0),
        StateActivity("CloseRun", 1, 0, 0, last, closed_at, closed_at - last),
        StateActivity(ended_as, 1, int(ended_as == "RunIncomplete"), 0, closed_at, closed_at, 0.0),
    ]


def _make_invocations(
    slices: list[SliceActivity], writes: list[WriteActivity], closed_at: float, dice: random.Random
) -> list[InvocationReport]:
    def report(
        function: str, request_id: str, started_at: float, ended_at: float, memory: int, cold: bool
    ) -> InvocationReport:
        milliseconds = 1000 * (ended_at - started_at)
        return InvocationReport(
            function,
            request_id,
            ended_at,
            milliseconds,
            ceil(milliseconds),
            memory,
            round(memory * dice.uniform(0.35, 0.6)),
            412.0 if cold else None,
            None,
            None,
        )

    reports = [report("ListUsers", "2222-0", STARTED_AT, STARTED_AT + 0.55, 512, True)]
    reports += [report("SyncUsers", s.request_id, s.started_at, s.ended_at, 1024, s.cold_start) for s in slices]
    reports += [report("WriteRows", w.request_id, w.started_at, w.ended_at, 256, n < 4) for n, w in enumerate(writes)]
    reports.append(report("CloseRun", "3333-0", closed_at - 0.4, closed_at, 256, True))
    return sorted(reports, key=lambda report: report.ended_at)


def _make_time_outs(shape: Shape, slices: list[SliceActivity]) -> list[InvocationReport]:
    """The first attempts of the slices that began late."""
    seconds = shape.caps.sync_users_timeout_seconds
    late = sorted((slice_.chunk, slice_.started_at) for slice_ in slices if slice_.start == 1_000)
    return [
        InvocationReport(
            "SyncUsers",
            f"4444-{number}",
            started_at - 0.5,
            1000 * seconds,
            1000 * seconds,
            1024,
            410,
            None,
            "Sandbox.Timedout",
            f"RequestId: 4444-{number} Error: Task timed out after {seconds:.2f} seconds",
        )
        for number, (_, started_at) in enumerate(late[: shape.timed_out_slices])
    ]


def _make_group(reason: str, count: int, slices: list[SliceActivity]) -> FailureGroup:
    users = [user for slice_ in slices for user in slice_.sample_users.get(reason, [])]
    return FailureGroup(reason, "SyncUsers", count, users[:5], DETAILS.get(reason, ""), f"{REDRIVE} --reason {reason}")


def _make_previous(head: RunHead, dice: random.Random) -> list[RunHead]:
    seconds = head.seconds or 10.0
    return [
        replace(
            head,
            run_id=f"2026112{2 - n // 8}T{9 - n % 8:02d}5432Z",
            status="PARTIAL" if n % 5 == 2 else "COMPLETE",
            started_at=head.started_at - 600 * (n + 1),
            closed_at=head.started_at - 600 * (n + 1) + seconds * dice.uniform(0.85, 1.1),
            users_missing=0,
            users_failed=37 if n % 5 == 2 else 0,
            rows_written=head.users_listed - (37 if n % 5 == 2 else 0),
            cost_usd=None if head.cost_usd is None else head.cost_usd * dice.uniform(0.95, 1.05),
        )
        for n in range(12)
    ]
