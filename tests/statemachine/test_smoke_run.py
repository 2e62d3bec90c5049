"""The named paths of SmokeRun, which a pipeline starts and waits for."""

import json
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.step_functions import Execution
from tests.emulator.step_functions.doubles import FakeSdk, run_machine

_DEFINITION = Path(__file__).resolve().parents[2] / "statemachines" / "smoke_run.asl.json"
_ACCOUNT = {"run_id": "dry-1", "status": "DRY_RUN", "users_listed": 7, "users_synced": 7, "users_failed": 0}


def run(answer: Any, data: Any = None) -> tuple[Execution, list[dict[str, Any]]]:
    """The ended execution, and the parameters of each start of UserBatch."""

    def start(_parameters: dict[str, Any]) -> dict[str, Any]:
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    sdk = FakeSdk({("stepfunctions", "StartSyncExecution"): start})
    definition = json.loads(_DEFINITION.read_text(encoding="utf-8").replace("${UserBatchArn}", "arn:live"))
    execution = run_machine(definition, {"users": 7} if data is None else data, sdk=sdk)
    return execution, [parameters for _, _, parameters in sdk.calls]


def test_smoke_run_succeeds_with_the_account_when_the_dry_run_does() -> None:
    execution, calls = run({"status": "SUCCEEDED", "output": json.dumps(_ACCOUNT)})

    assert (execution.status, execution.output) == ("SUCCEEDED", _ACCOUNT)
    assert calls[0]["stateMachineArn"] == "arn:live"
    assert json.loads(calls[0]["input"]) == {"dry_run": True, "users": 7}


def test_smoke_run_takes_a_hundred_users_when_it_is_told_no_number() -> None:
    _, calls = run({"status": "SUCCEEDED", "output": json.dumps(_ACCOUNT)}, {})

    assert json.loads(calls[0]["input"])["users"] == 100


def test_smoke_run_fails_with_the_batchs_error_when_the_dry_run_does() -> None:
    execution, _ = run({"status": "FAILED", "error": "DryRunFailed", "cause": "run dry-1: 1 of 7 users"})

    assert (execution.status, execution.error, execution.cause) == (
        "FAILED",
        "DryRunFailed",
        "run dry-1: 1 of 7 users",
    )


def test_smoke_run_fails_when_the_dry_run_timed_out() -> None:
    execution, _ = run({"status": "TIMED_OUT"})

    assert (execution.status, execution.error) == ("FAILED", "TimedOut")


@pytest.mark.parametrize("status", ["COMPLETE", "ALREADY_STARTED"])
def test_smoke_run_fails_when_the_machine_took_it_for_a_real_run(status: str) -> None:
    execution, _ = run({"status": "SUCCEEDED", "output": json.dumps({"status": status})})

    assert (execution.status, execution.error) == ("FAILED", "NoDryRun")
    assert status in (execution.cause or "")


def test_smoke_run_starts_again_when_step_functions_does_not_answer() -> None:
    execution, calls = run(AwsError("ServiceUnavailable", "try again", 503))

    assert execution.status == "FAILED"
    assert len(calls) == 3
