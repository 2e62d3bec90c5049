"""A redrive: a run of its own for the users that another one has left."""

from typing import Any

import pytest
from express_batch.errors import InvalidEventError
from express_batch.run_layout import make_run_id

from tests.emulator.step_functions.doubles import FunctionError
from tests.statemachine.user_batch import RUN_ID, SCHEDULED, Batch

REDRIVE = {"redrive_of": RUN_ID, "reasons": ["ApiServerError"]}
REDRIVE_ID = f"{RUN_ID}-r1"


def redrive_listing(**more: Any) -> dict[str, Any]:
    chunks = [{"chunk": 0, "user_count": 12}]
    return {"run_id": REDRIVE_ID, "started": True, "users_listed": 12, "chunks": chunks, "redrive_of": RUN_ID} | more


def test_redrive_asks_list_users_for_the_run_and_its_reasons() -> None:
    batch = Batch()

    batch.run(REDRIVE)
    batch.run({"redrive_of": RUN_ID})
    batch.run()

    first, second, run = batch.events_of("ListUsers")
    assert (first["redrive_of"], first["reasons"]) == (RUN_ID, ["ApiServerError"])
    assert (second["redrive_of"], second["reasons"]) == (RUN_ID, None)
    assert (run["redrive_of"], run["reasons"], run["scheduled_time"]) == (None, None, SCHEDULED["scheduled_time"])


def test_redrive_is_no_time_that_an_older_list_users_would_start_a_run_for() -> None:
    batch = Batch()

    batch.run({**REDRIVE, **SCHEDULED})

    with pytest.raises(InvalidEventError):
        make_run_id(batch.events_of("ListUsers")[0]["scheduled_time"])


def test_redrive_runs_and_closes_its_own_users_under_its_own_id() -> None:
    batch = Batch(functions={"ListUsers": lambda _: redrive_listing()})

    execution = batch.run(REDRIVE)

    assert (execution.status, execution.output["run_id"]) == ("SUCCEEDED", REDRIVE_ID)
    slices = [(event["run_id"], event["start"], event["end"]) for event in batch.events_of("SyncUsers")]
    assert sorted(slices) == [(REDRIVE_ID, 0, 10), (REDRIVE_ID, 10, 12)]
    (closing,) = batch.events_of("CloseRun")
    assert closing == redrive_listing(execution_started_at=closing["execution_started_at"])


@pytest.mark.parametrize("status", ["NOTHING_TO_REDRIVE", "ALREADY_STARTED"])
def test_redrive_calls_nobody_when_there_is_nothing_to_start(status: str) -> None:
    batch = Batch(functions={"ListUsers": lambda _: redrive_listing(started=False, status=status, chunks=[])})

    execution = batch.run(REDRIVE)

    assert (execution.status, execution.output) == ("SUCCEEDED", {"run_id": REDRIVE_ID, "status": status})
    assert batch.events_of("SyncUsers") == batch.events_of("CloseRun") == []


def test_redrive_that_is_refused_fails_at_once_with_the_reason() -> None:
    def refuse(_event: Any) -> Any:
        raise FunctionError("RedriveRefusedError", f"run {RUN_ID} is still running")

    batch = Batch(functions={"ListUsers": refuse})

    execution = batch.run(REDRIVE)

    assert (execution.status, execution.error) == ("FAILED", "RedriveRefusedError")
    assert len(batch.events_of("ListUsers")) == 1
