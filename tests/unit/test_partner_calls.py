"""Calling for a slice: every user ends as a row or as a failure with its reason."""

import asyncio
import itertools
from collections import Counter
from typing import Any, ClassVar

import pytest
from express_batch.circuit import Breaker
from express_batch.errors import (
    AnswerTooLargeError,
    ApiRejectedError,
    ApiServerError,
    ApiThrottledError,
    ApiTimeoutError,
    ApiUnreachableError,
    JobFailedError,
    MalformedAnswerError,
    PartnerApiError,
)
from express_batch.job_contract import Job, Row, User
from express_batch.partner_calls import MAX_ROW_CHARACTERS, RetryPolicy, SliceAnswers, fetch_slice
from express_batch.stream_record import encode_records
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.job import ValueJob
from tests.fakes.json_values import ANY_JSON
from tests.fakes.partner import ScriptedPartner
from tests.fakes.virtual_time import run_virtually

ANSWER = {"value": "good"}


def fetch(
    partner: ScriptedPartner,
    users: list[str],
    *,
    job: Job | None = None,
    calls_in_flight: int = 100,
    seconds_left: float = 50.0,
    policy: RetryPolicy | None = None,
    jitter: float = 1.0,
) -> tuple[SliceAnswers, float]:
    """The answers, and the virtual seconds that passed."""
    return run_virtually(
        fetch_slice(
            [User(user, "acme") for user in users],
            first_position=200,
            job=job or ValueJob(),
            api=partner,
            calls_in_flight=calls_in_flight,
            seconds_left=seconds_left,
            now_microseconds=lambda: 77,
            policy=policy,
            jitter=lambda: jitter,
        )
    )


def reasons(answers: SliceAnswers) -> dict[str, str]:
    return {failure.user_id: failure.reason for failure in answers.failures}


def test_every_user_has_a_row_at_its_position_when_all_answer() -> None:
    partner = ScriptedPartner({f"/{user}": [{"value": user * 2}] for user in "abc"})

    answers, _ = fetch(partner, ["a", "b", "c"])

    assert answers.failures == []
    assert sorted((row.position, row.values) for row in answers.rows) == [
        (200, ("a", "aa")),
        (201, ("b", "bb")),
        (202, ("c", "cc")),
    ]
    assert {row.answer_version for row in answers.rows} == {77}


def test_nothing_is_called_when_there_are_no_users() -> None:
    answers, _ = fetch(ScriptedPartner({}), [])

    assert answers == SliceAnswers([], [])


@pytest.mark.parametrize(
    "error",
    [ApiServerError("503"), ApiTimeoutError("late"), ApiUnreachableError("gone")],
    ids=lambda e: type(e).__name__,
)
def test_call_is_repeated_when_the_partner_fails(error: PartnerApiError) -> None:
    partner = ScriptedPartner({"/a": [error, error, ANSWER]})

    answers, _ = fetch(partner, ["a"])

    assert (len(answers.rows), partner.calls["/a"]) == (1, 3)


def test_call_is_given_up_when_the_partner_fails_as_often_as_the_policy_allows() -> None:
    partner = ScriptedPartner({"/a": [ApiServerError("GET /a: 503")], "/b": [ANSWER]})

    answers, _ = fetch(partner, ["a", "b"], policy=RetryPolicy(max_attempts=4))

    assert partner.calls["/a"] == 4
    (failure,) = answers.failures
    assert (failure.position, failure.user_id, failure.tenant_id) == (200, "a", "acme")
    assert (failure.reason, failure.detail) == ("ApiServerError", "GET /a: 503")
    assert [row.position for row in answers.rows] == [201]


