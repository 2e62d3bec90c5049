"""Whole runs: every row against what the partner API answered, every user accounted for."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from batchctl.database_url import DatabaseUrl
from tests.local.background_stack import BackgroundStack
from tests.local.conftest import USERS


def read_rows(stack: BackgroundStack, database: DatabaseUrl | None = None) -> dict[str, tuple[int, str, datetime]]:
    """The table as {user_id: (points, tier, updated_at)}, of the stack's database or of another."""
    rows = stack.query("SELECT user_id, points, tier, updated_at FROM loyalty_points", database=database)
    return {user_id: (points, tier, updated_at) for user_id, points, tier, updated_at in rows}


def expected_rows(stack: BackgroundStack) -> dict[str, tuple[int, str, datetime]]:
    """The same by the partner API's last good answers."""
    return {
        user_id: (answer.points, answer.tier, parse_time(answer.updated_at))
        for user_id, answer in stack.answers().items()
    }


def parse_time(text: str) -> datetime:
    """A naive UTC time."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def test_run_writes_what_the_api_answered_for_every_user(stack: BackgroundStack) -> None:
    execution = stack.run_batch()

    assert execution.output["status"] == "COMPLETE"
    assert execution.output["rows_written"] == execution.output["users_listed"] == USERS
    assert len(read_rows(stack)) == USERS
    assert read_rows(stack) == expected_rows(stack)
    assert stack.calls() == USERS


def test_next_run_brings_the_newer_answers(stack: BackgroundStack) -> None:
    stack.set_api(changing=True)
    stack.run_batch()
    first = read_rows(stack)

    stack.run_batch()

    assert read_rows(stack) == expected_rows(stack)
    changed = sum(first[user] != row for user, row in read_rows(stack).items())
    assert changed == USERS


def test_every_user_is_accounted_for_when_the_api_fails_throttles_and_garbles(stack: BackgroundStack) -> None:
    stack.set_api(error_rate=0.03, throttle_rate=0.03, malformed_rate=0.02, drop_rate=0.02, not_found_rate=0.01,
                  retry_after_seconds=0)  # fmt: skip

    execution = stack.run_batch()

    account = execution.output
    failures = stack.failures(account["run_id"])
    assert account["status"] == "PARTIAL"
    assert account["users_missing"] == 0
    assert account["rows_written"] + account["users_failed"] == USERS
    assert read_rows(stack) == expected_rows(stack)
    users = {user_id for (user_id,) in stack.query("SELECT user_id FROM users")}
    assert set(failures) == users - set(read_rows(stack))
    assert account["failed_by_reason"] == dict(Counter(failures.values()))
    assert set(failures.values()) <= {"MalformedAnswerError", "ApiRejectedError", "ApiUnreachableError"}


def test_user_that_fails_on_every_attempt_is_named_with_the_reason(stack: BackgroundStack) -> None:
    stack.set_api(users={"user-0000007": {"fault": "error_503"}, "user-0000008": {"fault": "not_found"}})

    execution = stack.run_batch()

    assert stack.failures(execution.output["run_id"]) == {
        "user-0000007": "ApiServerError",
        "user-0000008": "ApiRejectedError",
    }
    assert execution.output["rows_written"] == USERS - 2


def test_second_start_of_a_scheduled_time_does_nothing(stack: BackgroundStack) -> None:
    scheduled_time = stack.new_time()
    stack.run_batch(scheduled_time)
    stack.set_api()

    execution = stack.run_batch(scheduled_time)

    assert execution.output["status"] == "ALREADY_STARTED"
    assert stack.calls() == 0


def test_run_is_skipped_when_it_meets_another(stack: BackgroundStack) -> None:
    stack.set_api(latency_ms=200)

    first, second = stack.run_side_by_side(2)

    assert sorted(execution.output["status"] for execution in (first, second)) == ["COMPLETE", "SKIPPED"]
    assert stack.calls() == USERS
    assert stack.run_batch().output["status"] == "COMPLETE"


def test_ledger_holds_the_runs_account(stack: BackgroundStack) -> None:
    run_id = stack.run_batch().output["run_id"]

    (row,) = stack.query(
        "SELECT status, users_listed, rows_written, users_failed, users_missing, closed_at IS NOT NULL"
        " FROM batch_run WHERE tenant_group = 'example' AND run_id = %s",
        run_id,
    )
    assert row == ("COMPLETE", USERS, USERS, 0, 0, 1)


def test_row_that_the_table_refuses_is_a_failure_and_its_neighbours_are_written(stack: BackgroundStack) -> None:
    stack.query("ALTER TABLE loyalty_points ADD CONSTRAINT no_gold CHECK (tier <> 'gold')")
    try:
        execution = stack.run_batch()
    finally:
        stack.query("ALTER TABLE loyalty_points DROP CONSTRAINT no_gold")

    gold = {user_id for user_id, answer in stack.answers().items() if answer.tier == "gold"}
    assert gold
    assert stack.failures(execution.output["run_id"]) == dict.fromkeys(gold, "RowRefusedError")
    assert set(read_rows(stack)) == set(stack.answers()) - gold
    assert execution.output["status"] == "PARTIAL"


def test_job_whose_rows_do_not_fit_the_table_is_named(stack: BackgroundStack) -> None:
    stack.query("ALTER TABLE loyalty_points RENAME COLUMN tier TO level")
    try:
        execution = stack.run_batch()
    finally:
        stack.query("ALTER TABLE loyalty_points RENAME COLUMN level TO tier")

    assert execution.output["failed_by_reason"] == {"JobTableMismatchError": USERS}
    (document, *_) = stack.failure_documents(execution.output["run_id"])
    assert "table loyalty_points" in document["failures"][0]["detail"]


def test_api_that_does_not_answer_fails_every_user_by_name(stack: BackgroundStack) -> None:
    stack.set_api(drop_rate=1.0, sticky_share=1.0)

    execution = stack.run_batch()

    assert execution.output["status"] == "PARTIAL"
    # Those who were called for by then, and the others: the circuit opens after two seconds.
    failed = execution.output["failed_by_reason"]
    assert set(failed) <= {"ApiUnreachableError", "CircuitOpenError"}
    assert sum(failed.values()) == USERS
    assert read_rows(stack) == {}


def test_chunk_that_is_not_json_is_named(stack: BackgroundStack) -> None:
    key = "runs/20250101T000000Z/chunks/00000.json"
    stack.client("s3").put_object(Bucket=stack.stack.stack.outputs["RunBucketName"], Key=key, Body=b"not JSON")

    answer = stack.client("lambda").invoke(
        FunctionName=stack.stack.stack.outputs["SyncUsersFunctionName"],
        Payload=json.dumps({"run_id": "20250101T000000Z", "chunk": 0, "start": 0, "end": 5}),
    )

    error = json.loads(answer["Payload"].read())
    assert (answer["FunctionError"], error["errorType"]) == ("Unhandled", "ChunkUnreadableError")
    assert key in error["errorMessage"]


def test_stream_record_of_another_version_is_put_aside_and_blocks_nobody(stack: BackgroundStack) -> None:
    outputs = stack.stack.stack.outputs
    stack.client("kinesis").put_record(
        StreamName=outputs["RowStreamName"], PartitionKey="x", Data=b'{"version": 99, "rows": []}'
    )

    execution = stack.run_batch()

    assert execution.output["status"] == "COMPLETE"
    rejected = stack.client("s3").list_objects_v2(Bucket=outputs["RunBucketName"], Prefix="rejected/")["Contents"]
    body = stack.client("s3").get_object(Bucket=outputs["RunBucketName"], Key=rejected[-1]["Key"])["Body"].read()
    assert "version 99" in json.loads(body)["detail"]


@pytest.mark.parametrize("event", [None, [], {}, {"run_id": "../x", "chunk": 0, "start": 0, "end": 1}])
def test_event_of_another_shape_is_refused_by_name(stack: BackgroundStack, event: object) -> None:
    answer = stack.client("lambda").invoke(
        FunctionName=stack.stack.stack.outputs["SyncUsersFunctionName"], Payload=json.dumps(event)
    )

    assert json.loads(answer["Payload"].read())["errorType"] == "InvalidEventError"


def test_database_that_is_down_is_named_and_the_next_run_is_whole(stack: BackgroundStack) -> None:
    mariadb = stack.stack.mariadb
    assert mariadb is not None
    stack.do(mariadb.kill())

    execution = stack.run_batch()

    stack.do(mariadb.restart())
    assert (execution.status, execution.error) == ("FAILED", "DatabaseUnavailableError")
    assert f"database 127.0.0.1:{mariadb.address.port}" in (execution.cause or "")
    assert stack.run_batch().output["status"] == "COMPLETE"
    assert read_rows(stack) == expected_rows(stack)


def test_dry_run_calls_for_its_users_and_leaves_tables_stream_and_ledger_as_they_were(stack: BackgroundStack) -> None:
    ledger = "SELECT COUNT(*) FROM batch_run"
    runs, records = stack.query(ledger), stack.stream_records()

    execution = stack.run_dry(users=100)

    assert execution.output["status"] == "DRY_RUN"
    assert (execution.output["users_listed"], execution.output["users_synced"]) == (100, 100)
    assert stack.calls() == 100
    assert read_rows(stack) == {}
    assert (stack.query(ledger), stack.stream_records()) == (runs, records)


def test_dry_run_fails_and_keeps_the_reasons_when_the_api_refuses(stack: BackgroundStack) -> None:
    stack.set_api(not_found_rate=1)

    execution = stack.run_dry(users=50)

    assert (execution.status, execution.error) == ("FAILED", "DryRunFailed")
    run_id = (execution.cause or "").split()[1].removesuffix(":")
    assert set(stack.failures(run_id).values()) == {"ApiRejectedError"}
    assert len(stack.failures(run_id)) == 50


def test_smoke_run_waits_for_the_dry_run_and_hands_on_its_account(stack: BackgroundStack) -> None:
    execution = stack.smoke_run(users=60)

    assert (execution.status, execution.output["status"]) == ("SUCCEEDED", "DRY_RUN")
    assert execution.output["users_synced"] == 60
    assert stack.calls() == 60


def test_smoke_run_fails_with_the_reason_when_the_dry_run_does(stack: BackgroundStack) -> None:
    stack.set_api(not_found_rate=1)

    execution = stack.smoke_run(users=10)

    assert (execution.status, execution.error) == ("FAILED", "DryRunFailed")
    assert "0 of 10 users" in (execution.cause or "")
