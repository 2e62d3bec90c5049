"""The function MigrateSchema: as CloudFormation calls it, and as an operator does."""

import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.errors import StepTimeError
from batchctl.migrate.steps import read_steps
from tests.database.server import ROOT
from tests.database.steps import ADD_PRICE, CREATE_PLANS, MIGRATIONS, WriteStep, states

FUNCTION = ROOT / "functions" / "migrate_schema"
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:express-batch-blue-migrations"

Answers = list[dict[str, Any]]


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def answers() -> Iterator[tuple[str, Answers]]:
    """The URL that CloudFormation would give, and the answers put there."""
    received: Answers = []

    class Bucket(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            assert not self.headers.get("Content-Type"), "the URL is signed for none"
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            refusals = int(self.path.partition("?refusals=")[2] or 0)
            self.send_response(200 if len(received) > refusals else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/answer", received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[DatabaseTarget, Path], ModuleType]:
    """Imports the handler as Lambda does, with the environment of the template."""

    def load(target: DatabaseTarget, folder: Path) -> ModuleType:
        variables = {
            "TENANT_GROUP": "blue",
            "DATABASE_HOST": target.host,
            "DATABASE_PORT": str(target.port),
            "DATABASE_NAME": target.name,
            "DATABASE_USER": target.user,
            "DATABASE_AUTH": "password",
            "DATABASE_TLS": "off",
            "DATABASE_PASSWORD": target.make_password(),
            "MIGRATIONS_FOLDER": str(folder),
            "POWERTOOLS_SERVICE_NAME": "migrate_schema",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.syspath_prepend(str(FUNCTION))
        monkeypatch.delitem(sys.modules, "cloudformation", raising=False)
        spec = importlib.util.spec_from_file_location("migrate_schema_app", FUNCTION / "app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def make_event(url: str, kind: str, *, steps: int = 2, old_steps: int | None = None) -> dict[str, Any]:
    event: dict[str, Any] = {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "SchemaSteps",
        "ResourceProperties": {"Steps": f"{LAYER}:{steps}"},
    }
    if old_steps is not None:
        event |= {"PhysicalResourceId": "schema-steps", "OldResourceProperties": {"Steps": f"{LAYER}:{old_steps}"}}
    return event


def test_handler_applies_the_steps_and_answers_when_the_stack_is_created(
    target: DatabaseTarget, answers: tuple[str, Answers], load: Callable[[DatabaseTarget, Path], ModuleType]
) -> None:
    url, received = answers

    load(target, MIGRATIONS).lambda_handler(make_event(url, "Create"), Context())

    assert received == [
        {
            "Status": "SUCCESS",
            "Reason": "",
            "PhysicalResourceId": "schema-steps",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "SchemaSteps",
        }
    ]
    assert set(states(target, MIGRATIONS).values()) == {"applied"}


def test_handler_answers_with_the_step_and_the_error_when_a_step_fails(
    target: DatabaseTarget,
    answers: tuple[str, Answers],
    load: Callable[[DatabaseTarget, Path], ModuleType],
    write_step: WriteStep,
) -> None:
    url, received = answers
    folder = write_step("0001_price.sql", "ALTER TABLE plans ADD COLUMN price INT NULL").parent

    load(target, folder).lambda_handler(make_event(url, "Update", steps=3, old_steps=2), Context())

    assert received[0]["Status"] == "FAILED"
    assert received[0]["Reason"].startswith("0001_price.sql, statement 1 of 1, refused by")
    assert len(json.dumps(received[0])) <= 4096


def test_handler_answers_with_the_file_when_an_applied_step_was_edited(
    target: DatabaseTarget,
    answers: tuple[str, Answers],
    load: Callable[[DatabaseTarget, Path], ModuleType],
    write_step: WriteStep,
) -> None:
    # GIVEN a step that a deployment applied
    url, received = answers
    path = write_step("0001_plans.sql", CREATE_PLANS)
    handler = load(target, path.parent)
    handler.lambda_handler(make_event(url, "Create"), Context())

    # WHEN the next deployment brings it with another text
    write_step("0001_plans.sql", CREATE_PLANS.replace("16", "32"))
    handler.lambda_handler(make_event(url, "Update", steps=3, old_steps=2), Context())

    # THEN that deployment fails, for that file
    assert [answer["Status"] for answer in received] == ["SUCCESS", "FAILED"]
    assert "0001_plans.sql" in received[1]["Reason"]
    assert "edited" in received[1]["Reason"]


def test_handler_goes_on_at_the_step_that_failed_when_it_was_corrected(
    target: DatabaseTarget,
    answers: tuple[str, Answers],
    load: Callable[[DatabaseTarget, Path], ModuleType],
    write_step: WriteStep,
) -> None:
    # GIVEN a deployment whose second step the database refused
    url, received = answers
    folder = write_step("0001_plans.sql", CREATE_PLANS).parent
    write_step("0002_price.sql", ADD_PRICE.replace("plans", "plan"))
    handler = load(target, folder)
    handler.lambda_handler(make_event(url, "Update", steps=3, old_steps=2), Context())
    assert states(target, folder) == {"0001_plans": "applied", "0002_price": "failed"}

    # WHEN the stack has rolled back, and the next deployment brings the corrected file
    handler.lambda_handler(make_event(url, "Update", steps=2, old_steps=3), Context())
    write_step("0002_price.sql", ADD_PRICE)
    handler.lambda_handler(make_event(url, "Update", steps=4, old_steps=2), Context())

    # THEN only what was missing is applied
    assert [answer["Status"] for answer in received] == ["FAILED", "SUCCESS", "SUCCESS"]
    assert received[0]["Reason"].startswith("0002_price.sql, statement 1 of 1, refused by")
    assert states(target, folder) == {"0001_plans": "applied", "0002_price": "applied"}


def test_handler_answers_again_when_s3_refuses_the_first_time(
    target: DatabaseTarget,
    answers: tuple[str, Answers],
    load: Callable[[DatabaseTarget, Path], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, received = answers
    handler = load(target, MIGRATIONS)
    pauses: list[float] = []
    monkeypatch.setattr(sys.modules["cloudformation"].time, "sleep", pauses.append)

    handler.lambda_handler(make_event(f"{url}?refusals=2", "Delete"), Context())

    assert [answer["Status"] for answer in received] == ["SUCCESS"] * 3
    assert len(pauses) == 2


def test_handler_lets_a_failed_update_roll_back_when_the_database_is_gone(
    target: DatabaseTarget, answers: tuple[str, Answers], load: Callable[[DatabaseTarget, Path], ModuleType]
) -> None:
    url, received = answers

    load(replace(target, port=1), MIGRATIONS).lambda_handler(make_event(url, "Update", steps=2, old_steps=3), Context())

    assert received[0]["Status"] == "SUCCESS"


def test_handler_keeps_every_table_when_the_stack_is_deleted(
    target: DatabaseTarget, answers: tuple[str, Answers], load: Callable[[DatabaseTarget, Path], ModuleType]
) -> None:
    url, received = answers
    handler = load(target, MIGRATIONS)
    handler.lambda_handler({}, Context())

    handler.lambda_handler(make_event(url, "Delete"), Context())

    assert received[0]["Status"] == "SUCCESS"
    assert set(states(target, MIGRATIONS).values()) == {"applied"}


def test_handler_answers_when_something_unforeseen_happens(
    target: DatabaseTarget,
    answers: tuple[str, Answers],
    load: Callable[[DatabaseTarget, Path], ModuleType],
    write_step: WriteStep,
) -> None:
    # CloudFormation waits for an hour where nobody answers.
    url, received = answers
    path = write_step("0001_plans.sql", "")
    path.write_bytes(b"\xff\xfe no UTF-8")

    with pytest.raises(UnicodeDecodeError):
        load(target, path.parent).lambda_handler(make_event(url, "Create"), Context())

    assert received[0]["Status"] == "FAILED"
    assert received[0]["Reason"].startswith("UnicodeDecodeError")


def test_handler_lists_and_applies_when_an_operator_calls_it(
    target: DatabaseTarget, load: Callable[[DatabaseTarget, Path], ModuleType]
) -> None:
    handler = load(target, MIGRATIONS)
    ids = [step.step_id for step in read_steps(MIGRATIONS)]

    assert handler.lambda_handler({"status": True}, Context()) == {"steps": dict.fromkeys(ids, "pending")}
    assert handler.lambda_handler({}, Context()) == {"applied": ids, "already_applied": 0}


def test_handler_begins_no_step_that_could_outlast_it(
    target: DatabaseTarget, load: Callable[[DatabaseTarget, Path], ModuleType]
) -> None:
    # GIVEN an invocation whose time goes by while the first step runs
    class LateContext:
        seconds_left = iter([60, 60, 60])

        def get_remaining_time_in_millis(self) -> int:
            return next(self.seconds_left, 45) * 1000

    # WHEN it applies the steps
    with pytest.raises(StepTimeError, match=r"no time left for applying 0002_batch_write\.sql"):
        load(target, MIGRATIONS).lambda_handler({}, LateContext())

    # THEN the others wait for the next run
    first, *others = states(target, MIGRATIONS).values()
    assert (first, set(others)) == ("applied", {"pending"})


def test_layer_has_what_the_handler_imports_and_no_command_line(tmp_path: Path) -> None:
    # GIVEN the modules that the Makefile names, beside nothing else of batchctl
    makefile = (ROOT / "batchctl" / "migrate" / "Makefile").read_text()
    (names,) = (line.split(":=")[1].split() for line in makefile.splitlines() if line.startswith("MODULES"))
    package = tmp_path / "batchctl" / "migrate"
    package.mkdir(parents=True)
    for name in names:
        shutil.copy(ROOT / "batchctl" / "migrate" / f"{name}.py", package)

    # THEN each can be imported from there
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import importlib\n" + "\n".join(
        f"assert importlib.import_module('batchctl.migrate.{name}').__file__.startswith({str(tmp_path)!r})"
        for name in names
        if name != "__init__"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "commands" not in names