def test_pauses_grow_up_to_their_cap_when_the_partner_goes_on_failing() -> None:
    partner = ScriptedPartner({"/a": [ApiServerError("503")]}, latency=0.0)

    fetch(partner, ["a"], policy=RetryPolicy(max_attempts=6, base_delay=1.0, max_delay=5.0))

    times = partner.call_times["/a"]
    assert [round(later - earlier) for earlier, later in itertools.pairwise(times)] == [1, 2, 4, 5, 5]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_pause_is_within_the_exponential_bound_whatever_the_jitter(jitter: float) -> None:
    policy = RetryPolicy(base_delay=0.1, max_delay=5.0)

    assert [policy.delay_after(failed, lambda: jitter) for failed in (1, 2, 3, 20)] == pytest.approx(
        [0.1 * jitter, 0.2 * jitter, 0.4 * jitter, 5.0 * jitter]
    )


@pytest.mark.parametrize(
    "error",
    [ApiRejectedError("404"), AnswerTooLargeError("big"), MalformedAnswerError("no JSON")],
    ids=lambda error: type(error).__name__,
)
def test_call_is_not_repeated_when_that_would_change_nothing(error: PartnerApiError) -> None:
    partner = ScriptedPartner({"/a": [error]})

    answers, _ = fetch(partner, ["a"])

    assert partner.calls["/a"] == 1
    assert reasons(answers) == {"a": type(error).__name__}


def test_call_waits_as_long_as_the_partner_asks_when_throttled() -> None:
    partner = ScriptedPartner({"/a": [ApiThrottledError("429", 7.0), ANSWER]}, latency=0.0)

    answers, seconds = fetch(partner, ["a"], jitter=1.0)

    assert len(answers.rows) == 1
    assert 7.0 <= seconds <= 7.0 * 1.25 + 0.01


def test_call_waits_all_the_same_when_throttled_without_retry_after() -> None:
    partner = ScriptedPartner({"/a": [ApiThrottledError("429"), ApiThrottledError("429", 0.0), ANSWER]}, latency=0.0)

    _, seconds = fetch(partner, ["a"], jitter=0.0)

    assert seconds == pytest.approx(0.2, abs=0.01)


def test_throttling_is_no_failure_and_is_repeated_more_often_than_failures_are() -> None:
    partner = ScriptedPartner({"/a": [*[ApiThrottledError("429", 0.5)] * 20, ANSWER]})

    answers, _ = fetch(partner, ["a"], policy=RetryPolicy(max_attempts=2))

    assert len(answers.rows) == 1
    assert partner.calls["/a"] == 21


def test_user_fails_at_once_when_the_partner_asks_to_wait_beyond_the_time_left() -> None:
    partner = ScriptedPartner({"/a": [ApiThrottledError("429", 300.0)], "/b": [ANSWER]}, latency=0.0)

    answers, seconds = fetch(partner, ["a", "b"], seconds_left=50.0)

    assert reasons(answers) == {"a": "ApiThrottledError"}
    assert len(answers.rows) == 1
    assert seconds < 1.0


def test_finished_rows_survive_when_the_time_runs_out() -> None:
    """GIVEN calls of a second each, one at a time, and time for five of nine."""
    users = [f"u{number}" for number in range(9)]
    partner = ScriptedPartner({f"/{user}": [ANSWER] for user in users}, latency=1.0)

    answers, seconds = fetch(partner, users, calls_in_flight=1, seconds_left=5.5)

    assert [row.position for row in answers.rows] == [200, 201, 202, 203, 204]
    assert reasons(answers) == dict.fromkeys(users[5:], "TimeLeftError")
    assert seconds == pytest.approx(5.5, abs=0.01)
    assert partner.in_flight == 0


@pytest.mark.parametrize("seconds_left", [0.0, -3.0])
def test_every_user_fails_by_name_when_there_is_no_time_at_all(seconds_left: float) -> None:
    partner = ScriptedPartner({"/a": [ANSWER], "/b": [ANSWER]})

    answers, _ = fetch(partner, ["a", "b"], seconds_left=seconds_left)

    assert answers.rows == []
    assert reasons(answers) == {"a": "TimeLeftError", "b": "TimeLeftError"}


