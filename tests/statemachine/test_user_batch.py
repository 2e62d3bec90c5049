"""The named paths of UserBatch."""

import asyncio
import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from express_batch.errors import InvalidEventError
from express_batch.run_layout import make_run_id
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import AwsError
from tests.emulator.step_functions.doubles import FunctionError, sleeping
from tests.statemachine.user_batch import RUN_ID, SCHEDULED, Batch, sync


def test_happy_path_covers_every_user_once_and_returns_the_account() -> None:
    batch = Batch()

    execution = batch.run()

    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "COMPLETE")
    slices = [(event["chunk"], event["start"], event["end"]) for event in batch.events_of("SyncUsers")]
    assert sorted(slices) == [(0, 0, 10), (0, 10, 20), (0, 20, 25), (1, 0, 10), (1, 10, 15)]
    assert all(event["run_id"] == RUN_ID for event in batch.events_of("SyncUsers"))


def test_happy_path_hands_the_listing_to_close_run_with_the_time_when_all_began() -> None:
    batch = Batch()

    batch.run()

    (event,) = batch.events_of("CloseRun")
    (listing,) = batch.events_of("ListUsers")
    assert event == {**batch.list_users(None), "execution_started_at": listing["execution_started_at"]}
    assert datetime.fromisoformat(event["execution_started_at"]).tzinfo is not None


def test_payloads_hold_no_users() -> None:
    batch = Batch()

    execution = batch.run()

    for event in execution.history:
        assert "user_id" not in json.dumps(event.to_api(), default=str)


def test_scheduled_time_is_the_start_time_when_none_is_given() -> None:
    batch = Batch()

    execution = batch.run({})

    (event,) = batch.events_of("ListUsers")
    assert event["scheduled_time"] == "2027-01-15T08:00:00.000Z"  # the virtual clock's epoch
    assert execution.arn in event["execution"]


def test_no_users_closes_the_run_without_a_call() -> None:
    batch = Batch(chunk_sizes=())

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    assert batch.events_of("SyncUsers") == []
    assert len(batch.events_of("CloseRun")) == 1


def test_one_user_a_chunk_makes_one_slice() -> None:
    # JSONata turns a sequence of one into its member: Items must be a list all the same.
    batch = Batch(chunk_sizes=(1,))

    batch.run()

    assert [(event["start"], event["end"]) for event in batch.events_of("SyncUsers")] == [(0, 1)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=5), st.integers(1, 70))
def test_slices_partition_every_chunk(chunk_sizes: list[int], users_per_invocation: int) -> None:
    batch = Batch(chunk_sizes=tuple(chunk_sizes))

    batch.run(UsersPerInvocation=users_per_invocation)

    positions = Counter(
        (event["chunk"], position)
        for event in batch.events_of("SyncUsers")
        for position in range(event["start"], event["end"])
    )
    assert positions == Counter({(chunk, n): 1 for chunk, size in enumerate(chunk_sizes) for n in range(size)})
    assert all(event["end"] - event["start"] <= users_per_invocation for event in batch.events_of("SyncUsers"))


def test_concurrency_stays_within_chunks_times_slices() -> None:
    batch = Batch(chunk_sizes=(100, 100, 100), functions={"SyncUsers": sleeping(1, {"synced": 10, "failed": 0})})

    batch.run(ChunkConcurrency=2, SliceConcurrency=3)

    assert batch.lambdas.most_in_flight == 6


def test_slice_fails_others_go_on_and_the_failure_is_recorded() -> None:
    def fail_one(event: dict[str, Any]) -> dict[str, int]:
        if (event["chunk"], event["start"]) == (0, 10):
            raise FunctionError("ChunkUnreadableError", "runs/x is no chunk")
        return sync(event)

    batch = Batch(functions={"SyncUsers": fail_one}, closing={"status": "PARTIAL", "users_missing": 0})

    execution = batch.run()

    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "PARTIAL")
    assert len(batch.events_of("SyncUsers")) == 5  # a permanent error is not tried again
    ((service, operation, parameters),) = batch.sdk.calls
    assert (service, operation, parameters["Bucket"]) == ("s3", "PutObject", "bucket")
    assert parameters["Key"] == f"runs/{RUN_ID}/failures/slice-00000-00010.json"
    record = json.loads(parameters["Body"])
    assert (record["chunk"], record["start"], record["end"]) == (0, 10, 20)
    assert (record["version"], record["reason"], record["run_id"]) == (1, "ChunkUnreadableError", RUN_ID)
    assert "runs/x is no chunk" in record["detail"]


def test_retry_then_succeed_calls_the_slice_again() -> None:
    attempts: Counter[int] = Counter()

    def fail_twice(event: dict[str, Any]) -> dict[str, int]:
        attempts[event["start"]] += 1
        if event["start"] == 10 and attempts[10] <= 2:
            raise FunctionError("StreamUnavailableError")
        return sync(event)

    batch = Batch(chunk_sizes=(25,), functions={"SyncUsers": fail_twice})

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    assert attempts == {0: 1, 10: 3, 20: 1}
    assert batch.sdk.calls == []


