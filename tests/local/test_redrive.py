"""Redrives on a whole stack: who is called again, and that all rows are there afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchctl.local.options import LocalOptions
from emulator.step_functions import Execution
from tests.local.background_stack import BackgroundStack
from tests.local.operator_command import OperatorCommand
from tests.local.test_whole_runs import expected_rows, read_rows

USERS = 2_000
BROKEN = {f"user-{number:07d}" for number in range(7, USERS, 20)}  # a twentieth, in every slice


@pytest.fixture(scope="module")
def own_stack() -> Iterator[BackgroundStack]:
    """2,000 users in chunks of 300 and slices of 70."""
    parameters = {"ChunkSize": "300", "CloseRunWaitSeconds": "20", "SyncUsersTimeoutSeconds": "20"}
    options = LocalOptions(users=USERS, users_per_invocation=70, api_latency_ms=2, parameters=parameters)
    with BackgroundStack(options) as stack:
        yield stack


@pytest.fixture
def stack(own_stack: BackgroundStack) -> BackgroundStack:
    """The stack without rows and with a faultless partner API."""
    own_stack.set_api()
    own_stack.query("DELETE FROM loyalty_points")
    return own_stack


@pytest.fixture
def batchctl(stack: BackgroundStack, tmp_path: Path) -> OperatorCommand:
    """The command beside the stack."""
    return OperatorCommand(tmp_path, stack)


def fail_users(stack: BackgroundStack, users: set[str] = BROKEN, fault: str = "malformed_missing_field") -> str:
    """The id of a run in which those users failed."""
    stack.set_api(users={user: {"fault": fault} for user in users})
    account = stack.run_batch().output
    assert (account["status"], account["users_failed"]) == ("PARTIAL", len(users))
    stack.set_api(changing=True)  # so that a row tells which answer it is
    return str(account["run_id"])


def redrive(stack: BackgroundStack, run_id: str, **more: Any) -> Execution:
    """The ended execution."""

    async def run() -> Execution:
        arn = stack.stack.state_machine_arn
        return await (await stack.stack.emulator.state_machines.start(arn, {"redrive_of": run_id, **more})).wait()

    return stack.do(run())


def test_redrive_calls_exactly_the_failed_users_and_their_rows_are_written(stack: BackgroundStack) -> None:
    run_id = fail_users(stack)
    before = read_rows(stack)

    execution = redrive(stack, run_id)

    assert execution.output["run_id"] == f"{run_id}-r1"
    assert (execution.output["status"], execution.output["rows_written"]) == ("COMPLETE", len(BROKEN))
    assert stack.calls_by_user() == dict.fromkeys(BROKEN, 1)
    after = read_rows(stack)
    assert {user: after[user] for user in BROKEN} == expected_rows(stack)
    assert {user: row for user, row in after.items() if user not in BROKEN} == before
    assert len(after) == USERS
    assert stack.query(
        "SELECT run_id, redrive_of, status FROM batch_run WHERE run_id LIKE %s ORDER BY run_id", f"{run_id}%"
    ) == [(run_id, None, "PARTIAL"), (f"{run_id}-r1", run_id, "COMPLETE")]


def test_second_redrive_calls_nobody(stack: BackgroundStack) -> None:
    run_id = fail_users(stack)
    redrive(stack, run_id)
    stack.set_api()

    execution = redrive(stack, run_id)

    assert execution.output == {"run_id": run_id, "status": "NOTHING_TO_REDRIVE"}
    assert stack.calls() == 0


def test_two_redrives_at_once_call_each_user_once(stack: BackgroundStack) -> None:
    run_id = fail_users(stack)

    async def run_both() -> list[Execution]:
        machines = stack.stack.emulator.state_machines
        started = [await machines.start(stack.stack.state_machine_arn, {"redrive_of": run_id}) for _ in range(2)]
        return [await execution.wait() for execution in started]

    executions = stack.do(run_both())

    statuses = sorted(execution.output["status"] for execution in executions)
    # The second one finds the first at work, or, if it was slow to begin, nobody left.
    assert statuses in (["ALREADY_STARTED", "COMPLETE"], ["COMPLETE", "NOTHING_TO_REDRIVE"])
    assert stack.calls_by_user() == dict.fromkeys(BROKEN, 1)


def test_chain_of_redrives_takes_what_each_has_left(stack: BackgroundStack) -> None:
    run_id = fail_users(stack)
    stubborn = set(sorted(BROKEN)[:7])
    stack.set_api(users={key: {"fault": "error_503"} for key in stubborn})
    first = redrive(stack, run_id).output
    stack.set_api()

    second = redrive(stack, first["run_id"]).output

    assert (first["status"], first["failed_by_reason"]) == ("PARTIAL", {"ApiServerError": 7})
    assert (second["run_id"], second["users_listed"]) == (f"{run_id}-r2", 7)
    assert set(stack.calls_by_user()) == stubborn
    assert len(read_rows(stack)) == USERS


def test_reasons_choose_who_is_called(stack: BackgroundStack) -> None:
    faults = {key: {"fault": "not_found"} for key in sorted(BROKEN)[:10]}
    stack.set_api(users={key: {"fault": "malformed_missing_field"} for key in BROKEN} | faults)
    run_id = stack.run_batch().output["run_id"]
    stack.set_api()

    redrive(stack, run_id, reasons=["ApiRejectedError"])

    assert set(stack.calls_by_user()) == set(faults)


def test_unknown_run_is_refused_by_name(stack: BackgroundStack) -> None:
    execution = redrive(stack, "20200101T000000Z")

    assert (execution.status, execution.error) == ("FAILED", "RedriveRefusedError")
    assert stack.calls() == 0


def test_command_runs_the_failed_users_again_and_counts_who_is_left(
    stack: BackgroundStack, batchctl: OperatorCommand
) -> None:
    run_id = fail_users(stack)

    status, told, errors = batchctl("redrive", run_id, "--json")

    assert (status, errors) == (0, "")
    account = {"users_listed": 100, "rows_written": 100, "users_failed": 0, "users_missing": 0}
    assert told == {
        "run_id": run_id,
        "users_chosen": 100,
        "left_before": {"MalformedAnswerError": 100},
        "redrive": {"run_id": f"{run_id}-r1", "status": "COMPLETE", **account},
        "users_left": 0,
        "left_by_reason": {},
    }
    assert stack.calls_by_user() == dict.fromkeys(BROKEN, 1)
    status, told, _ = batchctl("redrive", run_id, "--json")
    assert (status, told["users_chosen"], told["redrive"]) == (0, 0, None)
    assert stack.calls() == len(BROKEN)


def test_command_fails_and_says_who_is_left_when_the_cause_is_still_there(
    stack: BackgroundStack, batchctl: OperatorCommand
) -> None:
    run_id = fail_users(stack)
    stack.set_api(users={key: {"fault": "not_found"} for key in BROKEN})

    status, told, errors = batchctl("redrive", run_id)

    assert status == 1
    assert "MalformedAnswerError" in told
    assert "PARTIAL" in told
    assert f"100 users of run {run_id} are left (ApiRejectedError 100)" in errors


def test_command_starts_and_goes_when_it_shall_not_wait(stack: BackgroundStack, batchctl: OperatorCommand) -> None:
    run_id = fail_users(stack)

    status, told, _ = batchctl("redrive", run_id, "--no-wait", "--json")

    assert (status, told["users_chosen"]) == (0, 100)
    stack.do(stack.stack.emulator.state_machines.find_execution(told["execution"]).wait())
    assert len(read_rows(stack)) == USERS


@pytest.mark.parametrize(
    ("run_id", "words"),
    [
        ("20200101T000000Z", "run 20200101T000000Z is unknown"),
        ("dry-20200101T000000Z-0123abcd", "is a dry run"),
        ("yesterday", "expected the form 20261122T083000Z"),
    ],
)
def test_command_says_in_one_line_why_a_run_cannot_be_run_again(
    batchctl: OperatorCommand, run_id: str, words: str
) -> None:
    status, told, errors = batchctl("redrive", run_id)

    assert (status, told, len(errors.splitlines())) == (1, "", 1)
    assert words in errors


def test_command_says_what_to_do_when_there_is_no_stack(tmp_path: Path) -> None:
    told = OperatorCommand(tmp_path)("redrive", "20200101T000000Z")

    assert told.status == 1
    assert (
        "no stack is up here (.local/endpoints.json): name one on AWS with --stack, or start `batchctl local up`"
        in told.errors
    )
