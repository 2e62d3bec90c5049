"""What a run leaves for operators holds nothing that the partner answered, and no user id where these are hashed."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from express_batch.user_ids import hash_user_id

from batchctl.local.options import LocalOptions
from tests.local.background_stack import BackgroundStack

FUNCTIONS = ("ListUsers", "SyncUsers", "WriteRows", "CloseRun")
# Words of the stand-in's answers, good (emulator/partner_api/answers.py) and malformed (malformed.py).
ANSWERED = ("bronze", "silver", "gold", "platinum", "diamond-and-then-some", "Scheduled maintenance")
USER_ID = re.compile(r"user-\d{7}")  # as the users of a local run are called


@dataclass(frozen=True)
class Left:
    """What is there when a run has ended."""

    account: dict[str, Any]
    logs: list[str]  # metrics are among them
    traces: list[str]
    objects: dict[str, str]
    answered_times: set[str]


@pytest.fixture(scope="module")
def left() -> Left:
    """A run with answers of every kind, ids hashed, everything logged and traced that can be."""
    parameters = {
        "UserIdsInLogs": "hashed",
        "LogLevel": "DEBUG",
        "TracedCallsPerInvocation": "20",
        "PartnerApiTimeoutSeconds": "1",
        "SyncUsersTimeoutSeconds": "20",
    }
    options = LocalOptions(users=400, users_per_invocation=40, api_latency_ms=5, parameters=parameters)
    with BackgroundStack(options) as stack:
        stack.set_api(
            malformed_rate=0.2, not_found_rate=0.03, error_rate=0.03, drop_rate=0.03, throttle_rate=0.03,
            sticky_share=0.5, retry_after_seconds=0,
        )  # fmt: skip
        account = stack.run_batch().output
        return Left(
            account,
            stack.log_lines(*FUNCTIONS),
            [document for documents in stack.traces().values() for document in documents],
            stack.objects("runs/"),
            {answer.updated_at for answer in stack.answers().values()},
        )


def find(words: tuple[str, ...], texts: list[str]) -> list[str]:
    return [text for text in texts for word in words if word in text]


def test_run_failed_in_every_way_that_an_answer_can(left: Left) -> None:
    """Or the others would prove nothing."""
    assert set(left.account["failed_by_reason"]) >= {
        "ApiRejectedError", "ApiServerError", "ApiUnreachableError", "MalformedAnswerError", "RowRefusedError",
    }  # fmt: skip
    assert len(left.answered_times) > 100
    assert find(('"CallLatency"',), left.logs)
    assert find(('"partner API"',), left.traces)


def test_nothing_of_an_answer_is_left_but_the_rows(left: Left) -> None:
    words = (*ANSWERED, *left.answered_times)
    objects = [body for key, body in left.objects.items() if "/chunks/" not in key]

    assert find(words, left.logs) == []
    assert find(words, left.traces) == []
    assert find(words, objects) == []


def test_user_ids_are_left_in_chunks_and_failure_records_alone_when_they_are_hashed(left: Left) -> None:
    told = [*left.logs, *left.traces]
    others = [body for key, body in left.objects.items() if "/chunks/" not in key and "/failures/" not in key]

    assert [text for text in [*told, *others] if USER_ID.search(text)] == []
    failed = {user for key, body in left.objects.items() if "/failures/" in key for user in USER_ID.findall(body)}
    assert len(failed) == left.account["users_failed"]
    assert find(tuple(hash_user_id("example", user) for user in failed), left.logs)
    assert find(('"user_id"',), left.traces)
