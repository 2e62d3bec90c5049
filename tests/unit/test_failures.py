"""Failure records are outside data: what is none is refused quickly, and its content stays out of the error."""

import json

import pytest
from express_batch.failures import FailedPosition, read_failures

from batchctl.runs.failure_records import RunFailures

SLICE = {"version": 1, "run_id": "20261122T083000Z", "chunk": 2, "start": 3, "end": 5, "reason": "Sandbox.Timedout"}


def test_slice_record_accounts_for_each_of_its_positions() -> None:
    assert list(read_failures(json.dumps(SLICE).encode())) == [
        FailedPosition(2, 3, "Sandbox.Timedout"),
        FailedPosition(2, 4, "Sandbox.Timedout"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"end": 10**18},
        {"version": "secret-answer"},
        {"chunk": "secret-answer"},
        {"start": None},
        {"end": 1e400},
        {"start": -1},
    ],
)
def test_record_is_refused_without_its_content_when_it_is_none(change: dict[str, object]) -> None:
    body = json.dumps({**SLICE, **change}).encode()

    with pytest.raises(ValueError, match="no failure record") as caught:
        list(read_failures(body))

    assert "secret-answer" not in str(caught.value)


def test_position_below_the_first_is_refused() -> None:
    """CloseRun would shift a mask by it, and no repeat would close the run."""
    failures = [{"position": -1, "user_id": "a", "tenant_id": "", "reason": "E", "detail": ""}]

    with pytest.raises(ValueError, match="no failure record"):
        list(read_failures(json.dumps({"version": 1, "chunk": 0, "failures": failures}).encode()))


def test_reason_is_cut_where_no_error_has_so_long_a_name() -> None:
    """Reasons come back in the run's account, and its state holds 256 KiB."""
    (first, _) = read_failures(json.dumps({**SLICE, "reason": "E" * 300_000}).encode())

    assert len(first.reason) == 128


@pytest.mark.parametrize("body", [b"[" * 100_000, json.dumps({**SLICE, "end": 10**18}).encode(), b'{"version": 1e999}'])
def test_report_counts_a_record_as_unreadable_when_it_is_hostile(body: bytes) -> None:
    failures = RunFailures()

    failures.add(body)

    assert (failures.unreadable, failures.reasons) == (1, {})
