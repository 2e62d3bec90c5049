"""Two tenant groups, one partner: both stacks run at the same time under one rate, which the partner counts itself."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from batchctl.local.local_stack import LocalStack
from batchctl.local.neighbour import join_stack
from batchctl.local.options import LocalOptions
from emulator.partner_api.call_rate import CallRate
from emulator.step_functions import Execution
from tests.local.background_stack import BackgroundStack
from tests.local.test_whole_runs import expected_rows, read_rows

USERS = 500  # of each group
SLICE = 125
RATE = 200
IN_FLIGHT = 60
EXCESS_ALLOWED = 0.05
RETRY_AFTER = 5  # longer than a run alone takes
SECOND = "retail"
LIMITS = {
    "ChunkSize": str(2 * SLICE),
    "CallsPerSecond": str(RATE),
    "PartnerCallsInFlight": str(IN_FLIGHT),
    "SyncUsersTimeoutSeconds": "200",  # a busy machine needs more slots, and nobody shall fail for want of time
}


def make_options(**changes: Any) -> LocalOptions:
    """Four slices, limited."""
    parameters = {**LIMITS, **changes.pop("parameters", {})}
    return LocalOptions(users=USERS, users_per_invocation=SLICE, api_latency_ms=20, parameters=parameters, **changes)


@pytest.fixture(scope="module")
def first() -> Iterator[BackgroundStack]:
    """The group that has the table."""
    with BackgroundStack(make_options()) as stack:
        yield stack


@pytest.fixture(scope="module")
def second(first: BackgroundStack) -> LocalStack:
    """The group that names the first one's table."""
    table = first.stack.stack.outputs["PartnerLimitTableName"]
    options = make_options(tenant_group=SECOND, parameters={"PartnerLimitTableName": table})
    return first.do(join_stack(first.stack, options))


def read_item(first: BackgroundStack, key: str) -> dict[str, int]:
    """The numbers of an item of the first group's table."""
    table = first.stack.stack.outputs["PartnerLimitTableName"]
    item = first.client("dynamodb").get_item(TableName=table, Key={"partner": {"S": key}}, ConsistentRead=True)["Item"]
    return {name: int(value["N"]) for name, value in item.items() if "N" in value}


async def start(stack: LocalStack, scheduled_time: str) -> Execution:
    """A run of the stack that goes on."""
    return await stack.emulator.state_machines.start(stack.state_machine_arn, {"scheduled_time": scheduled_time})


def assert_every_row_is_right(first: BackgroundStack, second: LocalStack, *executions: Execution) -> None:
    """Both runs are complete, and each group's database has the partner's answers for its own users alone."""
    expected = expected_rows(first)
    for stack, execution in zip((first.stack, second), executions, strict=True):
        assert execution.output["status"] == "COMPLETE"
        rows = read_rows(first, stack.database)
        assert len(rows) == execution.output["rows_written"] == USERS
        of_second = {user_id.startswith(f"{SECOND}-") for user_id in rows}
        assert of_second == {stack is second}
        assert rows == {user_id: expected[user_id] for user_id in rows}


def test_two_groups_together_keep_the_rate_when_they_share_its_table(
    first: BackgroundStack, second: LocalStack
) -> None:
    first.set_api(latency_ms=20)

    async def run() -> list[Execution]:
        started = [await start(stack, first.new_time()) for stack in (first.stack, second)]
        return [await execution.wait() for execution in started]

    executions = first.do(run())

    assert_every_row_is_right(first, second, *executions)
    assert first.stack.partner_api is not None
    stats = first.do(first.stack.partner_api.stats())
    assert stats["calls"] == 2 * USERS
    assert stats["in_flight_max"] <= IN_FLIGHT
    # All permits of both have come back.
    assert read_item(first, "partner#in-flight") == {"held": 0}
    # Slots are counted, not this machine's speed: what waits for a busy machine takes a later slot. Only what the
    # partner's own process was late to take up is counted in a later second, on top of that one's calls.
    late = stats["late_seconds_max"]
    allowed = RATE * (1 + EXCESS_ALLOWED)
    assert max(CallRate.from_stats(stats["calls_by_second"]).by_second[1:]) <= allowed + RATE * late
    assert stats["last_call_at"] - stats["first_call_at"] >= 2 * USERS / allowed - late


def test_throttling_of_one_group_stops_the_other_when_they_share_a_table(
    first: BackgroundStack, second: LocalStack
) -> None:
    throttled = {f"{SECOND}-user-0000007": {"fault": "throttle", "first_attempts": 1}}
    first.set_api(latency_ms=20, retry_after_seconds=RETRY_AFTER, users=throttled)

    async def run() -> tuple[int, list[Execution]]:
        of_second = await start(second, first.new_time())
        # The first change is the 429's: the clock stands still until `clock_at`.
        while "clock_at" not in (item := await asyncio.to_thread(read_item, first, "partner")):
            await asyncio.sleep(0.05)
        assert (item["clock_changes"], item["clock_share_before"]) == (1, 0)
        of_first = await start(first.stack, first.new_time())
        return item["clock_at"], [await of_first.wait(), await of_second.wait()]

    before = len(first.log_lines("SyncUsers"))
    goes_on_at, executions = first.do(run())

    assert_every_row_is_right(first, second, *executions)
    lines = [json.loads(line) for line in first.log_lines("SyncUsers")[before:] if line.startswith("{")]
    ended = [line["ended_at"] for line in lines if line.get("message") == "slice synced"]
    assert len(ended) == USERS / SLICE
    assert min(ended) * 1_000_000 >= goes_on_at
