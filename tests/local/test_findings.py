"""Faults seeded in real runs, and what the data of each run says of them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from batchctl.local.archive_run import archive_run
from batchctl.local.options import LocalOptions
from batchctl.runs.archive import Archive
from batchctl.runs.collect import collect_run
from batchctl.runs.ports import RunSource
from batchctl.runs.run_data import Finding, RunData
from batchctl.runs.target import open_local_source
from batchctl.runs.user_story import read_objects, tell_of_user
from batchctl.runs.watching import watch_run
from batchctl.runs.why import diagnose
from tests.local.background_stack import BackgroundStack
from tests.local.poisonous_project import HANGER, KILLER, make_poisonous_template

USERS = 400
SLICE = 50


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundStack]:
    """400 users in slices of 50."""
    options = LocalOptions(
        users=USERS,
        users_per_invocation=SLICE,
        api_latency_ms=5,
        template=make_poisonous_template(tmp_path_factory.mktemp("project")),
        parameters={
            "ChunkSize": "200",
            "PartnerApiTimeoutSeconds": "2",
            "SyncUsersTimeoutSeconds": "10",
            "CloseRunWaitSeconds": "6",
        },
    )
    with BackgroundStack(options) as stack:
        yield stack


@pytest.fixture
def stack(shared: BackgroundStack) -> BackgroundStack:
    """The stack with a faultless partner API."""
    shared.set_api(latency_ms=5, throttle_rate=0, malformed_rate=0)
    return shared


@pytest.fixture
def source(stack: BackgroundStack) -> RunSource:
    """What `report` reads the stack's runs from."""
    around = stack.stack
    return open_local_source(around.emulator.url, "us-east-1", around.stack.outputs, around.parameters())


def collect(source: RunSource) -> RunData:
    """The newest run."""
    return collect_run(source, source.objects.list_run_ids()[-1])


def findings(data: RunData, kind: str) -> list[Finding]:
    return [finding for finding in data.findings if finding.kind == kind]


def test_faultless_run_is_collected_whole_and_has_no_findings(stack: BackgroundStack, source: RunSource) -> None:
    execution = stack.run_batch()

    data = collect(source)

    assert (data.gaps, data.failures) == ([], [])
    assert [finding.text for finding in data.findings if finding.severity != "info"] == []
    assert data.head.run_id == execution.output["run_id"]
    assert (data.head.status, data.head.rows_written, data.head.users_missing) == ("COMPLETE", USERS, 0)
    assert [(each.chunk, each.start) for each in sorted(data.slices, key=lambda each: (each.chunk, each.start))] == [
        (chunk, start) for chunk in (0, 1) for start in range(0, 200, SLICE)
    ]
    assert sum(each.rows for each in data.writes) == USERS
    assert sum(sum(each.latency.values()) for each in data.slices) == USERS
    assert {report.function for report in data.invocations} == {"ListUsers", "SyncUsers", "WriteRows", "CloseRun"}
    assert [state.name for state in data.states][-1] == "RunClosed"
    assert data.trace is not None
    assert data.trace.write_segments > 0
    assert 0 < (data.total_cost_usd or 0) < 0.01
    services = {"Lambda", "S3 requests", "Kinesis PUT units", "Step Functions Express"}
    assert {line.service for line in data.cost} == services


def test_slow_partner_is_found(stack: BackgroundStack, source: RunSource) -> None:
    stack.set_api(latency_ms=1200)

    stack.run_batch()

    [finding] = findings(collect(source), "slow_partner")
    assert "the time-out is 2,000 ms" in finding.text


def test_throttled_partner_is_found(stack: BackgroundStack, source: RunSource) -> None:
    stack.set_api(throttle_rate=0.2, retry_after_seconds=0)

    stack.run_batch()

    [finding] = findings(collect(source), "throttled_partner")
    assert "with 429" in finding.text


def test_poisonous_user_is_named_when_it_fails_in_two_runs(stack: BackgroundStack, source: RunSource) -> None:
    stack.set_api(users={"user-0000042": {"fault": "malformed_not_json"}})
    stack.run_batch()
    stack.run_batch()

    data = collect(source)

    [finding] = findings(data, "poisonous_user")
    assert finding.text.startswith(
        "user-0000042 (chunk 0, MalformedAnswerError in SyncUsers) fails in each of the last 2"
    )
    [failure] = data.failures
    assert (failure.count, failure.sample_users) == (1, ["user-0000042"])
    story = tell_of_user(data, "user-0000042", read_objects(source, data.head.run_id))
    assert (story.outcome, story.reason, story.chunk, story.position) == ("failed", "MalformedAnswerError", 0, 22)
    assert (story.slice_start, story.slice_end) == (0, 50)
    assert story.request_id in {each.request_id for each in data.slices}
    other = tell_of_user(data, "user-0000043", read_objects(source, data.head.run_id))
    assert other.outcome == "written"


