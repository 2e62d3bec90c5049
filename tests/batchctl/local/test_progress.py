"""The line that shows how far a local run is: its counts, out of what the functions answer, and its bar."""

from typing import Any

import pytest
from rich.console import Console

from batchctl.local.progress import RunProgress
from emulator.step_functions import ExecutionEvent

LEASE = {"lane": "lane0", "start": 1_795_000_000_000_000, "gap": 8591, "calls": 10}


def answered(state: str, payload: dict[str, Any]) -> ExecutionEvent:
    return ExecutionEvent("arn", 2, 1, "TaskSucceeded", 0.0, state, {"output": {"Payload": payload}})


def test_progress_counts_what_the_functions_answer() -> None:
    progress = RunProgress()

    progress.take_event(answered("ListUsers", {"users_listed": 500}))
    progress.take_event(answered("SyncUsers", {"synced": 240, "failed": 10}))

    assert (progress.users_listed, progress.synced, progress.failed) == (500, 240, 10)


def test_progress_goes_on_when_a_slice_has_to_wait_for_its_calls() -> None:
    progress = RunProgress()

    progress.take_event(answered("SyncUsers", {"wait_seconds": 7, "lease": LEASE}))

    assert (progress.synced, progress.failed) == (0, 0)


def test_progress_counts_nobody_when_the_run_lists_nobody() -> None:
    progress = RunProgress()

    progress.take_event(answered("ListUsers", {"run_id": "20261122T083000Z", "status": "STOPPED"}))

    assert progress.users_listed == 0


@pytest.mark.parametrize(("synced", "filled"), [(0, 0), (250, 15), (600, 30)])
def test_bar_is_as_full_as_the_run_and_never_overflows(synced: int, filled: int) -> None:
    console = Console(width=200)
    with console.capture() as shown:
        console.print(RunProgress(users_listed=500, synced=synced))

    assert (shown.get().count("█"), shown.get().count("░")) == (filled, 30 - filled)
