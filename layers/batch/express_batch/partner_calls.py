"""Calling the partner API for a slice: all users at once within a bound, retried while there is time left."""

import asyncio
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from express_batch.call_gate import AdmittedApi, CallGate
from express_batch.call_tally import CallTally
from express_batch.errors import (
    ApiThrottledError,
    CircuitOpenError,
    JobFailedError,
    MalformedAnswerError,
    PartnerApiError,
    StoppedError,
    TimeLeftError,
)
from express_batch.failures import UserFailure
from express_batch.job_contract import Job, PartnerApi, Row, User
from express_batch.stopping import Circuit, StoppableApi, Stopping, Switch
from express_batch.stream_record import MAX_RECORD_BYTES, SyncedRow, check_value

# What make_row may raise for an answer that does not hold; anything else is the job's bug and stops the slice.
MALFORMED_ERRORS = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
# JSON escapes a character into six bytes at most, so a row of this much text never passes a stream record.
MAX_ROW_CHARACTERS = MAX_RECORD_BYTES // 8


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how far apart a user's call is repeated. Seconds."""

    max_attempts: int = 5  # failures of the partner; being throttled is no failure and is bounded by time alone
    base_delay: float = 0.1
    max_delay: float = 5.0

    def delay_after(self, failed_attempts: int, jitter: Callable[[], float]) -> float:
        """Full jitter over an exponential bound
        (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""
        return min(self.max_delay, self.base_delay * 2.0 ** (failed_attempts - 1)) * jitter()


@dataclass(frozen=True)
class SliceAnswers:
    """What came of a slice: each of its users is in one of the two."""

    rows: list[SyncedRow]
    failures: list[UserFailure]
    tally: CallTally = field(default_factory=CallTally, compare=False)


async def fetch_slice(
    users: Sequence[User],
    *,
    first_position: int,
    job: Job,
    api: PartnerApi,
    calls_in_flight: int,
    seconds_left: float,
    now_microseconds: Callable[[], int],
    policy: RetryPolicy | None = None,
    jitter: Callable[[], float] = random.random,
    tally: CallTally | None = None,
    switch: Switch | None = None,
    is_stopped: bool = False,
    circuit: Circuit | None = None,
    is_open: bool = False,
    gate: CallGate | None = None,
) -> SliceAnswers:
    """A row or a failure for each user. `first_position` is the first user's place in the chunk.

    What is not done when `seconds_left` are over is broken off and becomes a failure `TimeLeftError`, so that
    the rows which are there can still be sent. Once `switch` is on, or `is_stopped` from the start, no call begins:
    calls in flight end, everybody else becomes a failure `StoppedError`. So it is with `circuit` and `CircuitOpenError`
    when that opens or `is_open` from the start. With a `gate` each request waits for its slot. `tally` takes each call,
    by the loop's clock. Raises JobFailedError.
    """
    loop = asyncio.get_running_loop()
    stopping = Stopping()
    if is_stopped or is_open:
        stopping.stop(StoppedError if is_stopped else CircuitOpenError)
    caller = _SliceCaller(
        job,
        StoppableApi(api, stopping),
        policy or RetryPolicy(),
        jitter,
        now_microseconds,
        loop.time,
        loop.time() + seconds_left,
        tally or CallTally(),
        stopping,
        circuit,
        gate,
    )
    work = enumerate(users, first_position)
    workers = [
        asyncio.ensure_future(caller.take_users(work))
        for _ in range(min(calls_in_flight, len(users)) if seconds_left > 0 else 0)
    ]
    if workers:
        watchers = [] if switch is None or is_stopped else [asyncio.ensure_future(stopping.follow_switch(switch))]
        if circuit is not None and not is_open:
            watchers.append(asyncio.ensure_future(stopping.follow_circuit(circuit)))
        if gate is not None:
            watchers.extend(asyncio.ensure_future(work) for work in gate.watch())
        _, late = await asyncio.wait(workers, timeout=max(0.0, seconds_left))
        for worker in late:
            worker.cancel()
        for watcher in watchers:
            watcher.cancel()
        if gate is not None:
            await gate.end()
        # return_exceptions for those just cancelled; a finished worker's own error must not be lost.
        for outcome in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
                raise outcome
    done = {row.position for row in caller.rows} | {failure.position for failure in caller.failures}
    for position, user in enumerate(users, first_position):
        if position not in done:
            caller.failures.append(
                UserFailure(
                    position,
                    user.user_id,
                    user.tenant_id,
                    TimeLeftError.__name__,
                    "the invocation's time ran out before an answer came",
                )
            )
    return SliceAnswers(caller.rows, caller.failures, caller.tally)


class _SliceCaller:
    """What the workers of one slice share."""

    def __init__(
        self,
        job: Job,
        api: PartnerApi,
        policy: RetryPolicy,
        jitter: Callable[[], float],
        now_microseconds: Callable[[], int],
        clock: Callable[[], float],
        deadline: float,
        tally: CallTally,
        stopping: Stopping,
        circuit: Circuit | None,
        gate: CallGate | None,
    ) -> None:
        self.rows: list[SyncedRow] = []
        self.failures: list[UserFailure] = []
        self._job = job
        self._api = api
        self._policy = policy
        self._jitter = jitter
        self._now_microseconds = now_microseconds
        self._clock = clock
        self._deadline = deadline
        self.tally = tally
        self._stopping = stopping
        self._circuit = circuit
        self._gate = gate
        self._column_count = len(job.TABLE.columns)
        self._key_positions = job.TABLE.key_positions

    async def take_users(self, work: Iterator[tuple[int, User]]) -> None:
        """Call for one user after the other until none is left."""
        for position, user in work:
            try:
                row = await self._fetch_row(user)
            except PartnerApiError as error:
                self.failures.append(
                    UserFailure(position, user.user_id, user.tenant_id, type(error).__name__, str(error))
                )
            else:
                self.rows.append(SyncedRow(position, self._now_microseconds(), row))

    async def _fetch_row(self, user: User) -> Row:
        failed = 0
        tally = self.tally
        called_at: float | None = None
        while True:
            self._stopping.check()
            admitted = None if self._gate is None else await self._gate.admit(self._api, self._stopping)
            tally.calls += 1
            started = self._clock()
            called_at = started if called_at is None else called_at
            try:
                answer = await self._call(user, admitted)
            except PartnerApiError as error:
                tally.add_error(user, started, self._clock(), error)
                self._note(user, called_at, error)
                if self._gate is not None and isinstance(error, ApiThrottledError):
                    self._gate.report_throttled(self._clock() - started, error.retry_after_seconds)
                if not error.retryable:
                    raise
                if isinstance(error, ApiThrottledError):
                    # At least as long as the partner asks for, and not all at the same moment.
                    delay = max(error.retry_after_seconds or 0.0, self._policy.base_delay) * (
                        1.0 + 0.25 * self._jitter()
                    )
                else:
                    failed += 1
                    if failed >= self._policy.max_attempts:
                        raise
                    delay = self._policy.delay_after(failed, self._jitter)
                if self._clock() + delay >= self._deadline:
                    raise
                await self._stopping.sleep(delay)
                tally.retries += 1
            except Exception as error:
                raise _describe_bug("call_api", error) from error
            else:
                tally.add_answer(user, started, self._clock())
                self._note(user, called_at, None)
                return self._make_row(user, answer)

    async def _call(self, user: User, admitted: AdmittedApi | None) -> object:
        if admitted is None:
            return await self._job.call_api(self._api, user)
        try:
            return await self._job.call_api(admitted, user)
        finally:
            admitted.close()

    def _note(self, user: User, called_at: float, error: PartnerApiError | None) -> None:
        if self._circuit is not None and self._circuit.note(user.user_id, called_at, self._clock(), error):
            self._stopping.stop(CircuitOpenError)

    def _make_row(self, user: User, answer: object) -> Row:
        try:
            return self._check_row(user, answer)
        except MalformedAnswerError as error:
            self.tally.api_errors[type(error).__name__] += 1
            raise

    def _check_row(self, user: User, answer: object) -> Row:
        try:
            row = tuple(self._job.make_row(user, answer))
        except MALFORMED_ERRORS as error:
            # Only the error's class: its text may hold what the partner answered.
            raise MalformedAnswerError(
                f"the job could not make a row of the answer ({type(error).__name__})"
            ) from error
        except PartnerApiError:
            raise
        except Exception as error:
            raise _describe_bug("make_row", error) from error
        if len(row) != self._column_count:
            raise MalformedAnswerError(f"the job made {len(row)} values for {self._column_count} columns")
        if any(isinstance(row[place], str) and str(row[place]).endswith(" ") for place in self._key_positions):
            # MySQL ignores trailing spaces in a key (PAD SPACE): "a" and "a " would overwrite each other's row
            # (https://dev.mysql.com/doc/refman/8.4/en/charset-binary-collations.html).
            raise MalformedAnswerError("the job made a key that ends in a space, which is another user's key to MySQL")
        characters = 0
        for value in row:
            try:
                check_value(value)
            except ValueError as error:
                raise MalformedAnswerError(f"the job made {error}") from error
            if isinstance(value, str):
                characters += len(value)
        # One user's answer must not cost the others of the slice their rows.
        if characters > MAX_ROW_CHARACTERS:
            raise MalformedAnswerError(
                f"the job made a row of {characters} characters, {MAX_ROW_CHARACTERS} travel: "
                "keep large values out of the job's row"
            )
        return row


def _describe_bug(part: str, error: Exception) -> JobFailedError:
    """The class and the place: Lambda logs an error's text, and this one's may hold what the partner answered."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return JobFailedError(
        f"the job's {part} raised {type(error).__name__} in {PurePath(place.filename).name}, line {place.lineno}: "
        "mend layers/job"
    )
