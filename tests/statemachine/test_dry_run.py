"""A dry run: it ends with its counts and closes no run."""

from typing import Any

from tests.emulator.step_functions.doubles import FunctionError
from tests.statemachine.user_batch import LEASE, LIMITS, Batch, sync

DRY_RUN_ID = "dry-20261122T083000Z-1a2b3c4d"
DRY_RUN = {"dry_run": True, "users": 40}


def dry_batch(**functions: Any) -> Batch:
    """A batch whose ListUsers says that it listed for a dry run."""
    batch = Batch()
    listing = batch.list_users(None) | {"run_id": DRY_RUN_ID, "dry_run": True}
    return Batch(functions={"ListUsers": lambda _: listing} | functions)


def test_dry_run_ends_with_its_counts_and_closes_no_run() -> None:
    batch = dry_batch()

    execution = batch.run(DRY_RUN)

    assert execution.status == "SUCCEEDED"
    assert execution.output == {
        "run_id": DRY_RUN_ID,
        "status": "DRY_RUN",
        "users_listed": 40,
        "users_synced": 40,
        "users_failed": 0,
    }
    assert batch.events_of("CloseRun") == []
    assert {event["run_id"] for event in batch.events_of("SyncUsers")} == {DRY_RUN_ID}


def test_dry_run_asks_for_as_many_users_as_it_is_told() -> None:
    batch = dry_batch()

    batch.run(DRY_RUN)
    batch.run({"dry_run": True})
    batch.run({"dry_run": False, "users": 7})

    assert [event["dry_run_users"] for event in batch.events_of("ListUsers")] == [40, 100, None]


def test_dry_run_succeeds_when_a_tenth_of_the_users_failed() -> None:
    batch = dry_batch(
        SyncUsers=lambda event: {"synced": event["end"] - event["start"] - (event["start"] == 0), "failed": 1}
    )

    execution = batch.run(DRY_RUN)

    assert (execution.output["users_synced"], execution.output["users_failed"]) == (38, 2)


def test_dry_run_fails_with_its_counts_when_more_users_failed() -> None:
    batch = dry_batch(SyncUsers=lambda event: {"synced": event["end"] - event["start"] - 1, "failed": 1})

    execution = batch.run(DRY_RUN)

    assert (execution.status, execution.error) == ("FAILED", "DryRunFailed")
    assert (
        execution.cause
        == f"run {DRY_RUN_ID}: 35 of 40 users were answered for; the reasons lie in runs/{DRY_RUN_ID}/failures/"
    )


def test_dry_run_counts_a_slice_that_failed_for_good_as_failed() -> None:
    def refuse(_event: Any) -> Any:
        raise FunctionError("SettingsError", "ROW_STREAM is missing")

    batch = dry_batch(SyncUsers=refuse)

    execution = batch.run(DRY_RUN)

    assert execution.error == "DryRunFailed"
    assert "0 of 40" in (execution.cause or "")
    assert len(batch.sdk.calls) == 5  # the reasons


def test_dry_run_of_a_group_without_users_succeeds() -> None:
    listing = {"run_id": DRY_RUN_ID, "started": True, "users_listed": 0, "chunks": [], "dry_run": True}
    batch = Batch(functions={"ListUsers": lambda _: listing})

    assert batch.run(DRY_RUN).output["users_synced"] == 0


def test_run_is_closed_as_ever_when_an_older_list_users_knows_no_dry_run() -> None:
    """While a release shifts, a new machine may meet the version before it: what was listed for real is a real run."""
    batch = Batch()

    execution = batch.run(DRY_RUN)

    assert execution.output["status"] == "COMPLETE"
    assert len(batch.events_of("CloseRun")) == 1


def test_dry_run_counts_users_of_slices_that_had_to_wait() -> None:
    def wait_once(event: dict[str, Any]) -> dict[str, Any]:
        return {"wait_seconds": 1, "lease": LEASE} if event["lease"] is None else sync(event)

    execution = dry_batch(SyncUsers=wait_once).run(DRY_RUN, **LIMITS)

    assert execution.output["users_synced"] == 40