def test_throttled_lambda_is_waited_for_longer_than_other_errors() -> None:
    refusals = 8

    def throttle(event: dict[str, Any]) -> dict[str, int]:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
        return sync(event)

    batch = Batch(chunk_sizes=(5,), functions={"SyncUsers": throttle})

    assert batch.run().status == "SUCCEEDED"
    assert batch.sdk.calls == []


def test_throttled_api_ends_partial_when_users_failed_inside_a_slice() -> None:
    closing = {"status": "PARTIAL", "users_missing": 0, "failed_by_reason": {"ApiThrottledError": 3}}
    batch = Batch(functions={"SyncUsers": lambda _: {"synced": 7, "failed": 3}}, closing=closing)

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    assert execution.output["failed_by_reason"] == {"ApiThrottledError": 3}


def test_slice_that_hangs_is_given_up_and_recorded() -> None:
    async def hang(event: dict[str, Any]) -> dict[str, int]:
        if event["start"] == 0:
            await asyncio.sleep(10_000)
        return sync(event)

    batch = Batch(chunk_sizes=(20,), functions={"SyncUsers": hang})

    execution = batch.run(SyncUsersTimeoutSeconds=10)

    assert execution.status == "SUCCEEDED"
    ((_, _, parameters),) = batch.sdk.calls
    assert json.loads(parameters["Body"])["reason"] == "States.Timeout"


def test_slice_failure_that_cannot_be_recorded_leaves_the_others_alone() -> None:
    def refuse(_parameters: dict[str, Any]) -> dict[str, Any]:
        raise AwsError("SlowDown", "Please reduce your request rate.", 503)

    def fail_all(_event: Any) -> Any:
        raise FunctionError("KeyError")

    batch = Batch(
        functions={"SyncUsers": fail_all},
        put_object=refuse,
        closing={"status": "INCOMPLETE", "users_missing": 40},
    )

    execution = batch.run()

    assert len(batch.events_of("CloseRun")) == 1
    assert (execution.status, execution.error) == ("FAILED", "RunIncomplete")


def test_duplicate_start_does_nothing() -> None:
    batch = Batch(
        functions={"ListUsers": lambda _: {"run_id": RUN_ID, "started": False, "users_listed": 0, "chunks": []}}
    )

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    assert execution.output == {"run_id": RUN_ID, "status": "ALREADY_STARTED"}
    assert batch.events_of("SyncUsers") == batch.events_of("CloseRun") == []


def test_database_down_is_tried_again_and_then_named() -> None:
    def refuse(_event: Any) -> Any:
        raise FunctionError("DatabaseUnavailableError", "database db:3306 takes no connection")

    batch = Batch(functions={"ListUsers": refuse})

    execution = batch.run()

    assert len(batch.events_of("ListUsers")) == 5
    assert (execution.status, execution.error) == ("FAILED", "DatabaseUnavailableError")
    assert "db:3306" in (execution.cause or "")


def test_wrong_settings_fail_at_once() -> None:
    def refuse(_event: Any) -> Any:
        raise FunctionError("SettingsError", "RUN_BUCKET is missing")

    batch = Batch(functions={"ListUsers": refuse})

    execution = batch.run()

    assert len(batch.events_of("ListUsers")) == 1
    assert execution.error == "SettingsError"


def test_payload_too_large_fails_and_is_caught_by_no_catch() -> None:
    # ListUsers itself refuses a listing of this size before it gets here: ListingTooLargeError.
    too_many = [{"chunk": number, "user_count": 1} for number in range(9_000)]
    listing = {"run_id": RUN_ID, "started": True, "users_listed": 9_000, "chunks": too_many}
    batch = Batch(functions={"ListUsers": lambda _: listing})

    execution = batch.run()

    assert (execution.status, execution.error) == ("FAILED", "States.DataLimitExceeded")


def test_run_incomplete_names_the_run_and_the_count() -> None:
    batch = Batch(closing={"status": "INCOMPLETE", "users_missing": 3})

    execution = batch.run()

    assert (execution.status, execution.error) == ("FAILED", "RunIncomplete")
    assert execution.cause == f"run {RUN_ID}: 3 of 40 users are neither written nor failed"


def test_close_run_is_tried_again_when_the_database_is_away() -> None:
    attempts = 0

    def refuse_once(event: Any) -> Any:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise FunctionError("DatabaseUnavailableError")
        return {"run_id": event["run_id"], "status": "COMPLETE", "users_missing": 0}

    assert Batch(functions={"CloseRun": refuse_once}).run().status == "SUCCEEDED"
    assert attempts == 2


def test_machine_ends_by_its_own_time_out_before_express_does() -> None:
    batch = Batch(functions={"CloseRun": sleeping(10_000)})

    execution = batch.run(SCHEDULED, CloseRunWaitSeconds=280)

    assert execution.status == "TIMED_OUT"
    assert execution.stop_date is not None
    assert execution.stop_date - execution.start_date == 295