@pytest.mark.parametrize("calls_in_flight", [1, 7, 50])
def test_calls_at_once_are_never_more_than_allowed(calls_in_flight: int) -> None:
    users = [f"u{number}" for number in range(30)]
    script: dict[str, list[Any]] = {f"/{user}": [ApiServerError("503"), ANSWER] for user in users}
    partner = ScriptedPartner(script)

    answers, _ = fetch(partner, users, calls_in_flight=calls_in_flight)

    assert len(answers.rows) == 30
    assert partner.most_in_flight == min(calls_in_flight, 30)


class BrokenJob(ValueJob):
    def make_row(self, user: User, answer: Any) -> Row:
        if answer == "bug":
            raise AssertionError(f"the job's own bug, with the {answer}'s secret")
        return super().make_row(user, answer)


def test_bug_of_the_job_is_told_by_its_place_and_without_its_text() -> None:
    """Lambda logs an error's text, and this one holds what the partner answered."""
    partner = ScriptedPartner({"/a": [ANSWER], "/b": ["bug"], "/c": [ANSWER]})

    with pytest.raises(
        JobFailedError, match=r"make_row raised AssertionError in test_partner_calls\.py, line \d+"
    ) as bug:
        fetch(partner, ["a", "b", "c"], job=BrokenJob())
    assert "secret" not in str(bug.value)


def test_bug_of_the_job_is_told_when_it_is_in_the_call() -> None:
    with pytest.raises(JobFailedError, match="call_api raised KeyError"):
        fetch(ScriptedPartner({"/a": [KeyError("secret")]}), ["a"])


def test_bug_of_the_job_is_told_when_others_run_out_of_time() -> None:
    script: dict[str, list[Any]] = {"/a": ["bug"], "/b": [ApiThrottledError("429", 1.0)]}

    with pytest.raises(JobFailedError):
        fetch(ScriptedPartner(script), ["a", "b"], job=BrokenJob(), seconds_left=5.0)


class AnyRowJob(ValueJob):
    """Its row is what the partner answered; a text names an error to raise."""

    ERRORS: ClassVar[dict[str, Exception]] = {
        error.__class__.__name__: error
        for error in (
            KeyError("secret"),
            IndexError("secret"),
            TypeError("secret"),
            ValueError("secret"),
            AttributeError("secret"),
            OverflowError("secret"),
            ZeroDivisionError("secret"),
        )
    }

    def make_row(self, user: User, answer: Any) -> Any:
        if isinstance(answer, str) and answer in self.ERRORS:
            raise self.ERRORS[answer]
        return answer


@pytest.mark.parametrize(
    "row",
    [
        *AnyRowJob.ERRORS,
        None,  # a job that returns nothing
        7,
        ["only one"],
        ["a", 1, "one too many"],
        ["a", ["secret"]],
        ["a", {"secret": 1}],
        ["a", b"secret"],
        ["a", float("nan")],
        ["a", float("inf")],
        ["a", "secret\ud800"],  # half a surrogate pair: UTF-8 has it not
        ["a", "secret" * MAX_ROW_CHARACTERS],
    ],
    ids=lambda row: str(row)[:30].encode("ascii", "replace").decode(),
)
def test_one_user_fails_and_its_neighbours_do_not_when_its_row_is_malformed(row: Any) -> None:
    partner = ScriptedPartner({"/a": [row], "/b": [["b", 1]]})

    answers, _ = fetch(partner, ["a", "b"], job=AnyRowJob())

    assert reasons(answers) == {"a": "MalformedAnswerError"}
    assert [row.values for row in answers.rows] == [("b", 1)]
    assert "secret" not in answers.failures[0].detail


@BOUNDED
@given(st.lists(ANY_JSON, min_size=1, max_size=6))
def test_every_user_is_accounted_for_and_every_row_can_be_sent_whatever_the_partner_answers(answers: list[Any]) -> None:
    users = [f"u{number}" for number in range(len(answers))]
    script = {f"/{user}": [{"value": answer}] for user, answer in zip(users, answers, strict=True)}

    outcome, _ = fetch(ScriptedPartner(script), users)

    positions = [row.position for row in outcome.rows] + [failure.position for failure in outcome.failures]
    assert sorted(positions) == list(range(200, 200 + len(users)))
    assert (
        list(
            encode_records(
                outcome.rows,
                run_id="20261122T083000Z",
                chunk=0,
                start=200,
                attempt_id="a",
                trace_header=None,
                columns=ValueJob.TABLE.columns,
            )
        )
        or not outcome.rows
    )


