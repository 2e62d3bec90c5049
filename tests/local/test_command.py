"""batchctl as a person runs it: one process, its output, its exit status, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from batchctl.local.memory import list_process_tree

ROOT = Path(__file__).resolve().parents[2]
BATCHCTL = [sys.executable, "-m", "batchctl"]
MEMBERS = {
    "run_id", "status", "users_listed", "users_failed", "rows_written", "users_missing", "seconds", "users_per_second",
    "lambda_invocations", "cold_starts", "peak_memory_mb", "stream_records", "database_connections_max",
    "partner_calls_per_second",
}  # fmt: skip


def run(*arguments: str, directory: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The ended command."""
    command = [*BATCHCTL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory, timeout=300)


def start(*arguments: str, directory: Path = ROOT) -> subprocess.Popen[str]:
    """The command, under way."""
    return subprocess.Popen(
        [*BATCHCTL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=directory
    )


def wait_for_endpoints(command: subprocess.Popen[str]) -> dict[str, Any]:
    """What `local up --json` prints when it is up."""
    assert command.stdout is not None
    endpoints: dict[str, Any] = json.loads(command.stdout.readline())
    return endpoints


def assert_gone(pids: list[int]) -> None:
    """None of the processes is left; those that are ending get a moment."""
    deadline = time.monotonic() + 10
    left = pids
    while left and time.monotonic() < deadline:
        left = [pid for pid in left if Path(f"/proc/{pid}").exists()]
        time.sleep(0.05)
    assert left == []


def test_run_prints_one_object_when_asked_for_json() -> None:
    done = run("local", "run", "--users", "250", "--api-latency-ms", "1", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert set(summary) == MEMBERS
    assert set(summary["seconds"]) == {"setup", "run"}
    assert (summary["status"], summary["rows_written"], summary["users_missing"]) == ("COMPLETE", 250, 0)
    assert summary["stream_records"] == 1
    assert summary["lambda_invocations"] >= 4
    assert set(summary["partner_calls_per_second"]) == {"max", "min", "mean"}
    assert summary["partner_calls_per_second"]["max"] > 0


def test_run_succeeds_as_partial_when_faults_were_asked_for() -> None:
    done = run("local", "run", "--users", "300", "--api-latency-ms", "1", "--api-malformed-rate", "0.1", "--json")

    summary = json.loads(done.stdout)
    assert (done.returncode, summary["status"]) == (0, "PARTIAL")
    assert summary["users_failed"] > 0
    assert summary["rows_written"] + summary["users_failed"] == 300


def test_run_ends_partial_when_the_callers_own_api_does_not_answer() -> None:
    done = run("local", "run", "--users", "20", "--partner-api-url", "http://127.0.0.1:9", "--json")

    # A partner API of one's own may fail: the run is PARTIAL, and its reasons are in the failure records.
    assert json.loads(done.stdout)["users_failed"] == 20


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--tenant-group", "nobody"], 1, ["nobody", "unknown", "example"]),
        (["--users", "0"], 2, ["--users", "1 to 1,000,000"]),
        (["--api-error-rate", "1.5"], 2, ["--api-error-rate", "0 to 1"]),
        (["--users-per-invocation", "2000"], 2, ["--users-per-invocation", "1 to 1,000"]),
        (["-p", "ChunkConcurrency=41"], 1, ["ChunkConcurrency", "41", "1 to 40"]),
        (["-p", "Chunks=1"], 1, ["Chunks", "unknown"]),
        (["-p", "ChunkSize"], 2, ["--parameter", "NAME=VALUE"]),
        (["--database-url", "postgres://x"], 2, ["--database-url", "mysql://"]),
        (["--database-url", "mysql://u:p@127.0.0.1:9/x"], 1, ["127.0.0.1:9", "takes no connection as u", "is it up"]),
        (["--partner-api-url", "ftp://x"], 1, ["PartnerApiUrl", "https://"]),
    ],
)
def test_run_says_in_one_line_what_is_wrong(arguments: list[str], status: int, words: list[str]) -> None:
    done = run("local", "run", *arguments)

    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_run_says_how_to_install_mariadb_when_there_is_none(tmp_path: Path) -> None:
    program = tmp_path / "run.py"
    program.write_text(
        "import emulator.services.mariadb_template as template\n"
        "template._MORE_PLACES = ()\n"
        "import os; os.environ['PATH'] = '/nowhere'\n"
        "from batchctl.main import main\n"
        "main()\n"
    )

    done = subprocess.run(
        [sys.executable, str(program), "local", "run", "--users", "10"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: MariaDB is not installed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_takes_everything_down_when_it_is_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "endpoints.json"
    with start("local", "up", "--users", "10", "--endpoints", str(path), "--json") as command:
        endpoints = wait_for_endpoints(command)
        assert json.loads(path.read_text()) == endpoints
        assert path.stat().st_mode & 0o077 == 0
        assert set(endpoints) == {
            "gateway_url", "region", "state_machine_arn", "database", "partner_api_url", "outputs", "parameters",
        }  # fmt: skip
        assert endpoints["parameters"]["TenantGroup"] == "example"
        assert "DatabasePassword" not in endpoints["parameters"]
        assert set(endpoints["database"]) == {"host", "port", "user", "password", "name"}
        pids = list(list_process_tree(command.pid))
        assert len(pids) > 4

        command.send_signal(number)
        command.communicate()

    assert command.returncode == 130
    assert not path.exists()
    assert_gone(pids)


def test_up_leaves_nothing_when_it_is_killed(tmp_path: Path) -> None:
    with start("local", "up", "--users", "10", "--endpoints", str(tmp_path / "e.json"), "--json") as command:
        wait_for_endpoints(command)
        pids = list(list_process_tree(command.pid))

        command.kill()
        command.communicate()

    assert_gone(pids)


def test_two_stacks_run_side_by_side(tmp_path: Path) -> None:
    ups = [
        start("local", "up", "--users", "10", "--endpoints", str(tmp_path / f"{n}.json"), "--json") for n in range(2)
    ]
    try:
        first, second = (wait_for_endpoints(up) for up in ups)
        assert first["gateway_url"] != second["gateway_url"]
        assert first["database"]["port"] != second["database"]["port"]
        assert first["partner_api_url"] != second["partner_api_url"]
    finally:
        for up in ups:
            os.kill(up.pid, signal.SIGINT)
        for up in ups:
            up.communicate()
