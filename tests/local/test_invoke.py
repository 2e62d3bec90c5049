"""`batchctl invoke` as a person runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from batchctl.invoke.one_invocation import invoke_prepared
from tests.local.background_stack import BackgroundStack

ROOT = Path(__file__).resolve().parents[2]


def invoke(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The ended command."""
    command = [sys.executable, "-m", "batchctl", "invoke", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)


def test_invoke_prints_the_answer_alone_when_the_function_succeeds() -> None:
    done = invoke("close_run")

    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["users_listed"], answer["rows_written"]) == ("COMPLETE", 5, 5)


def test_invoke_gives_the_stack_migrate_schema_when_that_is_invoked() -> None:
    done = invoke("migrate_schema")

    assert (done.returncode, done.stderr) == (0, "")
    steps = [path.stem for path in sorted((ROOT / "migrations").glob("*.sql"))]
    assert json.loads(done.stdout) == {"steps": dict.fromkeys(steps, "applied")}


def test_invoke_ends_with_one_and_the_error_when_the_function_fails(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"run_id": "20261122T083000Z", "chunk": 7, "start": 0, "end": 5}')

    done = invoke("sync_users", "--event", str(event), "--logs")

    assert done.returncode == 1
    assert json.loads(done.stdout)["errorType"] == "ChunkUnreadableError"
    *log, said = done.stderr.splitlines()
    assert said.startswith(
        "error: sync_users failed with ChunkUnreadableError: runs/20261122T083000Z/chunks/00007.json"
    )
    assert log[0].startswith("START RequestId: ")
    assert any(line.startswith("REPORT RequestId: ") for line in log)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], ["nobody", "migrate_schema, list_users, sync_users, write_rows, close_run"]),
        (["list_users", "--event", "events/gone.json"], ["events/gone.json", "No such file"]),
        (["list_users", "--event", "README.md"], ["README.md", "no JSON at line 1"]),
        (["list_users", "--users", "0"], ["--users", "1 to 1,000,000"]),
    ],
)
def test_invoke_says_in_one_line_what_is_wrong(arguments: list[str], words: list[str]) -> None:
    done = invoke(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_invoke_names_the_step_that_failed_before_the_functions_turn(stack: BackgroundStack) -> None:
    event = {"run_id": "20250202T020000Z", "users_listed": 9999, "chunks": [{"chunk": 0, "user_count": 9999}]}

    with pytest.raises(Exception, match="cannot invoke close_run: before it, sync_users failed with ChunkUnreadable"):
        stack.do(invoke_prepared(stack.stack, "close_run", event))
