"""Slices under the partner's limit: they are told of it, and a slice that has to wait is called again."""

import json
from typing import Any

import pytest

from tests.emulator.step_functions.doubles import FunctionError
from tests.statemachine.user_batch import LEASE, LIMITS, Batch, sync


def test_slices_are_told_of_no_limit_when_there_is_none() -> None:
    batch = Batch()
    batch.run()

    assert all(event["limit"] is event["lease"] is None for event in batch.events_of("SyncUsers"))


@pytest.mark.parametrize("limits", [LIMITS, {"CallsPerSecond": 500}, {"PartnerCallsInFlight": 800}])
def test_slices_are_told_of_the_limit_when_there_is_one(limits: dict[str, int]) -> None:
    batch = Batch()
    batch.run(**limits)

    (limit,) = {json.dumps(event["limit"]) for event in batch.events_of("SyncUsers")}
    assert json.loads(limit) == {
        "table": "limits",
        "partner": "loyalty",
        "calls_per_second": limits.get("CallsPerSecond", 0),
        "calls_in_flight": limits.get("PartnerCallsInFlight", 0),
    }


def test_slice_that_has_to_wait_is_called_again_with_its_lease_and_others_go_on() -> None:
    def wait_twice(event: dict[str, Any]) -> dict[str, Any]:
        if (event["chunk"], event["start"]) != (0, 10) or (event["lease"] or LEASE)["calls"] == 8:
            return sync(event)
        return {"wait_seconds": 7, "lease": {**LEASE, "calls": 9 if event["lease"] is None else 8}}

    batch = Batch(functions={"SyncUsers": wait_twice})

    execution = batch.run(**LIMITS)

    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "COMPLETE")
    events = [event for event in batch.events_of("SyncUsers") if (event["chunk"], event["start"]) == (0, 10)]
    assert [event["lease"] and event["lease"]["calls"] for event in events] == [None, 9, 8]
    kept = [{name: value for name, value in event.items() if name not in ("lease", "wait_seconds")} for event in events]
    assert kept[0] == kept[1] == kept[2]
    assert len(batch.events_of("SyncUsers")) == 5 + 2
    assert execution.stop_date is not None
    assert execution.stop_date - execution.start_date == 14


def test_slice_that_fails_after_its_wait_is_recorded() -> None:
    def fail_later(event: dict[str, Any]) -> dict[str, Any]:
        if event["lease"] is None:
            return {"wait_seconds": 1, "lease": LEASE}
        raise FunctionError("ChunkUnreadableError", "runs/x is no chunk")

    batch = Batch(chunk_sizes=(10,), functions={"SyncUsers": fail_later})
    batch.run(**LIMITS)

    ((_, _, parameters),) = batch.sdk.calls
    record = json.loads(parameters["Body"])
    assert (record["chunk"], record["start"], record["end"]) == (0, 0, 10)
