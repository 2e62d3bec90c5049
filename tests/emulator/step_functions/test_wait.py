"""Wait.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.emulator.step_functions.doubles import EPOCH_SECONDS, jsonata, jsonpath, run_machine

LATER = datetime.fromtimestamp(EPOCH_SECONDS + 90, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
EARLIER = "2016-03-14T01:59:00Z"


def waited(state: dict[str, Any], data: Any = None, *, is_jsonata: bool = True) -> float:
    """Seconds that a machine of one Wait state took."""
    build = jsonata if is_jsonata else jsonpath
    execution = run_machine(build("W", W={"Type": "Wait", "End": True, **state}), data)
    assert execution.status == "SUCCEEDED"
    assert execution.stop_date is not None
    return round(execution.stop_date - execution.start_date, 3)


@pytest.mark.parametrize(
    ("state", "data", "seconds"),
    [
        ({"Seconds": 10}, None, 10),
        ({"Seconds": 0}, None, 0),
        ({"Seconds": "{% $states.input.n * 2 %}"}, {"n": 6}, 12),
        ({"Timestamp": LATER}, None, 90),
        ({"Timestamp": EARLIER}, None, 0),
        ({"Timestamp": "{% $states.input %}"}, LATER, 90),
    ],
)
def test_wait_takes_the_given_time_when_it_is_jsonata(state: dict[str, Any], data: Any, seconds: float) -> None:
    assert waited(state, data) == seconds


@pytest.mark.parametrize(
    ("state", "data", "seconds"),
    [
        ({"SecondsPath": "$.n"}, {"n": 3}, 3),
        ({"TimestampPath": "$.at"}, {"at": LATER}, 90),
        ({"Seconds": 4}, {}, 4),
    ],
)
def test_wait_takes_the_given_time_when_it_is_jsonpath(state: dict[str, Any], data: Any, seconds: float) -> None:
    assert waited(state, data, is_jsonata=False) == seconds


@pytest.mark.parametrize("text", ["2016-13-05T21:29:29Z", "2016-12-05 21:29:29Z", "2016-12-05T21:29:29", "soon"])
def test_wait_fails_when_the_timestamp_is_none(text: str) -> None:
    execution = run_machine(jsonpath("W", W={"Type": "Wait", "TimestampPath": "$.at", "End": True}), {"at": text})

    assert execution.error == "States.Runtime"
    assert text in (execution.cause or "")


def test_wait_fails_when_the_seconds_are_no_whole_number() -> None:
    execution = run_machine(jsonata("W", W={"Type": "Wait", "Seconds": "{% 1.5 %}", "End": True}))

    assert execution.error == "States.QueryEvaluationError"
