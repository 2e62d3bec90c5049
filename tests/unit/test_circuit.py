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
    LimitReachedError,
    MalformedAnswerError,
    PartnerApiError,
    StoppedError,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

DOWN = ApiServerError("503")
LONG = FAILING_SECONDS + 0.1


def end(
    breaker: Breaker, users: range, at: float, error: PartnerApiError | None = DOWN, *, called_at: float | None = None
) -> list[Trouble]:
    """What the breaker says, where it says something, when each of these users' calls ends so."""
    said = [breaker.add(f"u{user}", at if called_at is None else called_at, at, error) for user in users]
    return [trouble for trouble in said if trouble is not None]


@pytest.mark.parametrize("error", [DOWN, ApiTimeoutError("late"), ApiUnreachableError("refused")])
def test_breaker_opens_when_everybody_fails_for_long_enough(error: PartnerApiError) -> None:
    breaker = Breaker()

    assert end(breaker, range(RECENT_USERS), 10.0, error) == []
    trouble = end(breaker, range(1), 10.0 + FAILING_SECONDS, error)[0]

    assert (trouble.users, trouble.failed, trouble.seconds) == (RECENT_USERS, RECENT_USERS, FAILING_SECONDS)
    assert trouble.error == type(error).__name__
    assert trouble.error in trouble.describe()


@pytest.mark.parametrize(
    "error",
    [ApiThrottledError("429"), ApiRejectedError("401"), MalformedAnswerError("no JSON"), None],
    ids=lambda error: type(error).__name__,
)
def test_breaker_takes_whatever_is_answered_as_an_answer(error: PartnerApiError | None) -> None:
    breaker = Breaker()

    assert end(breaker, range(100), 0.0, error) + end(breaker, range(100), LONG, error) == []


@pytest.mark.parametrize("error", [StoppedError("stop"), CircuitOpenError("open"), LimitReachedError("rate")])
def test_breaker_counts_no_call_that_did_not_begin(error: PartnerApiError) -> None:
    breaker = Breaker()
    end(breaker, range(20), 0.0)

    assert end(breaker, range(20), LONG, error) == []
    assert end(breaker, range(1), LONG) != []  # the failures before still count


def test_breaker_stays_closed_when_an_outage_is_shorter_than_the_repeats() -> None:
    breaker = Breaker()
    end(breaker, range(50), 0.0)
    end(breaker, range(50), 1.9)
    end(breaker, range(50), 2.0, None)

    assert end(breaker, range(50), 2.1) == []


def test_breaker_stays_closed_when_all_in_flight_time_out_once() -> None:
    """Everybody's first call ends in one moment; the repeats are answered."""
    breaker = Breaker()

    assert end(breaker, range(250), 5.0, ApiTimeoutError("late")) == []
    assert end(breaker, range(250), 5.4, None) == []


def test_breaker_opens_soon_when_few_are_called_for_at_once() -> None:
    """Five callers: a user fails for good within a second, then the next one's turn comes."""
    breaker = Breaker()
    end(breaker, range(100), 0.0, None)

    said = [end(breaker, range(100 + 5 * second, 105 + 5 * second), 1.0 + second) for second in range(5)]

    assert [bool(troubles) for troubles in said] == [False, False, False, True, True]


def test_breaker_stays_closed_when_few_users_fail_again_and_again() -> None:
    """The end of a slice: whoever is left always fails, and is repeated for half a minute."""
    breaker = Breaker()
    for user in range(250):
        if user % 10:
            end(breaker, range(user, user + 1), 0.1, None, called_at=user / 1e6)

    for second in range(5, 30, 5):
        for user in range(0, 250, 10):
            late = ApiTimeoutError("late")
            assert end(breaker, range(user, user + 1), float(second), late, called_at=user / 1e6) == []


def test_breaker_stays_closed_when_there_are_too_few_users_to_tell() -> None:
    breaker = Breaker()

    assert [end(breaker, range(LEAST_USERS - 1), float(second)) for second in range(30)] == [[]] * 30


def test_breaker_stays_closed_when_one_in_four_is_answered() -> None:
    breaker = Breaker()

    for second in range(10):
        for user in range(40):
            assert end(breaker, range(user, user + 1), float(second), DOWN if user % 4 else None) == []


def test_breaker_forgets_the_run_before() -> None:
    breaker = Breaker()
    end(breaker, range(50), 0.0)

    assert end(breaker, range(50), 600.0) == []


def test_breaker_wants_new_evidence_when_it_was_reset() -> None:
    breaker = Breaker()
    end(breaker, range(50), 0.0)
    breaker.reset()

    assert end(breaker, range(50), LONG) == []
    assert end(breaker, range(50), 2 * LONG) != []


def test_breaker_is_spotless_when_all_were_answered_of_late() -> None:
    breaker = Breaker()
    assert not breaker.is_spotless(0.0, 1.0)  # it has seen nothing

    end(breaker, range(3), 10.0, None)

    assert breaker.is_spotless(10.5, 1.0)
    assert not breaker.is_spotless(11.5, 1.0)
    end(breaker, range(1), 10.6)
    assert not breaker.is_spotless(10.7, 1.0)
    end(breaker, range(1), 10.8, None)  # its repeat
    assert breaker.is_spotless(10.9, 1.0)


PAST = st.lists(st.tuples(st.integers(0, 60), st.booleans(), st.floats(0, 5)), max_size=120)


def live_through(past: list[tuple[int, bool, float]]) -> tuple[Breaker, float]:
    """A breaker with that past, and the time when it ended."""
    breaker, now = Breaker(), 0.0
    for user, fails, pause in past:
        now += pause
        breaker.add(f"u{user}", now, now, DOWN if fails else None)
    return breaker, now


@BOUNDED
@given(PAST)
def test_breaker_opens_after_any_past_when_a_whole_window_fails_twice(past: list[tuple[int, bool, float]]) -> None:
    breaker, now = live_through(past)

    end(breaker, range(100, 100 + RECENT_USERS), now)

    assert end(breaker, range(100, 100 + RECENT_USERS), now + LONG, called_at=now) != []


@BOUNDED
@given(PAST, st.integers(0, RECENT_USERS - 1))
def test_breaker_opens_after_no_past_when_too_many_of_the_window_were_answered(
    past: list[tuple[int, bool, float]], failing: int
) -> None:
    breaker, now = live_through(past)
    end(breaker, range(100, 100 + RECENT_USERS), now, None)

    said = [end(breaker, range(100, 100 + failing), now + seconds, called_at=now) for seconds in (0.1, LONG, 2 * LONG)]

    assert any(said) == (failing >= 0.8 * RECENT_USERS)


@BOUNDED
@given(st.lists(st.tuples(st.integers(0, LEAST_USERS - 2), st.booleans(), st.floats(0, 5)), max_size=120))
def test_breaker_opens_for_no_past_of_fewer_users(past: list[tuple[int, bool, float]]) -> None:
    breaker, now = live_through(past)

    assert end(breaker, range(LEAST_USERS - 1), now + LONG) == []
