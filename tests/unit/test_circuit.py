"""The breaker's judgement: it opens when the partner is down for everybody, and for nothing less."""

import pytest
from express_batch.circuit import FAILING_SECONDS, LEAST_USERS, RECENT_USERS, Breaker, Trouble
from express_batch.errors import (
    ApiRejectedError,
    ApiServerError,
    ApiThrottledError,
    ApiTimeoutError,
    ApiUnreachableError,
    CircuitOpenError,
    MalformedAnswerError,
    PartnerApiError,
    StoppedError,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

DOWN = ApiServerError("503")
LONG = FAILING_SECONDS + 0.1


def fail(breaker: Breaker, users: range, at: float, error: PartnerApiError | None = DOWN) -> list[Trouble]:
    """What the breaker says, where it says something, when each of these users' calls ends so."""
    said = [breaker.add(f"u{user}", at, error) for user in users]
    return [trouble for trouble in said if trouble is not None]


@pytest.mark.parametrize("error", [DOWN, ApiTimeoutError("late"), ApiUnreachableError("refused")])
def test_breaker_opens_when_everybody_fails_for_long_enough(error: PartnerApiError) -> None:
    breaker = Breaker()

    assert fail(breaker, range(RECENT_USERS), 10.0, error) == []
    trouble = fail(breaker, range(1), 10.0 + FAILING_SECONDS, error)[0]

    assert (trouble.users, trouble.failed, trouble.seconds) == (RECENT_USERS, RECENT_USERS, FAILING_SECONDS)
    assert trouble.error == type(error).__name__ in trouble.describe()


@pytest.mark.parametrize(
    "error",
    [ApiThrottledError("429"), ApiRejectedError("401"), MalformedAnswerError("no JSON"), None],
    ids=lambda error: type(error).__name__,
)
def test_breaker_takes_whatever_is_answered_as_an_answer(error: PartnerApiError | None) -> None:
    breaker = Breaker()

    assert fail(breaker, range(100), 0.0, error) + fail(breaker, range(100), LONG, error) == []


@pytest.mark.parametrize("error", [StoppedError("stop"), CircuitOpenError("open")])
def test_breaker_counts_no_call_that_did_not_begin(error: PartnerApiError) -> None:
    breaker = Breaker()
    fail(breaker, range(20), 0.0)

    assert fail(breaker, range(20), LONG, error) == []
    assert fail(breaker, range(1), LONG) != []  # the failures before still count


def test_breaker_stays_closed_when_an_outage_is_shorter_than_a_users_repeats() -> None:
    breaker = Breaker()
    fail(breaker, range(50), 0.0)
    fail(breaker, range(50), 1.9)
    fail(breaker, range(50), 2.0, None)

    assert fail(breaker, range(50), 2.1) == []


def test_breaker_stays_closed_when_all_in_flight_time_out_once() -> None:
    """Everybody's first call ends in one moment; the repeats are answered."""
    breaker = Breaker()

    assert fail(breaker, range(250), 5.0, ApiTimeoutError("late")) == []
    assert fail(breaker, range(250), 5.4, None) == []


def test_breaker_stays_closed_when_few_users_fail_again_and_again() -> None:
    """The end of a slice: whoever is left always fails, and is repeated for half a minute."""
    breaker = Breaker()
    fail(breaker, range(40), 0.0, None)

    assert [fail(breaker, range(100, 110), float(second)) for second in range(30)] == [[]] * 30


def test_breaker_stays_closed_when_there_are_too_few_users_to_tell() -> None:
    breaker = Breaker()

    assert [fail(breaker, range(LEAST_USERS - 1), float(second)) for second in range(30)] == [[]] * 30


def test_breaker_stays_closed_when_one_in_four_is_answered() -> None:
    breaker = Breaker()

    for second in range(10):
        assert fail(breaker, range(36), float(second)) == []
        assert fail(breaker, range(100, 112), float(second), None) == []


def test_breaker_forgets_the_run_before() -> None:
    breaker = Breaker()
    fail(breaker, range(50), 0.0)

    assert fail(breaker, range(50), 600.0) == []


def test_breaker_wants_new_evidence_when_it_was_reset() -> None:
    breaker = Breaker()
    fail(breaker, range(50), 0.0)
    breaker.reset()

    assert fail(breaker, range(50), LONG) == []
    assert fail(breaker, range(50), 2 * LONG) != []


def test_breaker_is_spotless_when_all_were_answered_of_late() -> None:
    breaker = Breaker()
    assert not breaker.is_spotless(0.0, 1.0)  # it has seen nothing

    fail(breaker, range(3), 10.0, None)

    assert breaker.is_spotless(10.5, 1.0)
    assert not breaker.is_spotless(11.5, 1.0)
    fail(breaker, range(1), 10.6)
    assert not breaker.is_spotless(10.7, 1.0)
    fail(breaker, range(1), 10.8, None)  # its repeat
    assert breaker.is_spotless(10.9, 1.0)


@BOUNDED
@given(st.lists(st.tuples(st.integers(0, 70), st.booleans(), st.floats(0, 5)), max_size=200))
def test_breaker_opens_exactly_as_the_last_users_latest_outcomes_say(calls: list[tuple[int, bool, float]]) -> None:
    breaker, latest, now = Breaker(), dict[int, tuple[bool, float]](), 0.0
    failing_since: float | None = None
    for user, fails, pause in calls:
        now += pause
        latest.pop(user, None)
        latest[user] = fails, now
        recent = [each for each in list(latest.values())[-RECENT_USERS:] if now - each[1] <= 120.0]
        failed = sum(failing for failing, _ in recent)
        is_failing = len(recent) >= LEAST_USERS and failed >= 0.8 * len(recent)
        failing_since = None if not is_failing else now if failing_since is None else failing_since

        trouble = breaker.add(str(user), now, DOWN if fails else None)

        expects = fails and failing_since is not None and now - failing_since >= FAILING_SECONDS
        assert (trouble is not None) == expects
