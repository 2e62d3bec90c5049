"""What runs leave holds no secret anywhere, nothing that the partner answered but the rows, and no user id in what is
for operators where these are hashed."""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest
from express_batch.user_ids import hash_user_id

from batchctl.local.archive_run import archive_run
from batchctl.local.options import LocalOptions
from batchctl.runs.archive import Archive
from tests.local.background_stack import BackgroundStack
from tests.local.operator_command import OperatorCommand
from tests.local.project_folder import make_project

FUNCTIONS = ("ListUsers", "SyncUsers", "WriteRows", "CloseRun")
# Words of the stand-in's answers, good (emulator/partner_api/answers.py) and malformed (malformed.py).
ANSWERED = ("bronze", "silver", "gold", "platinum", "diamond-and-then-some", "Scheduled maintenance")
USER_ID = re.compile(r"user-\d{7}")  # as the users of a local run are called


TOKEN = f"partner-token-{secrets.token_hex(12)}"
# A job that signs its calls, with a token that its function alone is given; an error's text holds it, and an answer's.
JOB = """\
import os

from job import loyalty_points

SELECT_USERS, TABLE = loyalty_points.SELECT_USERS, loyalty_points.TABLE


async def call_api(api, user):
    token = os.environ["PARTNER_API_TOKEN"]
    path = f"/v1/users/{user.user_id}/points"
    answer = await api.get_json(path, headers={"Authorization": f"Bearer {token}"})
    if user.user_id == "user-0000013":
        raise RuntimeError(f"a bug, with {token} and {answer}")
    return answer


def make_row(user, answer):
    if user.user_id.endswith("7"):
        raise ValueError(f"no, with {os.environ['PARTNER_API_TOKEN']} and {answer}")
    return loyalty_points.make_row(user, answer)
"""


@dataclass(frozen=True)
class Left:
    """What is there when a run has ended, and after it another one that could not sign in to the database."""

    account: dict[str, Any]
    logs: list[str]  # metrics are among them
    traces: list[str]
    objects: dict[str, str]
    answered_times: set[str]
    password: str
    refused: str  # how the other run ended
    everything: dict[str, str]  # {where it is: text}


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """A run with answers of every kind, ids hashed, everything logged and traced that can be."""
    parameters = {
        "UserIdsInLogs": "hashed",
        "LogLevel": "DEBUG",
        "TracedCallsPerInvocation": "20",
        "PartnerApiTimeoutSeconds": "1",
        "SyncUsersTimeoutSeconds": "20",
    }
    template = make_project(tmp_path_factory.mktemp("project"), job=JOB)
    given = f"          PARTNER_API_TOKEN: {TOKEN}\n          ROW_STREAM:"
    template.write_text(template.read_text().replace("          ROW_STREAM:", given))
    options = LocalOptions(
        users=400, users_per_invocation=40, api_latency_ms=5, template=template, parameters=parameters
    )
    with BackgroundStack(options) as stack:
        stack.set_api(
            malformed_rate=0.2, not_found_rate=0.03, error_rate=0.03, drop_rate=0.03, throttle_rate=0.03,
            sticky_share=0.5, retry_after_seconds=0,
        )  # fmt: skip
        account = stack.run_batch().output
        answered_times = {answer.updated_at for answer in stack.answers().values()}
        with _password_changed(stack):
            refused = str(stack.run_batch().cause)
        return Left(
            account,
            stack.log_lines(*FUNCTIONS),
            [document for documents in stack.traces().values() for document in documents],
            stack.objects("runs/"),
            answered_times,
            stack.stack.database.password,
            refused,
            dict(_collect(stack, account["run_id"], tmp_path_factory.mktemp("operator"))),
        )


class _password_changed:  # noqa: N801  # a block
    """Within the block the functions' password is wrong, and nobody has a connection any more."""

    def __init__(self, stack: BackgroundStack) -> None:
        address = stack.stack.database
        self._own = pymysql.connect(
            host=address.host, port=address.port, user=address.user, password=address.password, autocommit=True
        )
        self._password = address.password

    def __enter__(self) -> None:
        with self._own.cursor() as cursor:
            cursor.execute("SET PASSWORD = PASSWORD(%s)", ("another",))
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user <> 'root'"
            )
            for (connection,) in cursor.fetchall():
                cursor.execute("KILL CONNECTION %s", (connection,))

    def __exit__(self, *_: object) -> None:
        with self._own.cursor() as cursor:
            cursor.execute("SET PASSWORD = PASSWORD(%s)", (self._password,))
        self._own.close()


def _collect(stack: BackgroundStack, run_id: str, folder: Path) -> Iterator[tuple[str, str]]:
    """All that is left behind in files, at each service, and on an operator's terminal."""
    emulator = stack.stack.emulator
    stack.do(archive_run(stack.stack, run_id, Archive(folder / "archive")))
    for place in (stack.stack.work_dir, folder / "archive"):
        for path in place.rglob("*"):
            if path.is_file():
                yield f"file {path.relative_to(place)}", path.read_bytes().decode("latin-1")
    logs = stack.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            yield f"log {name}", json.dumps(page["events"])
    for execution in emulator.state_machines.executions():
        yield f"execution {execution.arn}", f"{execution.output} {execution.error} {execution.cause}"
        yield f"history {execution.arn}", repr(emulator.state_machines.history(execution.arn))
    for trace, documents in stack.traces().items():
        yield f"trace {trace}", "".join(documents)
    for key, body in stack.objects("").items():
        yield f"object {key}", body
    metrics = stack.client("cloudwatch").list_metrics()["Metrics"]
    yield "metrics", json.dumps(metrics)
    batchctl = OperatorCommand(folder, stack)
    for command in (f"report {run_id} --output {folder}/report.html", f"why {run_id}", f"failures show --run {run_id}"):
        told = batchctl(*command.split())
        yield f"batchctl {command}", f"{told.status} {told.answer} {told.errors}"
    yield "file report.html", (folder / "report.html").read_text()


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
    # The slice of the job's bug has a record without names.
    assert len(failed) == left.account["users_failed"] - left.account["failed_by_reason"]["JobFailedError"]
    assert find(tuple(hash_user_id("example", user) for user in failed), left.logs)
    assert find(('"user_id"',), left.traces)


def test_second_run_failed_because_it_could_not_sign_in(left: Left) -> None:
    """Or what it left would prove nothing."""
    assert "takes no connection" in left.refused
    assert "1045" in left.refused


def test_everything_was_looked_at(left: Left) -> None:
    kinds = {where.split()[0] for where in left.everything}
    assert kinds == {"file", "log", "execution", "history", "trace", "object", "metrics", "batchctl"}
    assert [where for where, text in left.everything.items() if where.startswith("batchctl") and text[0] != "0"] == []
    # A user's id is left in each of them where it belongs, so a secret would be seen there, too.
    assert {where.split()[0] for where, text in left.everything.items() if USER_ID.search(text)} >= {"file", "object"}
    assert "JobFailedError" in str(left.everything)


def test_no_secret_is_left_anywhere(left: Left) -> None:
    hidden = (TOKEN, left.password)

    assert [where for where, text in left.everything.items() if any(secret in text for secret in hidden)] == []
