"""Controls of a run on a whole stack: stopped in its middle and resumed, beside another run, behind a slow writer."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymysql
import pytest

from batchctl.local.options import LocalOptions
from emulator.step_functions import Execution
from tests.local.background_stack import BackgroundStack
from tests.local.operator_command import OperatorCommand
from tests.local.test_whole_runs import expected_rows, read_rows

USERS = 3_000
CALLS_IN_FLIGHT = 5
ENVIRONMENTS = 4
LATENCY_MS = 60


@pytest.fixture(scope="module")
def own_stack() -> Iterator[BackgroundStack]:
    """3,000 users of which at most 20 are called for at once, so that a run takes some seconds."""
    parameters = {
        "ChunkSize": "500", "CloseRunWaitSeconds": "3", "CallsInFlight": str(CALLS_IN_FLIGHT), "ChunkConcurrency": "2",
        "SliceConcurrency": "2", "RunOverlap": "wait", "MaxUnwrittenUsers": "100",
    }  # fmt: skip
    options = LocalOptions(users=USERS, users_per_invocation=125, api_latency_ms=20, parameters=parameters)
    with BackgroundStack(options) as stack:
        yield stack


@pytest.fixture
def stack(own_stack: BackgroundStack) -> BackgroundStack:
    """The stack without rows and with a faultless partner API."""
    own_stack.set_api(latency_ms=20, changing=False)
    own_stack.query("DELETE FROM loyalty_points")
    own_stack.query("DELETE FROM batch_run")
    return own_stack


@pytest.fixture
def batchctl(stack: BackgroundStack, tmp_path: Path) -> OperatorCommand:
    """The command beside the stack."""
    return OperatorCommand(tmp_path, stack)


def start_run(stack: BackgroundStack, scheduled_time: str | None = None) -> Execution:
    """A run that has been started."""

    async def start() -> Execution:
        machines = stack.stack.emulator.state_machines
        return await machines.start(
            stack.stack.state_machine_arn, {"scheduled_time": scheduled_time or stack.new_time()}
        )

    return stack.do(start())


def await_calls(stack: BackgroundStack, least: int) -> None:
    """Return when the partner was called so often."""

    async def wait() -> None:
        api = stack.stack.partner_api
        assert api is not None
        while sum((await api.calls_by_user()).values()) < least:
            await asyncio.sleep(0.02)

    stack.do(asyncio.wait_for(wait(), 60))


@contextmanager
def locked_table(stack: BackgroundStack) -> Iterator[None]:
    """Nobody can write the job's table meanwhile."""
    address = stack.stack.database
    with (
        pymysql.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=address.name,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("LOCK TABLES loyalty_points WRITE")
        yield


def head_of(batchctl: OperatorCommand, run_id: str) -> dict[str, Any]:
    """The line of `batchctl runs`."""
    (head,) = (head for head in batchctl("runs", "--json").answer["runs"] if head["run_id"] == run_id)
    return dict(head)


def test_stop_ends_the_calls_of_a_run_and_resume_brings_the_rest(
    stack: BackgroundStack, batchctl: OperatorCommand
) -> None:
    # GIVEN a run in its middle
    stack.set_api(latency_ms=LATENCY_MS)
    running = start_run(stack)
    await_calls(stack, 300)
    # WHEN an operator stops the calls
    told = batchctl("stop", "--reason", "partner asked us to", "--json")
    at_the_stop = stack.calls()
    account = stack.do(running.wait()).output
    # THEN calls end within about a second: at most those that 20 callers begin in the second until they look
    assert told.answer["reason"] == "partner asked us to"
    second = 1000 / LATENCY_MS * CALLS_IN_FLIGHT * ENVIRONMENTS
    calls = stack.calls()
    assert calls - at_the_stop <= 1.5 * second + CALLS_IN_FLIGHT * ENVIRONMENTS
    # AND every user is accounted for, and whoever was answered is in the table
    assert (account["status"], account["users_missing"]) == ("PARTIAL", 0)
    assert account["failed_by_reason"] == {"StoppedError": USERS - calls}
    assert account["rows_written"] == calls
    assert read_rows(stack) == expected_rows(stack)
    # AND a run that starts meanwhile calls nobody
    stopped = stack.do(start_run(stack).wait())
    assert stopped.output["status"] == "STOPPED"
    assert head_of(batchctl, stopped.output["run_id"])["not_started_because"] == "partner asked us to"
    assert stack.calls() == calls

    # WHEN calls are resumed with a redrive
    told = batchctl("resume", "--redrive", "--json")

    # THEN exactly the others were called for, each once, and all rows are right
    assert told.status == 0, told.errors
    assert told.answer["to_redrive"] == {account["run_id"]: USERS - calls}
    assert told.answer["not_started"] == [stopped.output["run_id"]]
    assert set(stack.calls_by_user().values()) == {1}
    assert len(read_rows(stack)) == USERS
    assert read_rows(stack) == expected_rows(stack)
    assert stack.run_batch().output["status"] == "COMPLETE"


def test_stop_is_told_twice_and_resume_of_nothing_is_harmless(
    stack: BackgroundStack, batchctl: OperatorCommand
) -> None:
    batchctl("stop", "--reason", "first")

    assert batchctl("stop", "--reason", "second", "--json").answer["reason"] == "first"
    assert batchctl("resume", "--json").answer["was_stopped"] is True
    assert batchctl("resume", "--json").answer == {"stopped": False, "was_stopped": False}


def test_dry_run_calls_nobody_while_calls_are_stopped(stack: BackgroundStack, batchctl: OperatorCommand) -> None:
    batchctl("stop", "--reason", "quiet")
    try:
        assert stack.run_dry(10).output["status"] == "STOPPED"
        assert stack.calls() == 0
    finally:
        batchctl("resume")


def test_run_that_meets_another_waits_until_it_is_closed(stack: BackgroundStack) -> None:
    first = start_run(stack)
    await_calls(stack, 100)
    second = start_run(stack)

    accounts = [stack.do(run.wait()).output for run in (first, second)]

    assert [account["status"] for account in accounts] == ["COMPLETE", "COMPLETE"]
    assert any('"run waits"' in line for line in stack.log_lines("ListUsers"))
    assert stack.calls() == 2 * USERS
    lines = [json.loads(line) for line in stack.log_lines("SyncUsers") if '"slice synced"' in line]
    ended, began = (
        choose(line[key] for line in lines if line["run_id"] == account["run_id"])
        for choose, key, account in ((max, "ended_at", accounts[0]), (min, "started_at", accounts[1]))
    )
    assert ended < began


def test_run_waits_for_a_writer_that_is_held_back_and_nothing_is_lost(stack: BackgroundStack) -> None:
    stack.set_api(latency_ms=1, changing=True)
    with locked_table(stack):
        # GIVEN a run that ends before any of its rows is written
        now = datetime.now(UTC)
        first = stack.run_batch(now.isoformat())
        assert first.error == "RunIncomplete"
        # WHEN the next one starts
        second = start_run(stack, (now + timedelta(minutes=1)).isoformat())
        calls = stack.calls()
        stack.do(asyncio.wait_for(await_line(stack, '"run waits"', f"{USERS} users of earlier runs"), 60))
        assert stack.calls() == calls == USERS

    # THEN it begins when the writer has caught up, and everything is written in the end
    account = stack.do(second.wait()).output

    assert account["status"] == "COMPLETE"
    assert len(read_rows(stack)) == USERS
    assert read_rows(stack) == expected_rows(stack)
    (run_id,) = (run_id for (run_id,) in stack.query("SELECT run_id FROM batch_run WHERE status = 'INCOMPLETE'"))
    masks = stack.query("SELECT positions FROM batch_write WHERE run_id = %s", run_id)
    assert sum(int.from_bytes(positions).bit_count() for (positions,) in masks) == USERS  # its own rows came, too


async def await_line(stack: BackgroundStack, *parts: str) -> None:
    """Return when ListUsers has logged a line with all these parts."""
    while not any(all(part in line for part in parts) for line in stack.log_lines("ListUsers")):
        await asyncio.sleep(0.05)
