"""UserBatch when all goes well: each user is in one slice, within the concurrency and in time."""

import json
from collections import Counter
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulator.step_functions.doubles import sleeping
from tests.statemachine.user_batch import RUN_ID, SCHEDULED, Batch


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
