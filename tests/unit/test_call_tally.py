"""What a slice's calls were like."""

import time

import pytest
from express_batch.call_tally import CallTally
from express_batch.errors import (
    ApiRejectedError,
    ApiServerError,
    ApiThrottledError,
    ApiTimeoutError,
    ApiUnreachableError,
    MalformedAnswerError,
)
from express_batch.job_contract import User

from tests.fakes.job import ValueJob
from tests.fakes.partner import ScriptedPartner
from tests.unit.test_partner_calls import ANSWER, fetch


def test_every_attempt_is_counted_by_its_reason() -> None:
    partner = ScriptedPartner(
        {
            "/a": [ApiThrottledError("429"), ApiServerError("503"), ANSWER],
            "/b": [ApiUnreachableError("gone"), ApiTimeoutError("late"), ApiRejectedError("404")],
            "/c": [MalformedAnswerError("no JSON")],
            "/d": [{}],  # no row can be made of it
        }
    )

    answers, _ = fetch(partner, ["a", "b", "c", "d"])

    tally = answers.tally
    assert (tally.calls, tally.retries, tally.throttled) == (8, 4, 1)
    assert dict(tally.api_errors) == {
        "ApiThrottledError": 1, "ApiServerError": 1, "ApiUnreachableError": 1, "ApiTimeoutError": 1,
        "ApiRejectedError": 1, "MalformedAnswerError": 2,
    }  # fmt: skip
    # A connection that broke off says nothing of how fast the partner is.
    assert tally.latency.total == 7
    assert tally.latency.summary()["p50"] == pytest.approx(100, rel=0.1)


def test_call_that_was_broken_off_counts_and_has_no_latency() -> None:
    answers, _ = fetch(ScriptedPartner({"/a": [ANSWER]}, latency=9.0), ["a"], seconds_left=1.0)

    assert (answers.tally.calls, answers.tally.latency.total) == (1, 0)


def test_slowest_calls_are_kept_with_their_real_times() -> None:
    tally = CallTally(kept=2)
    for number, seconds in enumerate([0.3, 0.1, 0.9, 0.2, 0.5]):
        tally.add_answer(User(f"u{number}", "acme"), 100.0 + number, 100.0 + number + seconds)
    tally.add_error(User("late", "acme"), 110.0, 115.0, ApiTimeoutError("late"))

    before = time.time()
    first, second = tally.slowest(clock=120.0)
    after = time.time()

    assert (first.user_id, first.outcome) == ("u2", "ok")
    assert first.seconds == pytest.approx(0.9)
    assert (second.user_id, second.outcome, second.seconds) == ("late", "ApiTimeoutError", 5.0)
    assert before - 18.0 <= first.started_at <= after - 18.0
    assert before - 10.0 <= second.started_at <= after - 10.0


def test_no_call_is_kept_when_none_is_asked_for() -> None:
    answers, _ = fetch(ScriptedPartner({"/a": [ANSWER]}), ["a"], job=ValueJob())

    assert answers.tally.slowest(clock=0.0) == []
