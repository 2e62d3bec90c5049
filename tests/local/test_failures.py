"""What the writer could not take, on a whole stack: found, named, put again, thrown away."""

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from express_batch.run_layout import make_run_id

from batchctl.failures.failed_batches import hold_batches
from batchctl.local.options import LocalOptions
from tests.fakes.deliveries import make_record, points_row
from tests.local.background_stack import BackgroundStack
from tests.local.operator_command import OperatorCommand
from tests.local.test_whole_runs import expected_rows, read_rows

USERS = 400
LOST = 100  # the users of chunk 0


@pytest.fixture(scope="module")
def own_stack() -> Iterator[BackgroundStack]:
    """400 users in chunks of 100 and slices of 30; the mapping gives a failing record up at once."""
    parameters = {
        "ChunkSize": "100",
        "CloseRunWaitSeconds": "2",
        "WriteRetryAttempts": "0",
        "StreamRetentionHours": "24",
    }
    options = LocalOptions(users=USERS, users_per_invocation=30, api_latency_ms=1, parameters=parameters)
    with BackgroundStack(options) as stack:
        yield stack


@pytest.fixture
def stack(own_stack: BackgroundStack) -> BackgroundStack:
    """The stack without rows, and with nothing stuck."""
    own_stack.set_api()
    own_stack.query("DELETE FROM loyalty_points")
    outputs = own_stack.stack.stack.outputs
    with hold_batches(own_stack.client("sqs"), outputs["FailedRecordsQueueUrl"]) as held:  # a purge is one a minute
        for batch in held.batches:
            held.remove(batch)
    store, bucket = own_stack.client("s3"), outputs["RunBucketName"]
    for item in store.list_objects_v2(Bucket=bucket, Prefix="rejected/").get("Contents", []):
        store.delete_object(Bucket=bucket, Key=item["Key"])
    return own_stack


@pytest.fixture
def batchctl(stack: BackgroundStack, tmp_path: Path) -> OperatorCommand:
    """The command beside the stack."""
    return OperatorCommand(tmp_path, stack)


def lose_chunk(stack: BackgroundStack) -> str:
    """The id of a run whose chunk 0 the database refused for longer than the mapping tries."""
    scheduled_time = stack.new_time()
    run_id = make_run_id(scheduled_time)
    stack.query(f"ALTER TABLE batch_write ADD CONSTRAINT refuses CHECK (chunk > 0 OR run_id <> '{run_id}')")
    try:
        execution = stack.run_batch(scheduled_time)
    finally:
        stack.query("ALTER TABLE batch_write DROP CONSTRAINT refuses")
    assert (execution.status, execution.error) == ("FAILED", "RunIncomplete")
    return run_id


