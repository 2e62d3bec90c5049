"""A run collected from objects and lines, whole and with parts missing."""

import json
from dataclasses import replace

import pytest

from batchctl.runs.collect import RunNotFoundError, collect_run
from batchctl.runs.ports import SourceError
from batchctl.runs.run_data import RunData
from tests.batchctl.runs.made_up_run import RUN_ID, START, MadeUpRun

LATER = START + 3600


def collect(run: MadeUpRun, now: float = LATER) -> RunData:
    return collect_run(run.source, run.run_id, now=lambda: now)


def test_collect_run_has_everything_of_a_closed_run() -> None:
    run = MadeUpRun(users=1100).play()
    run.traces.documents["1-5f-1"] = [{"name": "UserBatch"}, {"name": "WriteRows"}]

    data = collect(run)

    assert (data.head.status, data.head.users_listed, data.head.rows_written) == ("COMPLETE", 1100, 1100)
    assert (data.head.started_at, data.head.closed_at, data.head.seconds) == (START, START + 4, 4.0)
    assert (data.origin, data.head.tenant_group, data.head.waited_seconds) == ("made up", "example", 0.4)
    assert data.chunk_sizes == {0: 500, 1: 500, 2: 100}
    assert [(each.chunk, each.start, each.end) for each in data.slices] == list(run.slices())
    assert [each.rows for each in data.writes] == [250, 250, 250, 250, 100]
    assert len(data.invocations) == 12
    assert data.trace is not None
    assert (data.trace.segments, data.trace.write_segments) == (2, 1)
    assert data.head.p95_ms == pytest.approx(98.7, abs=0.1)
    assert (data.findings, data.gaps, data.failures) == ([], [], [])


def test_collect_run_derives_the_states_in_the_machines_order() -> None:
    states = {state.name: state for state in collect(MadeUpRun().play()).states}

    assert list(states) == ["ListUsers", "ProcessChunks", "ProcessSlices", "SyncUsers", "CloseRun", "RunClosed"]
    assert [states[name].entered for name in states] == [1, 1, 2, 4, 1, 1]
    assert (states["SyncUsers"].first_at, states["SyncUsers"].last_at) == (START + 1, START + 2)
    assert states["SyncUsers"].busy_seconds == pytest.approx(4.0)


def test_collect_run_groups_failures_with_the_command_that_runs_them_again() -> None:
    run = MadeUpRun(options=" --stack acme").play(status="PARTIAL", failed=5)
    run.fail_users(0, 0, [3, 4, 9, 11], "MalformedAnswerError")
    run.fail_users(1, 0, [0], "ApiRejectedError")

    first, second = collect(run).failures

    assert (first.reason, first.function, first.count) == ("MalformedAnswerError", "SyncUsers", 4)
    assert first.sample_users == ["user-00003", "user-00004", "user-00009"]
    assert first.detail == "why 3"
    assert first.redrive_command == f"batchctl redrive {RUN_ID} --reason MalformedAnswerError --stack acme"
    assert (second.reason, second.sample_users) == ("ApiRejectedError", ["user-00500"])


def test_collect_run_counts_a_user_once_when_attempts_left_two_records() -> None:
    run = MadeUpRun().play(status="PARTIAL", failed=250)
    run.fail_users(0, 0, [3], "MalformedAnswerError")
    run.fail_slice(0, 0, 250, "Runtime.ExitError", "died")

    assert sum(group.count for group in collect(run).failures) == 250


