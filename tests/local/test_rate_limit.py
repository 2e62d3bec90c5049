"""Whole runs at a partner's rate: the partner counts, and the table says how it was asked for."""

from collections.abc import Iterator
from typing import Any

import pytest

from batchctl.local.options import LocalOptions
from tests.local.background_stack import BackgroundStack

USERS = 600
RATE = 200
IN_FLIGHT = 40
EXCESS_ALLOWED = 0.05


@pytest.fixture(scope="module")
def limited_stack() -> Iterator[BackgroundStack]:
    """A stack whose slices of 150 users call at 200 calls a second, 40 at once."""
    parameters = {
        "ChunkSize": "300",
        "CallsPerSecond": str(RATE),
        "PartnerCallsInFlight": str(IN_FLIGHT),
        "SyncUsersTimeoutSeconds": "200",  # a busy machine needs more slots, and nobody shall fail for want of time
    }
    options = LocalOptions(users=USERS, users_per_invocation=150, api_latency_ms=20, parameters=parameters)
    with BackgroundStack(options) as stack:
        yield stack


def read_limit(stack: BackgroundStack, partner: str) -> dict[str, Any]:
    """The numbers and texts of an item of the stack's own table."""
    table = stack.stack.stack.outputs["PartnerLimitTableName"]
    item = stack.client("dynamodb").get_item(TableName=table, Key={"partner": {"S": partner}}, ConsistentRead=True)
    return {name: int(value["N"]) if "N" in value else value["S"] for name, value in item.get("Item", {}).items()}


def test_run_keeps_the_rate_and_the_calls_in_flight_and_gives_its_permits_back(limited_stack: BackgroundStack) -> None:
    stack = limited_stack
    stack.set_api(latency_ms=20)

    execution = stack.run_batch()

    assert execution.output["status"] == "COMPLETE"
    assert execution.output["rows_written"] == USERS
    assert stack.stack.partner_api is not None
    stats = stack.do(stack.stack.partner_api.stats())
    assert stats["calls"] == USERS
    assert stats["in_flight_max"] <= IN_FLIGHT
    # Slices that only waited for their turn, and not for each slot, would come with 300 calls at once. What the
    # partner's own process was late to take up on a busy machine it counts in a later second.
    late = stats["late_seconds_max"]
    assert stats["calls_in_any_second_max_after_first"] <= RATE * (1 + EXCESS_ALLOWED + late)
    assert stats["last_call_at"] - stats["first_call_at"] >= USERS / (RATE * (1 + EXCESS_ALLOWED)) - late
    assert read_limit(stack, "partner#in-flight") == {"partner": "partner#in-flight", "held": 0}


def test_partner_that_throttles_is_called_more_slowly_by_all(limited_stack: BackgroundStack) -> None:
    stack = limited_stack
    # A dozen and not a share of all calls, which would lower the rate again and again until the run has no time left.
    throttled = {f"user-{number:07d}": {"fault": "throttle", "first_attempts": 1} for number in range(0, USERS, 50)}
    stack.set_api(latency_ms=20, retry_after_seconds=0, users=throttled)

    execution = stack.run_batch()

    assert execution.output["status"] == "COMPLETE"
    clock = read_limit(stack, "partner")
    assert clock["clock_changes"] >= 1
    # The clock that has run slowly shows less than the wall clock, and will for ever.
    assert clock["clock_value"] < clock["clock_at"] or clock["clock_share"] < 1000
