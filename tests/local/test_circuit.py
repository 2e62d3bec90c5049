"""A partner that is down, on a whole stack: calls end, everybody is accounted for, the next run probes first."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchctl.local.options import LocalOptions
from emulator.step_functions import Execution
from tests.local.background_stack import BackgroundStack
from tests.local.operator_command import OperatorCommand
from tests.local.test_controls import await_calls, start_run
from tests.local.test_whole_runs import expected_rows, read_rows

USERS = 1_500
CALLS_IN_FLIGHT = 5
ENVIRONMENTS = 4
CALLERS = CALLS_IN_FLIGHT * ENVIRONMENTS
ATTEMPTS_A_SECOND = 6  # of a caller: five in 0.75 s of pauses, on the average, and their calls
PROBE_CALLS = 3
LATENCY_MS = 20
CIRCUIT = "control/circuit.json"


@pytest.fixture(scope="module")
def own_stack() -> Iterator[BackgroundStack]:
    """1,500 users of which at most 20 are called for at once, so that a run takes some seconds."""
    parameters = {
        "ChunkSize": "500", "CloseRunWaitSeconds": "10", "CallsInFlight": str(CALLS_IN_FLIGHT), "ChunkConcurrency": "2",
        "SliceConcurrency": "2", "RunOverlap": "both",
    }  # fmt: skip
    options = LocalOptions(users=USERS, users_per_invocation=125, api_latency_ms=LATENCY_MS, parameters=parameters)
    with BackgroundStack(options) as stack:
        yield stack


@pytest.fixture
def stack(own_stack: BackgroundStack) -> BackgroundStack:
    """The stack without rows, with a faultless partner API and a circuit that was never opened."""
    own_stack.set_api(latency_ms=LATENCY_MS, error_rate=0, sticky_share=0, changing=False)
    own_stack.query("DELETE FROM loyalty_points")
    own_stack.query("DELETE FROM batch_run")
    own_stack.forget_circuit()
    return own_stack


def circuit_of(stack: BackgroundStack) -> str:
    """What the object says."""
    return str(json.loads(stack.objects(CIRCUIT)[CIRCUIT])["state"])


def lines_of(stack: BackgroundStack, message: str) -> list[dict[str, Any]]:
    """The lines of SyncUsers with this message."""
    documents = [json.loads(line) for line in stack.log_lines("SyncUsers") if line.startswith("{")]
    return [document for document in documents if document.get("message") == message]


def go_down(stack: BackgroundStack) -> None:
    """Every call gets a 5xx from now on."""
    stack.set_api(latency_ms=LATENCY_MS, error_rate=1.0)


def run_into_the_outage(stack: BackgroundStack) -> Execution:
    """A run that has called for some hundred users when the partner goes down; it has ended."""
    running = start_run(stack)
    await_calls(stack, 300)
    go_down(stack)
    return stack.do(running.wait())


def test_calls_end_when_the_partner_goes_down_and_the_next_run_probes_first(stack: BackgroundStack) -> None:
    # GIVEN a run in whose middle the partner goes down
    opened = len(lines_of(stack, "circuit opened"))
    account = run_into_the_outage(stack).output

    # THEN it stops calling: a second until the window is full of failures, two that they last, one for the looks
    failed = account["failed_by_reason"]
    assert stack.calls() < 1.5 * 4 * ATTEMPTS_A_SECOND * CALLERS
    assert failed["CircuitOpenError"] > USERS / 2
    # AND everybody is written or listed as failed
    assert (account["status"], account["users_missing"]) == ("PARTIAL", 0)
    assert account["rows_written"] + sum(failed.values()) == USERS
    assert len(read_rows(stack)) == account["rows_written"] >= 280
    assert len(stack.failures(account["run_id"])) == account["users_failed"]
    # AND one environment alone says that it has opened the circuit
    assert circuit_of(stack) == "open"
    assert len(lines_of(stack, "circuit opened")) == opened + 1

    # WHEN the next run comes while the partner is down
    go_down(stack)
    account = stack.run_batch().output

    # THEN the probe's calls are all
    assert stack.calls() == PROBE_CALLS
    assert (account["status"], account["failed_by_reason"]) == ("PARTIAL", {"CircuitOpenError": USERS})
    assert circuit_of(stack) == "open"

    # WHEN the partner is back
    stack.set_api(error_rate=0)
    account = stack.run_batch().output

    # THEN the probe closes the circuit and everybody is called for, the probe's users a second time
    assert account["status"] == "COMPLETE"
    assert circuit_of(stack) == "closed"
    assert stack.calls() == USERS + PROBE_CALLS
    assert sorted(stack.calls_by_user().values())[-PROBE_CALLS - 1 :] == [1, 2, 2, 2]
    assert len(read_rows(stack)) == USERS
    assert read_rows(stack) == expected_rows(stack)
    # AND the run after that probes nobody
    stack.set_api()
    assert stack.run_batch().output["status"] == "COMPLETE"
    assert stack.calls() == USERS


def test_redrive_probes_first_and_calls_for_those_who_were_left(stack: BackgroundStack, tmp_path: Path) -> None:
    account = run_into_the_outage(stack).output
    batchctl = OperatorCommand(tmp_path, stack)

    # WHEN it is redriven while the partner is down
    go_down(stack)
    batchctl("redrive", account["run_id"])
    assert stack.calls() == PROBE_CALLS

    # AND again when it is back
    stack.set_api(error_rate=0)
    told = batchctl("redrive", account["run_id"])

    assert told.status == 0, told.errors
    assert stack.calls() == account["users_failed"] + PROBE_CALLS
    assert len(read_rows(stack)) == USERS
    assert circuit_of(stack) == "closed"


def test_dry_run_probes_first_and_fails_while_the_partner_is_down(stack: BackgroundStack) -> None:
    bucket = stack.stack.stack.outputs["RunBucketName"]
    stack.client("s3").put_object(Bucket=bucket, Key=CIRCUIT, Body=b"nonsense")  # counts as open
    go_down(stack)

    assert stack.run_dry(50).error == "DryRunFailed"
    assert stack.calls() == PROBE_CALLS

    stack.set_api(error_rate=0)
    assert stack.run_dry(50).output["status"] == "DRY_RUN"
    assert stack.calls() == 50 + PROBE_CALLS
    assert circuit_of(stack) == "closed"


def test_runs_side_by_side_each_probe_and_none_is_stuck(stack: BackgroundStack) -> None:
    run_into_the_outage(stack)
    stack.set_api(error_rate=0)

    accounts = [execution.output for execution in stack.run_side_by_side(2)]

    assert [account["status"] for account in accounts] == ["COMPLETE", "COMPLETE"]
    assert circuit_of(stack) == "closed"
    assert 2 * USERS < stack.calls() <= 2 * (USERS + PROBE_CALLS)
