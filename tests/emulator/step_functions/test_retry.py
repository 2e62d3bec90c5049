"""Retry: which errors, how often, how long between attempts.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

import itertools
import random
from typing import Any

import pytest

from emulator.step_functions.retry import Retrier, RetryBudget, matches
from tests.emulator.step_functions.doubles import (
    FakeLambda,
    FunctionError,
    event_types,
    invoke,
    jsonata,
    run_machine,
)


def failing(times: int, error_type: str) -> Any:
    """A function that fails so many times and then answers how often it was called."""
    calls = 0

    def function(_payload: Any) -> int:
        nonlocal calls
        calls += 1
        if calls <= times:
            raise FunctionError(error_type)
        return calls

    return function


def run_with_retry(retry: list[dict[str, Any]], times: int, error: str = "Busy") -> tuple[Any, list[float]]:
    """The execution, and the seconds between the attempts."""
    functions = FakeLambda({"f": failing(times, error)})
    execution = run_machine(jsonata("A", A=invoke("f", Retry=retry)), functions=functions)
    moments = [call.at for call in functions.calls]
    return execution, [round(after - before, 6) for before, after in itertools.pairwise(moments)]


def test_retry_doubles_the_delay_three_times_when_nothing_but_the_error_is_given() -> None:
    # GIVEN a function that fails three times
    # WHEN the retrier has only ErrorEquals
    execution, delays = run_with_retry([{"ErrorEquals": ["Busy"]}], times=3)

    # THEN IntervalSeconds 1, BackoffRate 2.0 and MaxAttempts 3 apply
    assert delays == [1, 2, 4]
    assert execution.output == 4


def test_retry_gives_up_when_the_attempts_are_used() -> None:
    execution, delays = run_with_retry([{"ErrorEquals": ["Busy"], "MaxAttempts": 2}], times=9)

    assert len(delays) == 2
    assert (execution.status, execution.error) == ("FAILED", "Busy")


def test_retry_never_retries_when_max_attempts_is_zero() -> None:
    # "A value of 0 specifies that the error is never retried."
    retry: list[dict[str, Any]] = [{"ErrorEquals": ["Busy"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]

    execution, delays = run_with_retry(retry, times=1)

    assert (execution.status, delays) == ("FAILED", [])


def test_retry_caps_the_delay_when_max_delay_seconds_is_given() -> None:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxDelaySeconds": 10, "MaxAttempts": 4}]

    _execution, delays = run_with_retry(retry, times=4)

    assert delays == [2, 6, 10, 10]


def test_retry_delay_is_spread_from_nothing_to_the_full_delay_when_jitter_is_full() -> None:
    # "JitterStrategy: FULL" takes a random delay between 0 and the delay that the backoff gives.
    retrier = Retrier(("Busy",), interval_seconds=4, backoff_rate=2.0, max_delay_seconds=10, full_jitter=True)
    source = random.Random(7)

    first = [retrier.delay_seconds(0, source) for _ in range(2000)]
    capped = [retrier.delay_seconds(5, source) for _ in range(2000)]

    assert 0 <= min(first) < 0.1
    assert 3.9 < max(first) <= 4
    assert 1.8 < sum(first) / len(first) < 2.2
    assert 9.9 < max(capped) <= 10


def test_retry_counts_each_retrier_on_its_own_when_errors_alternate() -> None:
    # The example of the guide: ErrorA, ErrorB, ErrorC, ErrorB with MaxAttempts 2 for A and B.
    budget = RetryBudget(
        (Retrier(("ErrorA", "ErrorB"), max_attempts=2), Retrier(("ErrorC",), interval_seconds=5)),
    )
    source = random.Random(1)

    delays = [budget.next_delay(error, source) for error in ("ErrorA", "ErrorB", "ErrorC", "ErrorB")]

    assert delays == [1, 2, 5, None]


def test_retry_does_not_take_a_subclass_when_only_the_base_class_is_named() -> None:
    # Lambda reports the class's own name, and Step Functions compares names.
    execution, delays = run_with_retry([{"ErrorEquals": ["RetryableError"]}], times=1, error="ThrottledError")

    assert (execution.status, execution.error, delays) == ("FAILED", "ThrottledError", [])


def test_retry_schedules_the_task_again_without_entering_the_state_again() -> None:
    execution, _delays = run_with_retry([{"ErrorEquals": ["States.ALL"]}], times=1)

    assert event_types(execution) == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]


def test_retry_count_is_in_the_context_object_when_a_state_is_tried_again() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    functions = FakeLambda({"f": failing(2, "Busy")})
    state = invoke("f", "{% $states.context.State.RetryCount %}", Retry=[{"ErrorEquals": ["Busy"]}])

    run_machine(jsonata("A", A=state), functions=functions)

    assert [call.payload for call in functions.calls] == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "error", "expected"),
    [
        (("States.ALL",), "Anything", True),
        (("States.ALL",), "States.Timeout", True),
        (("States.ALL",), "States.DataLimitExceeded", False),
        (("States.ALL",), "States.Runtime", False),
        (("States.Runtime",), "States.Runtime", False),
        (("States.DataLimitExceeded",), "States.DataLimitExceeded", True),
        (("States.TaskFailed",), "Anything", True),
        (("States.TaskFailed",), "States.Timeout", False),
        (("States.TaskFailed",), "States.HeartbeatTimeout", False),
        (("States.TaskFailed",), "States.DataLimitExceeded", False),
        (("States.Timeout",), "States.Timeout", True),
        (("States.Timeout",), "States.HeartbeatTimeout", True),
        (("States.Timeout",), "Anything", False),
        (("A", "B"), "B", True),
        (("a",), "A", False),
    ],
)
def test_matches_follows_the_documented_wildcards_when_asked(
    names: tuple[str, ...], error: str, expected: bool
) -> None:
    assert matches(names, error) is expected