def wait_for_rows(stack: BackgroundStack, count: int) -> None:
    """Until WriteRows has written so many."""
    deadline = time.monotonic() + 30
    while len(read_rows(stack)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(read_rows(stack)) == count


def send_message(stack: BackgroundStack, body: str) -> None:
    stack.client("sqs").send_message(QueueUrl=stack.stack.stack.outputs["FailedRecordsQueueUrl"], MessageBody=body)


def test_replay_writes_exactly_what_was_lost_and_empties_the_queue(
    stack: BackgroundStack, batchctl: OperatorCommand
) -> None:
    # GIVEN records that were given up
    run_id = lose_chunk(stack)
    assert len(read_rows(stack)) == USERS - LOST
    told = batchctl("failures", "list", "--run", run_id, "--json").answer
    assert told["remaining"] == {"batches": 4, "records": 4, "rejected": 0}
    assert {(one["reason"], *one["run_ids"]) for one in told["stuck"]} == {("RetryAttemptsExhausted", run_id)}
    assert sum(one["users"] for one in told["stuck"]) == LOST
    stack.set_api()

    # WHEN they are put again
    told = batchctl("failures", "replay", "--run", run_id, "--json")

    # THEN
    assert (told.status, told.errors) == (0, "")
    assert told.answer["remaining"] == {"batches": 0, "records": 0, "rejected": 0}
    wait_for_rows(stack, USERS)
    assert stack.calls() == 0
    told = batchctl("redrive", run_id, "--json")
    assert (told.status, told.answer["users_left"]) == (0, 0)
    assert stack.calls() == 0


def test_redrive_and_replay_of_the_same_users_harm_nobody(stack: BackgroundStack, batchctl: OperatorCommand) -> None:
    run_id = lose_chunk(stack)
    stack.set_api(changing=True)
    assert batchctl("redrive", run_id, "--json").answer["redrive"]["rows_written"] == LOST
    newer = expected_rows(stack)

    batchctl("failures", "replay", "--json")

    # The older answers travel behind the newer ones and lose.
    run = stack.run_batch()
    assert run.output["status"] == "COMPLETE"
    assert len(newer) == LOST
    assert read_rows(stack) == expected_rows(stack)


def test_show_names_run_chunk_users_and_why(stack: BackgroundStack, batchctl: OperatorCommand) -> None:
    run_id = lose_chunk(stack)

    told = batchctl("failures", "show", "--run", run_id, "--json").answer

    users = [user for one in told["stuck"] for piece in one["pieces"] for user in piece["user_ids"]]
    assert len(set(users)) == LOST
    assert all(user.startswith("user-") for user in users)
    assert {piece["chunk"] for one in told["stuck"] for piece in one["pieces"]} == {0}
    assert re.match("WriteRows was tried [0-9]+ times, last of all Unhandled", told["stuck"][0]["why"])
    text = batchctl("failures", "show", told["stuck"][0]["name"][:13]).answer
    assert told["stuck"][0]["pieces"][0]["user_ids"][0] in text


def test_looking_leaves_the_messages_to_others(stack: BackgroundStack, batchctl: OperatorCommand) -> None:
    lose_chunk(stack)

    first = batchctl("failures", "list", "--json").answer

    assert batchctl("failures", "list", "--json").answer == first


def test_records_that_the_stream_keeps_no_more_are_named_with_the_redrive(
    stack: BackgroundStack, batchctl: OperatorCommand
) -> None:
    run_id = stack.run_batch().output["run_id"]
    batch = {"shardId": "shardId-000000000000", "startSequenceNumber": "1", "endSequenceNumber": "2", "batchSize": 2,
             "approximateArrivalOfFirstRecord": "2036-11-22T08:30:01Z"}  # fmt: skip
    context = {"requestId": "r", "condition": "RecordAgeExpired", "approximateInvokeCount": 3}
    send_message(stack, json.dumps({"requestContext": context, "KinesisBatchInfo": batch}))

    told = batchctl("failures", "replay", "--json")

    assert told.status == 1
    assert told.answer["replayed"] == []
    assert told.answer["remaining"] == {"batches": 1, "records": 2, "rejected": 0}
    assert f"batchctl redrive {run_id}" in told.answer["kept"][0]["remedy"]
    assert "no longer in the stream" in told.errors


def test_discard_throws_away_what_is_named_and_nothing_else(stack: BackgroundStack, batchctl: OperatorCommand) -> None:
    send_message(stack, "hello")
    send_message(stack, "good-bye")
    names = [one["name"] for one in batchctl("failures", "list", "--json").answer["stuck"]]

    told = batchctl("failures", "discard", names[0], "--yes", "--json").answer

    assert [one["name"] for one in told["discarded"]] == [names[0]]
    assert [one["name"] for one in batchctl("failures", "list", "--json").answer["stuck"]] == [names[1]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["discard"], "discard what?"),
        (["discard", "--all"], "give --yes"),
        (["replay", "nothing"], "'nothing' is no stuck batch or record"),
        (["show", "--run", "20200101T000000Z"], "the bucket holds no such run"),
    ],
)
def test_wrong_usage_is_told_in_a_line(batchctl: OperatorCommand, arguments: list[str], words: str) -> None:
    told = batchctl("failures", *arguments)

    assert (told.status, told.answer, len(told.errors.splitlines())) == (2, "", 1)
    assert words in told.errors


def put_rejected(stack: BackgroundStack, data: bytes) -> None:
    body: dict[str, Any] = {"reason": "InvalidEventError", "detail": "version 1, this function reads 0"}
    stack.client("s3").put_object(
        Bucket=stack.stack.stack.outputs["RunBucketName"],
        Key="rejected/shardId-000000000000/495.json",
        Body=json.dumps({**body, "data": base64.b64encode(data).decode()}).encode(),
    )


def test_rejected_record_is_written_when_this_release_reads_it(
    stack: BackgroundStack, batchctl: OperatorCommand
) -> None:
    put_rejected(stack, make_record([points_row(0, user_id="user-0000000")]))

    told = batchctl("failures", "replay", "shardId-000000000000/495", "--json")

    assert (told.status, told.answer["remaining"]["rejected"]) == (0, 0)
    wait_for_rows(stack, 1)


def test_rejected_record_stays_when_this_release_cannot_read_it_either(
    stack: BackgroundStack, batchctl: OperatorCommand
) -> None:
    put_rejected(stack, b'{"version": 99}')

    told = batchctl("failures", "replay", "--json")

    assert (told.status, told.answer["remaining"]["rejected"]) == (1, 1)
    told = batchctl("failures", "discard", "--reason", "InvalidEventError", "--yes", "--json")
    assert told.answer["remaining"]["rejected"] == 0


def test_list_counts_failed_users_by_run_function_and_reason(stack: BackgroundStack, batchctl: OperatorCommand) -> None:
    stack.set_api(users={f"user-{number:07d}": {"fault": "not_found"} for number in (1, 2, 150)})
    run_id = stack.run_batch().output["run_id"]

    told = batchctl("failures", "list", "--run", run_id, "--json").answer
    shown = batchctl("failures", "show", "--run", run_id, "--limit", "2", "--json").answer

    assert told["users"] == [{"run_id": run_id, "function": "SyncUsers", "reason": "ApiRejectedError", "count": 3}]
    assert batchctl("failures", "list", "--run", run_id, "--reason", "X", "--json").answer["users"] == []
    assert [user["user_id"] for user in shown["users"]] == ["user-0000001", "user-0000002"]
    assert shown["users_in_all"] == 3
    assert "404" in shown["users"][0]["detail"]
