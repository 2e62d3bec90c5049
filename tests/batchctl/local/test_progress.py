"""The counts of a run in flight, out of what its functions answer."""

from typing import Any

from batchctl.local.progress import RunProgress
from emulator.step_functions import ExecutionEvent


def answered(state_name: str, payload: dict[str, Any]) -> ExecutionEvent:
    return ExecutionEvent("arn:run", 1, 0, "TaskSucceeded", 0.0, state_name, {"output": {"Payload": payload}})


def test_progress_counts_what_slices_answer() -> None:
    progress = RunProgress()

    progress.take_event(answered("ListUsers", {"users_listed": 500}))
    progress.take_event(answered("SyncUsers", {"synced": 240, "failed": 10}))

    assert (progress.users_listed, progress.synced, progress.failed) == (500, 240, 10)


def test_progress_goes_on_when_a_slice_has_to_wait_for_its_turn() -> None:
    progress = RunProgress()

    progress.take_event(answered("SyncUsers", {"wait_seconds": 3, "lease": None}))

    assert (progress.synced, progress.failed) == (0, 0)


def test_progress_counts_nobody_when_the_run_lists_nobody() -> None:
    progress = RunProgress()

    progress.take_event(answered("ListUsers", {"run_id": "20261122T083000Z", "status": "STOPPED"}))

    assert progress.users_listed == 0