def test_collect_run_finds_the_invocations_that_died_although_no_line_names_their_run() -> None:
    run = MadeUpRun()
    run.list_users()
    for place in list(run.slices())[1:]:
        run.sync(*place)
    request_id = "8f5d3c5a-1111-4222-8333-444455556666"
    for number in range(4):
        stream, at = f"dead-{number}", START + 1.5 + number / 10
        name = request_id if number == 3 else stream
        run.logs.add("SyncUsers", at, f"2026-11-22T08:30:20.000Z {name} Task timed out after 1.00 seconds", stream)
        run.report("SyncUsers", name, 1.5 + number / 10, 1000, status="Status: timeout\t")
        run.logs.lines["SyncUsers"][-1] = replace(run.logs.lines["SyncUsers"][-1], stream=stream)
    cause = json.dumps(
        {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: Task timed out"}
    )
    run.fail_slice(0, 0, 250, "Sandbox.Timedout", cause)
    run.close(status="PARTIAL", failed=250)

    data = collect(run)

    died = [report for report in data.invocations if report.error_type == "Sandbox.Timedout"]
    assert len(died) == 4
    [failure] = data.slice_failures
    assert (failure.chunk, failure.start, failure.end, failure.request_id) == (0, 0, 250, request_id)
    assert data.failures[0].sample_users == ["user-00000", "user-00001", "user-00002"]
    sync = next(state for state in data.states if state.name == "SyncUsers")
    assert (sync.entered, sync.failed, sync.retried) == (4, 4, 3)
    assert {finding.kind for finding in data.findings} == {"slice_timed_out", "poisonous_user"}


def test_collect_run_leaves_out_invocations_of_other_runs() -> None:
    run = MadeUpRun().play()
    run.report("SyncUsers", "dry-run", 2.5, 1000)  # a dry run beside it
    run.report("SyncUsers", "the-next", 300.0, 1000, status="Status: timeout\t")

    assert {"dry-run", "the-next"} & {report.request_id for report in collect(run).invocations} == set()


def test_collect_run_costs_what_was_billed_and_counted() -> None:
    data = collect(MadeUpRun().play())

    usd = {line.service: line.usd for line in data.cost}
    seconds_512 = 0.6 + 4 * 1.0 + 4 * 0.5
    assert usd["Lambda"] == pytest.approx((seconds_512 * 0.5 + 0.25) * 0.0000133334 + 10 * 0.2e-6)
    assert usd["Step Functions Express"] == pytest.approx(1e-6 + 4 * 64 / 1024 * 0.06 / 3600)
    assert usd["Kinesis PUT units"] == pytest.approx(4 * 2 * 0.014e-6)
    assert usd["S3 requests"] == pytest.approx(7 * 0.005e-3 + 4 * 0.0004e-3)
    assert data.head.cost_usd == pytest.approx(data.total_cost_usd)
    assert data.cost_per_thousand_users_usd == pytest.approx(data.total_cost_usd)


def test_collect_run_bears_its_share_of_a_batch_with_rows_of_other_runs() -> None:
    run = MadeUpRun(users=250).play()
    whole = next(line for line in collect(run).cost if line.service == "Lambda").usd
    [write] = [line for line in run.logs.lines["WriteRows"] if line.message.startswith("{")]
    run.logs.lines["WriteRows"][0] = replace(
        write, message=write.message.replace('"batch_rows": 250', '"batch_rows": 500')
    )

    shared = next(line for line in collect(run).cost if line.service == "Lambda").usd

    assert whole - shared == pytest.approx(0.5 * (0.25 * 0.0000133334 + 0.2e-6))


def test_collect_run_counts_a_running_run_by_its_lines() -> None:
    run = MadeUpRun()
    run.list_users()
    run.sync(0, 0, 250)

    data = collect(run, now=START + 3.5)

    assert (data.head.status, data.head.closed_at, data.head.seconds) == ("RUNNING", None, None)
    assert (data.head.rows_written, data.head.users_missing) == (250, 750)
    assert (data.findings, data.gaps) == ([], [])


def test_collect_run_calls_a_run_failed_when_its_execution_is_over() -> None:
    run = MadeUpRun()
    run.list_users()

    data = collect(run)

    assert data.head.status == "FAILED"
    assert [finding.kind for finding in data.findings] == ["never_closed"]


def test_collect_run_calls_a_run_failed_when_the_caller_saw_its_end() -> None:
    run = MadeUpRun()
    run.list_users()

    assert collect_run(run.source, RUN_ID, has_ended=True, now=lambda: START + 5).head.status == "FAILED"


def test_collect_run_takes_the_account_from_the_log_when_the_object_is_missing() -> None:
    run = MadeUpRun().play()
    del run.objects.bodies[f"runs/{RUN_ID}/closed.json"]

    data = collect(run)

    assert (data.head.status, data.head.rows_written) == ("COMPLETE", 1000)
    assert data.gaps == [f"runs/{RUN_ID}/closed.json is missing: the account is that of CloseRun's log line"]


def test_collect_run_says_so_when_lines_are_late() -> None:
    run = MadeUpRun().play()
    run.logs.lines["SyncUsers"] = [line for line in run.logs.lines["SyncUsers"] if '"sync-1-' not in line.message]
    run.logs.lines["WriteRows"] = [line for line in run.logs.lines["WriteRows"] if '"write-1-' not in line.message]

    assert collect(run).gaps == [
        "log lines of slices with 500 users are not there yet: ask again in a minute",
        "log lines of 500 written rows are not there yet: ask again in a minute",
    ]


def test_collect_run_says_so_when_no_line_is_there() -> None:
    run = MadeUpRun().play()
    for lines in run.logs.lines.values():
        lines.clear()

    data = collect(run)

    assert data.head.status == "COMPLETE"
    assert (data.cost, data.head.cost_usd) == ([], None)
    assert ["LogLevel above INFO" in gap for gap in data.gaps] == [True]


def test_collect_run_goes_on_when_a_source_refuses() -> None:
    run = MadeUpRun().play()
    run.logs.refusals = dict.fromkeys(run.logs.lines, "log group x: access denied")

    data = collect(run)

    assert data.gaps[0] == "log group x: access denied"
    assert data.gaps.count("log group x: access denied") == 1
    assert data.head.rows_written == 1000


def test_collect_run_passes_over_what_is_not_as_the_contract_has_it() -> None:
    run = MadeUpRun().play()
    run.log("SyncUsers", "x", 2.0, "slice synced", chunk="no number")
    run.objects.bodies[f"runs/{RUN_ID}/failures/broken.json"] = b"{"

    assert collect(run).gaps == [
        "1 log lines are not as the contract has them: they were passed over",
        "1 failure records are not readable: their users are in the account alone",
    ]


def test_collect_run_compares_with_the_runs_before() -> None:
    before = MadeUpRun(run_id="20261122T082000Z", started_at=START - 600).play(status="PARTIAL", failed=1)
    before.fail_users(0, 0, [3])
    run = MadeUpRun(objects=before.objects, logs=before.logs).play(status="PARTIAL", failed=2)
    run.fail_users(0, 0, [3, 4])

    data = collect(run)

    assert [(head.run_id, head.rows_written) for head in data.previous] == [("20261122T082000Z", 999)]
    assert data.previous[0].p95_ms == pytest.approx(98.7, abs=0.1)
    assert [(user.user_id, user.runs) for user in data.failed_users] == [("user-00003", 2), ("user-00004", 1)]
    assert len(data.slices) == 4


def test_collect_run_counts_no_run_before_one_in_which_the_user_was_written() -> None:
    older = MadeUpRun(run_id="20261122T081000Z", started_at=START - 1200).play(status="PARTIAL", failed=1)
    older.fail_users(0, 0, [3])
    before = MadeUpRun(run_id="20261122T082000Z", started_at=START - 600, objects=older.objects, logs=older.logs)
    before.play(status="PARTIAL", failed=1).fail_users(0, 0, [4])
    run = MadeUpRun(objects=older.objects, logs=older.logs).play(status="PARTIAL", failed=2)
    run.fail_users(0, 0, [3, 4])

    assert [user.runs for user in collect(run).failed_users] == [1, 2]


def test_collect_run_compares_with_no_redrive_and_knows_one() -> None:
    redrive = MadeUpRun(users=250, run_id="20261122T082000Z-r1", started_at=START - 300).play()
    run = MadeUpRun(objects=redrive.objects, logs=redrive.logs).play()

    assert collect(run).previous == []
    redrive.fail_users(0, 0, [3])
    data = collect(redrive)
    assert data.head.redrive_of == "20261122T082000Z"
    assert data.failures[0].redrive_command == "batchctl redrive 20261122T082000Z --reason MalformedAnswerError"


def test_collect_run_names_the_bucket_and_the_remedy_when_there_is_no_such_run() -> None:
    with pytest.raises(RunNotFoundError, match=r"run 2026 is not in s3://run-bucket .* 7 days; `batchctl runs` lists"):
        collect_run(MadeUpRun().source, "2026")


def test_collect_run_fails_when_the_bucket_cannot_be_read_at_all() -> None:
    run = MadeUpRun().play()
    run.objects.refusal = "s3://run-bucket: access denied"

    with pytest.raises(SourceError, match="access denied"):
        collect(run)


def test_collect_run_takes_slices_of_ten_users() -> None:
    run = MadeUpRun(users=20_000, slice_size=10).play(status="PARTIAL", failed=2_000)
    for chunk in range(40):
        run.fail_users(chunk, 0, range(50))

    data = collect(run)

    assert (len(data.slices), data.failures[0].count, len(data.failed_users)) == (2_000, 2_000, 1_000)
    assert data.gaps == ["2,000 failed users: 1,000 are named, the records have them all"]
