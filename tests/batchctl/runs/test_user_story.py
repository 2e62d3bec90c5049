"""What became of one user."""

from typing import Any

import pytest
from express_batch.user_ids import hash_user_id

from batchctl.runs.collect import collect_run
from batchctl.runs.user_story import UnknownUserError, UserStory, read_objects, tell_of_user
from tests.batchctl.runs.made_up_run import GROUP, START, MadeUpRun, make_data
from tests.batchctl.runs.test_findings import failed_user


def tell(run: MadeUpRun, user_id: str, now: float = START + 3600) -> UserStory:
    data = collect_run(run.source, run.run_id, now=lambda: now)
    return tell_of_user(data, user_id, read_objects(run.source, run.run_id))


def part_of_a_run(**closing: Any) -> MadeUpRun:
    """Two of four slices are synced."""
    run = MadeUpRun()
    run.list_users()
    run.sync(0, 0, 250)
    run.sync(0, 250, 500)
    if closing:
        run.close(**closing)
    return run


def test_user_is_written_when_the_run_accounts_for_everybody() -> None:
    story = tell(MadeUpRun().play(), "user-00777")

    assert (story.outcome, story.tenant_id, story.chunk, story.position) == ("written", "tenant-0", 1, 277)
    assert (story.slice_start, story.slice_end, story.request_id) == (250, 500, "sync-1-250-1")


def test_user_is_not_looked_for_in_the_chunks_of_an_attempt_that_was_repeated() -> None:
    run = MadeUpRun().play()
    body = {"version": 1, "run_id": run.run_id, "chunk": 20_000, "users": [["user-00777", "tenant-0"], ["gone", "t"]]}
    run.objects.put(f"runs/{run.run_id}/chunks/20000.json", body)
    run.objects.put(f"runs/{run.run_id}/chunks/00000.json", {**body, "chunk": 0, "users": []})

    assert tell(run, "user-00777").chunk == 1
    with pytest.raises(UnknownUserError):
        tell(run, "gone")


def test_user_failed_with_its_reason_and_request() -> None:
    run = MadeUpRun().play(status="PARTIAL", failed=1)
    run.fail_users(0, 250, [260])

    story = tell(run, "user-00260")

    assert (story.outcome, story.reason, story.function) == ("failed", "MalformedAnswerError", "SyncUsers")
    assert story.text == "failed in SyncUsers, MalformedAnswerError: why 260"
    assert story.request_id == "sync-0-250-1"


def test_user_failed_with_its_slice_when_the_invocation_died() -> None:
    run = MadeUpRun().play(status="PARTIAL", failed=250)
    run.logs.lines["SyncUsers"] = [line for line in run.logs.lines["SyncUsers"] if '"sync-0-0-1"' not in line.message]
    run.fail_slice(0, 0, 250, "Runtime.ExitError", "Runtime exited")

    story = tell(run, "user-00001")

    assert story.text == "failed with its whole slice in SyncUsers, Runtime.ExitError: Runtime exited"


@pytest.mark.parametrize(
    ("run", "user_id", "outcome"),
    [
        (part_of_a_run(status="INCOMPLETE", missing=500), "user-00600", "missing"),
        (part_of_a_run(status="INCOMPLETE", missing=500), "user-00001", "written"),
        (part_of_a_run(status="INCOMPLETE", missing=600), "user-00001", "not known"),
    ],
)
def test_user_of_an_incomplete_run_is_told_as_far_as_it_is_known(run: MadeUpRun, user_id: str, outcome: str) -> None:
    assert tell(run, user_id).outcome == outcome


@pytest.mark.parametrize("user_id", ["user-00001", "user-00900"])
def test_user_is_in_flight_while_the_run_goes_on(user_id: str) -> None:
    assert tell(part_of_a_run(), user_id, now=START + 5).outcome == "in flight"


def test_user_is_found_by_its_hash() -> None:
    assert tell(MadeUpRun().play(), hash_user_id(GROUP, "user-00777")).user_id == "user-00777"


@pytest.mark.parametrize("user_id", ["nobody", "user-0000", '"', "tenant-1", "0123456789abcdef"])
def test_unknown_user_is_named_with_the_run(user_id: str) -> None:
    with pytest.raises(UnknownUserError, match=f"user {user_id} was not listed in run"):
        tell(MadeUpRun().play(), user_id)


def test_failed_user_is_still_told_of_when_the_chunks_are_gone() -> None:
    data = make_data(failed_users=[failed_user(7)])

    assert tell_of_user(data, "user-7", {}).position == 7
    with pytest.raises(UnknownUserError, match=r"the chunks of run .* are not there any more"):
        tell_of_user(data, "user-8", {})
