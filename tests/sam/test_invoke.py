"""`sam local invoke` of every function with its sample event: the answers and effects are those of the emulator."""

from typing import Any

import pytest

from batchctl.invoke.functions import list_functions
from tests.sam.run_state import FUNCTIONS, STEPS, Invoke, RunState, read_sample
from tests.sam.sam_cli import TEMPLATE
from tests.sam.sam_local import SamLocal


@pytest.fixture
def in_container(sam_local: SamLocal) -> Invoke:
    """Invokes a function by `sam local invoke`."""
    return lambda function, event: sam_local.invoke(FUNCTIONS[function], event).answer


def test_list_users_answers_as_in_the_emulator(in_emulator: Invoke, in_container: Invoke, state: RunState) -> None:
    event = read_sample("list_users")
    emulated = in_emulator("list_users", event)
    chunks = _chunks_of(state)
    state.clear()

    answer = in_container("list_users", event)

    assert answer == emulated
    assert answer["users_listed"] == 5
    assert _chunks_of(state) == chunks
    assert state.ledger()[0][:3] == ("20261122T083000Z", "RUNNING", 5)


def test_sync_users_answers_as_in_the_emulator(in_emulator: Invoke, in_container: Invoke, state: RunState) -> None:
    in_emulator("list_users", read_sample("list_users"))
    event = read_sample("sync_users")
    emulated = in_emulator("sync_users", event)
    sent = state.records()

    answer = in_container("sync_users", event)

    assert answer == emulated == {"synced": 5, "failed": 0}
    *earlier, record = state.records()
    assert earlier == sent
    assert _without_attempt(record) == _without_attempt(sent[-1])


def test_write_rows_answers_as_in_the_emulator(in_emulator: Invoke, in_container: Invoke, state: RunState) -> None:
    event = read_sample("write_rows")
    emulated = in_emulator("write_rows", event)
    rows = state.rows()
    state.clear()

    answer = in_container("write_rows", event)

    assert answer == emulated == {"batchItemFailures": []}
    assert [row[0] for row in rows] == [f"user-{number:07d}" for number in range(5)]
    assert state.rows() == rows


def test_close_run_answers_as_in_the_emulator(in_emulator: Invoke, in_container: Invoke, state: RunState) -> None:
    event = read_sample("close_run")
    for step in ("list_users", "write_rows"):
        in_emulator(step, read_sample(step))

    answer = in_container("close_run", event)

    assert state.ledger() == [("20261122T083000Z", "COMPLETE", 5, 5, 0, 0)]
    assert answer == in_emulator("close_run", event)
    assert (answer["status"], answer["rows_written"], answer["users_missing"]) == ("COMPLETE", 5, 0)


def test_migrate_schema_answers_as_in_the_emulator(in_emulator: Invoke, in_container: Invoke) -> None:
    event = read_sample("migrate_schema")

    answer = in_container("migrate_schema", event)

    assert answer == in_emulator("migrate_schema", event) == {"steps": dict.fromkeys(STEPS, "applied")}
    # The layers give it the same steps to apply, and it finds that there is nothing to do.
    assert in_container("migrate_schema", {}) == {"applied": [], "already_applied": len(STEPS)}


def test_every_function_of_the_template_is_invoked_here() -> None:
    assert list_functions(TEMPLATE) == FUNCTIONS


def test_error_is_an_answer_and_its_log_has_the_trace(in_emulator: Invoke, sam_local: SamLocal) -> None:
    invoked = sam_local.invoke("SyncUsersFunction", {"run_id": "20261122T083000Z"})  # its status is 0 all the same

    emulated = in_emulator("sync_users", {"run_id": "20261122T083000Z"})
    assert invoked.answer["errorType"] == emulated["errorType"] == "InvalidEventError"
    assert invoked.answer["errorMessage"] == emulated["errorMessage"]
    assert "Traceback (most recent call last)" in invoked.log


def _chunks_of(state: RunState) -> dict[str, Any]:
    """Chunks and listing, without the claim, which holds a time."""
    return {key: content for key, content in state.objects().items() if not key.endswith("/started.json")}


def _without_attempt(record: dict[str, Any]) -> dict[str, Any]:
    """The record without what belongs to one attempt: its id, its trace and each answer's version."""
    rows = [[position, *values] for position, _, *values in record["rows"]]
    return {**record, "record_id": None, "trace": None, "rows": rows}