def test_slices_that_a_user_kills_or_hangs_are_named(stack: BackgroundStack, source: RunSource) -> None:
    # The query sorts by id, so they come first: the one that hangs ends a slice, the one that kills begins the next.
    more = [f"poison-filler-{number:02d}" for number in range(SLICE - 1)]
    users = [HANGER, *more, KILLER]
    for user in users:
        stack.query("INSERT INTO users (user_id, tenant_id) VALUES (%s, 'tenant-00')", user)
    try:
        execution = stack.run_batch()
    finally:
        stack.query("DELETE FROM users WHERE user_id LIKE 'poison-%%'")

    data = collect(source)

    assert execution.output["status"] == "PARTIAL"
    [timed_out] = findings(data, "slice_timed_out")
    assert timed_out.severity == "critical"
    hanging, killed = sorted(data.slice_failures, key=lambda each: each.reason, reverse=True)
    assert (hanging.reason, killed.reason) == ("Sandbox.Timedout", "Runtime.ExitError")
    assert f"chunk {hanging.chunk} slice {hanging.start}-{hanging.end}" in timed_out.text
    poisonous = [finding.text for finding in findings(data, "poisonous_user") if finding.severity == "critical"]
    assert any(
        f"dies at every attempt at chunk {killed.chunk} slice {killed.start}-{killed.end}" in text for text in poisonous
    )
    assert any("hangs at every attempt" in text for text in poisonous)
    died = [report.error_type for report in data.invocations if report.error_type]
    assert sorted(died) == ["Runtime.ExitError"] * 2 + ["Sandbox.Timedout"] * 2
    story = tell_of_user(data, KILLER, read_objects(source, data.head.run_id))
    assert (story.outcome, story.reason, story.request_id) == ("failed", "Runtime.ExitError", killed.request_id)
    diagnosis = diagnose(data, source)
    lines = {each.report.error_type: "\n".join(each.lines) for each in diagnosis.invocations}
    assert "Task timed out after 10.00 seconds" in lines["Sandbox.Timedout"]
    assert "Runtime exited" in lines["Runtime.ExitError"]


def test_lagging_writer_is_found_when_the_table_is_locked(stack: BackgroundStack, source: RunSource) -> None:
    address = stack.stack.database
    with (
        pymysql.connect(
            host=address.host, port=address.port, user=address.user, password=address.password, database=address.name
        ) as holder,
        holder.cursor() as cursor,
    ):
        cursor.execute("LOCK TABLES loyalty_points WRITE")
        execution = stack.run_batch()
        data = collect(source)
        cursor.execute("UNLOCK TABLES")

    assert execution.error == "RunIncomplete"
    assert (data.head.status, data.head.users_missing) == ("INCOMPLETE", USERS)
    [finding] = findings(data, "lagging_writer")
    assert finding.severity == "critical"
    assert "400 answered users were not in the database when the run was closed" in finding.text
    assert [finding.severity for finding in findings(data, "missing_users")] == ["critical"]
    # The rows come late; the next run waits for its own behind them.
    assert stack.run_batch().output["status"] == "COMPLETE"
    late = collect_run(source, data.head.run_id)
    assert sum(each.rows for each in late.writes) == USERS
    assert "400 rows came after the close" in findings(late, "missing_users")[0].text


def test_watch_run_follows_a_run_to_its_end(stack: BackgroundStack, source: RunSource) -> None:
    stack.set_api(latency_ms=500)
    scheduled_time = stack.new_time()
    run_id = scheduled_time.replace("-", "").replace(":", "")
    runner = threading.Thread(target=stack.run_batch, args=(scheduled_time,))
    runner.start()
    while run_id not in source.objects.list_run_ids():
        pass

    seen = list(watch_run(source, run_id))
    runner.join()

    assert [each.status for each in seen] == ["RUNNING"] * (len(seen) - 1) + ["COMPLETE"]
    assert (seen[-1].users_listed, seen[-1].written) == (USERS, USERS)
    assert [each.synced for each in seen] == sorted(each.synced for each in seen)


def test_archive_run_keeps_what_the_stack_had(stack: BackgroundStack, source: RunSource, tmp_path: Path) -> None:
    run_id = stack.run_batch().output["run_id"]
    archive = Archive(tmp_path)

    assert stack.do(archive_run(stack.stack, run_id, archive)) is None

    data = archive.load(run_id)
    assert (data.head.rows_written, data.gaps) == (USERS, [])
    assert tell_of_user(data, "user-0000007", archive.objects(run_id)).outcome == "written"