def test_row_of_the_greatest_size_fits_a_stream_record_even_when_escaped() -> None:
    text = "\x01" * (MAX_ROW_CHARACTERS - 10)

    outcome, _ = fetch(ScriptedPartner({"/a": [{"value": text}]}), ["a"])

    (record,) = encode_records(
        outcome.rows, run_id="r", chunk=0, start=200, attempt_id="a", trace_header=None, columns=("user_id", "value")
    )
    assert len(record) > 600_000


class TimedSwitch:
    """A switch that is put on at a moment of the virtual clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def is_on(self) -> bool:
        return self._seconds <= 0

    async def wait_until_on(self) -> None:
        await asyncio.sleep(self._seconds)


def stop_at(
    seconds: float, partner: ScriptedPartner, users: list[str], *, job: Job | None = None, calls_in_flight: int = 100
) -> tuple[SliceAnswers, float]:
    """What comes of a slice whose calls are stopped then."""
    return run_virtually(
        fetch_slice(
            [User(user, "acme") for user in users],
            first_position=0,
            job=job or ValueJob(),
            api=partner,
            calls_in_flight=calls_in_flight,
            seconds_left=50.0,
            now_microseconds=lambda: 77,
            jitter=lambda: 1.0,
            switch=TimedSwitch(seconds),
            is_stopped=seconds <= 0,
        )
    )


def test_nobody_is_called_for_when_calls_are_stopped_from_the_start() -> None:
    partner = ScriptedPartner({"/a": [ANSWER], "/b": [ANSWER]})

    answers, seconds = stop_at(0, partner, ["a", "b"])

    assert (dict(partner.calls), seconds, answers.tally.calls) == ({}, 0, 0)
    assert reasons(answers) == {"a": "StoppedError", "b": "StoppedError"}


def test_calls_in_flight_end_and_no_other_begins_when_calls_are_stopped() -> None:
    users = [f"u{number}" for number in range(40)]
    partner = ScriptedPartner({f"/{user}": [ANSWER] for user in users}, latency=1.0)

    answers, seconds = stop_at(2.5, partner, users, calls_in_flight=4)

    # Three waves of four had begun, and the third was answered.
    assert sum(partner.calls.values()) == len(answers.rows) == 12
    assert seconds == pytest.approx(3.0)
    assert set(reasons(answers).values()) == {"StoppedError"}
    assert len(answers.failures) == 28


def test_wait_for_a_repeat_is_broken_off_when_calls_are_stopped() -> None:
    partner = ScriptedPartner({"/a": [ApiThrottledError("429", 20.0)]})

    answers, seconds = stop_at(2.0, partner, ["a"])

    assert partner.calls["/a"] == 1
    assert seconds == pytest.approx(2.0)
    assert reasons(answers) == {"a": "StoppedError"}


def test_job_that_sends_several_requests_for_a_user_begins_no_other_when_calls_are_stopped() -> None:
    class TwoRequests(ValueJob):
        async def call_api(self, api: Any, user: User) -> Any:
            await api.get_json("/first")
            return await api.get_json("/second")

    partner = ScriptedPartner({"/first": [ANSWER], "/second": [ANSWER]}, latency=1.0)

    answers, _ = stop_at(0.5, partner, ["a"], job=TwoRequests())

    assert dict(partner.calls) == {"/first": 1}
    assert reasons(answers) == {"a": "StoppedError"}


def test_slice_ends_as_ever_when_nobody_stops_it() -> None:
    partner = ScriptedPartner({"/a": [ApiServerError("503"), ANSWER]})

    answers, _ = stop_at(1000.0, partner, ["a"])

    assert (len(answers.rows), answers.failures) == (1, [])


class LoopCircuit:
    """A breaker alone. Others open the circuit at `opens_at`."""

    def __init__(self, opens_at: float = 1000.0) -> None:
        self._breaker = Breaker()
        self._opens_at = opens_at

    def note(self, user_id: str, called_at: float, ended: float, error: PartnerApiError | None) -> bool:
        return self._breaker.add(user_id, called_at, ended, error) is not None

    async def wait_until_open(self) -> None:
        await asyncio.sleep(self._opens_at)


def fetch_with_circuit(
    circuit: LoopCircuit, partner: ScriptedPartner, users: list[str], *, calls_in_flight: int, is_open: bool = False
) -> tuple[SliceAnswers, float]:
    """What comes of a slice whose calls the circuit watches."""
    return run_virtually(
        fetch_slice(
            [User(user, "acme") for user in users],
            first_position=0,
            job=ValueJob(),
            api=partner,
            calls_in_flight=calls_in_flight,
            seconds_left=50.0,
            now_microseconds=lambda: 77,
            jitter=lambda: 1.0,
            circuit=circuit,
            is_open=is_open,
        )
    )


@pytest.mark.parametrize("error", [ApiServerError("503"), ApiTimeoutError("late"), ApiUnreachableError("refused")])
def test_calls_end_within_seconds_when_the_partner_is_down(error: PartnerApiError) -> None:
    users = [f"u{number:03d}" for number in range(500)]
    partner = ScriptedPartner({f"/{user}": [error] for user in users}, latency=0.01)

    answers, seconds = fetch_with_circuit(LoopCircuit(), partner, users, calls_in_flight=20)

    # Five attempts and their pauses take 1.55 s: a second round has begun when two seconds are over.
    assert seconds < 2.5
    assert sum(partner.calls.values()) < 250
    assert Counter(reasons(answers).values()) == {"CircuitOpenError": 480, type(error).__name__: 20}
    assert answers.rows == []


def test_rows_that_were_answered_stay_when_the_partner_goes_down() -> None:
    users = [f"u{number:03d}" for number in range(200)]
    script: dict[str, list[Any]] = {
        f"/{user}": [ANSWER] if number < 60 else [ApiServerError("503")] for number, user in enumerate(users)
    }

    answers, _ = fetch_with_circuit(LoopCircuit(), ScriptedPartner(script), users, calls_in_flight=20)

    assert sorted(row.position for row in answers.rows) == list(range(60))
    assert len(answers.rows) + len(answers.failures) == 200
    assert Counter(reasons(answers).values())["CircuitOpenError"] > 90


def test_nobody_is_called_for_when_the_circuit_is_open() -> None:
    partner = ScriptedPartner({"/a": [ANSWER]})

    answers, seconds = fetch_with_circuit(LoopCircuit(), partner, ["a"], calls_in_flight=1, is_open=True)

    assert (dict(partner.calls), seconds) == ({}, 0)
    assert reasons(answers) == {"a": "CircuitOpenError"}


def test_no_call_begins_any_more_when_another_environment_opens_the_circuit() -> None:
    users = [f"u{number}" for number in range(40)]
    partner = ScriptedPartner({f"/{user}": [ANSWER] for user in users}, latency=1.0)

    answers, _ = fetch_with_circuit(LoopCircuit(opens_at=1.5), partner, users, calls_in_flight=4)

    assert sum(partner.calls.values()) == len(answers.rows) == 8
    assert set(reasons(answers).values()) == {"CircuitOpenError"}


def test_everybody_is_called_for_when_few_users_fail_whatever_is_tried() -> None:
    users = [f"u{number}" for number in range(100)]
    script: dict[str, list[Any]] = {f"/{user}": [ANSWER] for user in users}
    script |= {f"/u{number}": [ApiTimeoutError("late")] for number in range(12)}

    answers, _ = fetch_with_circuit(LoopCircuit(), ScriptedPartner(script, latency=5.0), users, calls_in_flight=100)

    assert len(answers.rows) == 88
    assert set(reasons(answers).values()) == {"ApiTimeoutError"}