def test_slices_are_told_to_leave_close_run_its_time() -> None:
    batch = Batch()

    execution = batch.run(CloseRunWaitSeconds=30)

    deadlines = {event["deadline"] for event in batch.events_of("SyncUsers")}
    # 295 s of the machine, less CloseRun's wait and its own 20 s, less 5 s.
    assert deadlines == {round((execution.start_date + 240) * 1000)}


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


def open_batch(probe: Any, **listing: Any) -> Batch:
    """A batch whose ListUsers has found the circuit open, and whose probe answers or raises so."""
    batch = Batch()

    def answer(event: Any) -> Any:
        if not event.get("probe"):
            return sync(event)
        if isinstance(probe, Exception):
            raise probe
        return {"circuit": probe}

    functions = {"ListUsers": lambda event: batch.list_users(event) | {"circuit": "open"} | listing}
    return Batch(functions=functions | {"SyncUsers": answer})


@pytest.mark.parametrize("probe", ["closed", "open"])
def test_partner_is_probed_once_before_anybody_is_called_for_when_the_circuit_is_open(probe: str) -> None:
    batch = open_batch(probe)

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    first, *slices = batch.events_of("SyncUsers")
    assert first == {"run_id": RUN_ID, "chunk": 0, "start": 0, "end": 25, "probe": True, "limit": None}
    # Whether they may call is what each of them sees in the bucket: there the probe has left its word.
    assert len(slices) == 5
    assert all(event["circuit_breaker"] is True and "probe" not in event for event in slices)
    assert len(batch.events_of("CloseRun")) == 1


def test_run_goes_on_to_its_end_when_the_probe_fails_for_good() -> None:
    batch = open_batch(FunctionError("Runtime.ExitError"))

    execution = batch.run()

    assert execution.output["status"] == "COMPLETE"
    assert [event.get("probe", False) for event in batch.events_of("SyncUsers")] == [True] * 3 + [False] * 5


def test_nobody_is_probed_when_the_circuit_is_closed_or_nobody_is_listed() -> None:
    for batch in (Batch(), open_batch("open", chunks=[], users_listed=0)):
        batch.run()

        assert not any(event.get("probe") for event in batch.events_of("SyncUsers"))


@pytest.mark.parametrize(("setting", "is_on"), [("ENABLED", True), ("DISABLED", False)])
def test_functions_are_told_whether_there_is_a_circuit_breaker(setting: str, is_on: bool) -> None:
    batch = Batch()

    batch.run(CircuitBreaker=setting)

    events = [*batch.events_of("ListUsers"), *batch.events_of("SyncUsers")]
    assert {event["circuit_breaker"] for event in events} == {is_on}


@pytest.mark.parametrize("request_", [{"dry_run": True, "users": 40}, {"redrive_of": RUN_ID}])
def test_dry_run_and_redrive_probe_the_partner_as_any_run(request_: dict[str, Any]) -> None:
    batch = open_batch("closed", dry_run="dry_run" in request_)

    assert batch.run(request_).status == "SUCCEEDED"
    assert batch.events_of("SyncUsers")[0]["probe"] is True


LEASE = {"lane": "lane0", "start": 1_795_000_000_000_000, "gap": 8591, "calls": 10}
LIMITS = {"CallsPerSecond": 500, "PartnerCallsInFlight": 800}


def test_slices_are_told_of_no_limit_when_there_is_none() -> None:
    batch = Batch()
    batch.run()

    assert all(event["limit"] is event["lease"] is None for event in batch.events_of("SyncUsers"))


def test_probe_is_told_of_the_limit_as_the_slices_are() -> None:
    batch = open_batch("closed")

    batch.run(**LIMITS)

    probe, *slices = batch.events_of("SyncUsers")
    assert probe["probe"]
    assert probe["limit"] is not None
    assert all(event["limit"] == probe["limit"] for event in slices)


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


def test_dry_run_counts_users_of_slices_that_had_to_wait() -> None:
    def wait_once(event: dict[str, Any]) -> dict[str, Any]:
        return {"wait_seconds": 1, "lease": LEASE} if event["lease"] is None else sync(event)

    execution = dry_batch(SyncUsers=wait_once).run(DRY_RUN, **LIMITS)

    assert execution.output["users_synced"] == 40


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


@pytest.mark.parametrize("function", ["ListUsers", "CloseRun"])
@pytest.mark.parametrize("error", ["Runtime.ExitError", "Lambda.Unknown"])
def test_run_goes_on_when_the_environment_of_a_step_dies(function: str, error: str) -> None:
    attempts: Counter[str] = Counter()
    batch = Batch()
    answers = {"ListUsers": batch.list_users, "CloseRun": batch.close_run}

    def die_once(event: Any) -> Any:
        attempts[function] += 1
        if attempts[function] == 1:
            raise FunctionError(error)
        return answers[function](event)

    batch.lambdas.functions[function] = die_once

    execution = batch.run()

    assert (execution.status, attempts[function]) == ("SUCCEEDED", 2)
