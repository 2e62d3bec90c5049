"""SyncUsers: calls the partner API for a slice's users and sends their rows to the stream."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Protocol

from express_batch.call_tally import CallTally, SlowCall
from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice
from express_batch.errors import ChunkUnreadableError
from express_batch.failures import UserFailure, write_user_failures
from express_batch.invocation import Invocation
from express_batch.job_contract import Job, PartnerApi, User
from express_batch.observability import Observer
from express_batch.partner_calls import SliceAnswers, fetch_slice
from express_batch.partner_circuit import PartnerCircuit
from express_batch.ports import ObjectStore, RowStream, StreamEntry
from express_batch.run_layout import is_dry_run
from express_batch.slice_turn import SliceLimit, Turn, Wait
from express_batch.stop_switch import StopSwitch
from express_batch.stream_record import encode_records

# Kept back of the invocation's time for sending the rows and storing the failures.
SENDING_SECONDS = 5.0
# More of it where the stream refuses records: so many pauses of its sender.
PAUSES_KEPT_BACK = 4
SAMPLE_USERS = 3  # named in the log line for each reason of failing


class PartnerApiRunner(Protocol):
    """Runs a coroutine that calls the partner API, on connections that outlive the invocation."""

    def run(self, work: Callable[[PartnerApi], Coroutine[Any, Any, SliceAnswers]]) -> SliceAnswers:
        """What the coroutine returns."""
        ...


def sync_users(
    slice_: Slice,
    *,
    invocation: Invocation,
    job: Job,
    calls_in_flight: int,
    chunks: ChunkCache,
    store: ObjectStore,
    stream: RowStream,
    partner: PartnerApiRunner,
    observer: Observer,
    switch: StopSwitch | None = None,
    circuit: PartnerCircuit | None = None,
    limit: SliceLimit | None = None,
) -> dict[str, Any]:
    """{"synced", "failed"}: each user of the slice is in one of the two. A dry run's rows are made and not sent.

    While `switch` is on nobody is called for, and whoever has no answer yet fails with StoppedError; while `circuit` is
    open, with CircuitOpenError. Where the partner is limited and it is not this slice's turn yet: {"wait_seconds",
    "lease"}, and nothing else has been done.

    Raises ChunkUnreadableError, StorageUnavailableError, StreamUnavailableError, LimitUnavailableError,
    RecordTooLargeError, JobFailedError.
    """
    started_at, started = time.time(), time.monotonic()
    turn = Turn(calls_in_flight)
    with ThreadPoolExecutor(2) as readers, ExitStack() as held:
        # Side by side with the chunk, so that the looks at switch and circuit take no time of their own.
        asked = None if switch is None else readers.submit(switch.is_on)
        looked = None if circuit is None else readers.submit(circuit.begin, slice_.run_id)
        if limit is not None:
            if not _says_yes(asked) and not _says_yes(looked):
                with observer.span("take turn"):
                    taken = _take_turn(limit, slice_, invocation, calls_in_flight)
                if isinstance(taken, Wait):
                    observer.log("slice waits", start=slice_.start, end=slice_.end, wait_seconds=taken.seconds)
                    return taken.to_output()
                turn = taken
            held.enter_context(limit.hold(turn, slice_, observer))
        taken_at = time.monotonic()
        users = _read_users(slice_, chunks, observer)
        is_stopped, is_open = _says_yes(asked), _says_yes(looked)
        read = time.monotonic()

        async def call(api: PartnerApi, tally: CallTally) -> SliceAnswers:
            seconds = _seconds_for_calls(slice_, invocation.seconds_left - (time.monotonic() - started), stream)
            return await fetch_slice(
                users,
                first_position=slice_.start,
                job=job,
                api=api,
                calls_in_flight=turn.calls_in_flight,
                seconds_left=seconds,
                now_microseconds=lambda: time.time_ns() // 1000,
                tally=tally,
                switch=switch,
                is_stopped=is_stopped,
                circuit=circuit,
                is_open=is_open,
                gate=None if limit is None else limit.open_gate(turn, slice_, seconds),
            )

        answers = _call_partner(partner, call, observer)
    called = time.monotonic()
    if switch is not None:
        switch.tell_problem(observer)
    if circuit is not None:
        circuit.settle()
        circuit.tell(observer)

    with observer.span("send rows") as span:
        entries = _make_entries(answers, slice_, invocation, job, observer)
        if not is_dry_run(slice_.run_id):
            stream.put_records(entries, deadline=started + invocation.seconds_left - 1.0)
        record_bytes = sum(len(entry.data) for entry in entries)
        span.describe(records=len(entries), record_bytes=record_bytes)
    sent = time.monotonic()
    if answers.failures:
        write_user_failures(
            store,
            slice_.run_id,
            slice_.chunk,
            function="SyncUsers",
            name=f"{slice_.chunk:05d}-{slice_.start:05d}",
            failures=answers.failures,
        )
    observer.annotate(synced=len(answers.rows), failed=len(answers.failures))
    observer.log(
        "slice synced",
        start=slice_.start,
        end=slice_.end,
        users=slice_.end - slice_.start,
        **_describe_answers(answers, observer),
        started_at=started_at,
        ended_at=time.time(),
        turn_seconds=round(taken_at - started, 6),
        read_seconds=round(read - taken_at, 6),
        call_seconds=round(called - read, 6),
        send_seconds=round(sent - called, 6),
        records=len(entries),
        record_bytes=record_bytes,
    )
    if not is_dry_run(slice_.run_id):
        observer.measure("Count", UsersSynced=len(answers.rows), CallsThrottled=answers.tally.throttled)
        observer.measure_latency(CallLatency=answers.tally.latency)
    return {"synced": len(answers.rows), "failed": len(answers.failures)}


def _take_turn(limit: SliceLimit, slice_: Slice, invocation: Invocation, calls_in_flight: int) -> Turn | Wait:
    return limit.take_turn(
        slice_,
        holder=invocation.request_id,
        calls_in_flight=calls_in_flight,
        seconds_left=invocation.seconds_left,
        waits_until=None if slice_.deadline is None else slice_.deadline - SENDING_SECONDS,
    )


def _read_users(slice_: Slice, chunks: ChunkCache, observer: Observer) -> Sequence[User]:
    with observer.span("read chunk"):
        users = chunks.read(slice_.run_id, slice_.chunk)
    if slice_.end > len(users):
        raise ChunkUnreadableError(
            f"chunk {slice_.chunk} of run {slice_.run_id} has {len(users)} users, the slice ends at {slice_.end}: "
            "start a new run"
        )
    return users[slice_.start : slice_.end]


def _call_partner(
    partner: PartnerApiRunner,
    call: Callable[[PartnerApi, CallTally], Coroutine[Any, Any, SliceAnswers]],
    observer: Observer,
) -> SliceAnswers:
    slowest: list[SlowCall] = []

    async def call_and_tell(api: PartnerApi) -> SliceAnswers:
        tally = CallTally(observer.traced_calls)
        answers = await call(api, tally)
        slowest.extend(tally.slowest(asyncio.get_running_loop().time()))
        return answers

    with observer.span("call partner API") as span:
        answers = partner.run(call_and_tell)
        span.describe(calls=answers.tally.latency.summary())
        observer.add_calls(slowest)
    return answers


def _says_yes(look: Future[bool] | None) -> bool:
    return look is not None and look.result()


def _make_entries(
    answers: SliceAnswers, slice_: Slice, invocation: Invocation, job: Job, observer: Observer
) -> list[StreamEntry]:
    return [
        StreamEntry(f"{slice_.chunk}-{slice_.start}", record)
        for record in encode_records(
            answers.rows,
            run_id=slice_.run_id,
            chunk=slice_.chunk,
            start=slice_.start,
            attempt_id=invocation.request_id,
            trace_header=observer.trace_header,
            columns=job.TABLE.columns,
        )
    ]


def _describe_answers(answers: SliceAnswers, observer: Observer) -> dict[str, Any]:
    """What came of the slice, as the log line has it: counts, and a few users for each reason of failing."""
    tally = answers.tally
    return {
        "synced": len(answers.rows),
        "failed": len(answers.failures),
        "failed_by_reason": dict(Counter(failure.reason for failure in answers.failures)),
        "sample_users": _sample_users(answers.failures, observer),
        "calls": tally.calls,
        "retries": tally.retries,
        "throttled": tally.throttled,
        "api_errors": dict(tally.api_errors),
        "latency": tally.latency.by_bucket(),
    }


def _sample_users(failures: Sequence[UserFailure], observer: Observer) -> dict[str, list[str]]:
    samples: dict[str, list[str]] = defaultdict(list)
    for failure in sorted(failures, key=lambda failure: failure.position):
        if len(samples[failure.reason]) < SAMPLE_USERS:
            samples[failure.reason].append(observer.show_user(failure.user_id))
    return dict(samples)


def _seconds_for_calls(slice_: Slice, invocation_seconds: float, stream: RowStream) -> float:
    """Until the rows must be sent: by this invocation's end and by the moment when the run has to be closed."""
    if slice_.deadline is not None:
        invocation_seconds = min(invocation_seconds, slice_.deadline - time.time())
    seconds = invocation_seconds - SENDING_SECONDS
    # Half of it at most: an environment that calls for nobody has nothing to send either, and would never find out that
    # the stream takes records again.
    return seconds - min(PAUSES_KEPT_BACK * stream.pause_seconds, max(0.0, seconds / 2))
