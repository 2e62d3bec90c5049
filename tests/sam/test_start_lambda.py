"""`sam local start-lambda`: the whole run by boto3, function after function, in warm containers."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from batchctl.invoke.functions import MIGRATE_SCHEMA
from tests.sam.run_state import FUNCTIONS, STEPS, Invoke, RunState, read_sample
from tests.sam.sam_local import SamLocal

ANSWERS = {
    "list_users": {
        "run_id": "20261122T083000Z",
        "started": True,
        "users_listed": 5,
        "chunks": [{"chunk": 0, "user_count": 5}],
    },
    "sync_users": {"synced": 5, "failed": 0},
    "write_rows": {"batchItemFailures": []},
    "close_run": {
        "run_id": "20261122T083000Z",
        "status": "COMPLETE",
        "users_listed": 5,
        "rows_written": 5,
        "users_failed": 0,
        "users_missing": 0,
        "failed_by_reason": {},
    },
    "migrate_schema": {"steps": dict.fromkeys(STEPS, "applied")},
}


@pytest.fixture(scope="module")
def client(sam_local: SamLocal) -> Iterator[Any]:
    """boto3's Lambda client of the endpoint that SAM CLI serves."""
    with sam_local.start_lambda() as url:
        yield boto3.client(
            "lambda",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"max_attempts": 0}, read_timeout=60),
        )


def test_sample_events_in_the_order_of_the_data_are_a_complete_run(client: Any, state: RunState) -> None:
    answers = {name: _invoke(client, logical_id, read_sample(name)) for name, logical_id in FUNCTIONS.items()}

    assert answers == ANSWERS
    assert state.ledger() == [("20261122T083000Z", "COMPLETE", 5, 5, 0, 0)]


# An empty event is MigrateSchema's usual one.
@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != MIGRATE_SCHEMA])
def test_event_of_another_shape_is_the_same_error_as_in_the_emulator(
    client: Any, in_emulator: Invoke, function: str
) -> None:
    error = _invoke(client, FUNCTIONS[function], {})

    emulated = in_emulator(function, {})
    assert error["errorType"] == emulated["errorType"] == "InvalidEventError"
    assert error["errorMessage"] == emulated["errorMessage"]


def test_container_lives_on_after_an_error(client: Any, state: RunState) -> None:
    error = _invoke(client, "SyncUsersFunction", {})
    _invoke(client, "ListUsersFunction", read_sample("list_users"))

    answer = _invoke(client, "SyncUsersFunction", read_sample("sync_users"))

    # SAM CLI leaves out FunctionError, so the answer itself has to say it.
    assert error["errorType"] == "InvalidEventError"
    assert answer == ANSWERS["sync_users"]
    assert len(state.objects()) == 4  # whose turn it is, started, listing, one chunk


def _invoke(client: Any, logical_id: str, event: Any) -> Any:
    return json.loads(client.invoke(FunctionName=logical_id, Payload=json.dumps(event))["Payload"].read())
