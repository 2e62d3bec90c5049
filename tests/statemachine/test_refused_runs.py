"""A run that ListUsers does not start: it is started already, has to wait, is skipped or stopped."""

import json
from typing import Any

import pytest

from tests.statemachine.user_batch import RUN_ID, SCHEDULED, Batch


def test_duplicate_start_does_nothing() -> None:
    batch = Batch(
        functions={"ListUsers": lambda _: {"run_id": RUN_ID, "started": False, "users_listed": 0, "chunks": []}}
    )

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    assert execution.output == {"run_id": RUN_ID, "status": "ALREADY_STARTED"}
    assert batch.events_of("SyncUsers") == batch.events_of("CloseRun") == []


def refusing(*answers: dict[str, Any]) -> Batch:
    """A batch whose ListUsers refuses the run so, one answer after the other, and then lists."""
    left = list(answers)
    batch = Batch()

    def answer(event: Any) -> dict[str, Any]:
        if not left:
            return batch.list_users(event)
        return {"run_id": RUN_ID, "started": False, "users_listed": 0, "chunks": [], **left.pop(0)}

    return Batch(functions={"ListUsers": answer})


WAITING = {"status": "WAITING", "wait_seconds": 5}


@pytest.mark.parametrize(("status", "state"), [("SKIPPED", "RunSkipped"), ("STOPPED", "RunStopped")])
def test_run_that_is_refused_ends_well_in_its_own_state(status: str, state: str) -> None:
    batch = refusing({"status": status})

    execution = batch.run()

    assert (execution.status, execution.output) == ("SUCCEEDED", {"run_id": RUN_ID, "status": status})
    assert batch.events_of("SyncUsers") == batch.events_of("CloseRun") == []
    assert state in json.dumps([event.to_api() for event in execution.history], default=str)


def test_run_that_waits_asks_again_with_the_same_input_and_keeps_its_deadline() -> None:
    batch = refusing(WAITING, WAITING)

    execution = batch.run(CloseRunWaitSeconds=30)

    assert execution.output["status"] == "COMPLETE"
    first, second, third = batch.events_of("ListUsers")
    assert first == second == third
    assert first["scheduled_time"] == SCHEDULED["scheduled_time"]
    deadlines = {event["deadline"] for event in [first, *batch.events_of("SyncUsers")]}
    assert deadlines == {round((execution.start_date + 240) * 1000)}
    assert execution.stop_date is not None
    assert execution.stop_date - execution.start_date == 10


def test_run_that_waits_in_vain_is_skipped() -> None:
    assert refusing(WAITING, {"status": "SKIPPED"}).run().output["status"] == "SKIPPED"


def test_dry_run_that_is_stopped_calls_nobody() -> None:
    batch = refusing({"status": "STOPPED"})

    assert batch.run({"dry_run": True}).output["status"] == "STOPPED"
    assert batch.events_of("SyncUsers") == []
