"""The commands as somebody types them, over a made-up run or past runs."""

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
from express_batch.user_ids import hash_user_id

from batchctl.main import main
from batchctl.runs import commands, target
from batchctl.runs.archive import Archive
from batchctl.runs.findings import find_all
from batchctl.runs.target import ArchiveTarget, LiveTarget
from tests.batchctl.runs.made_up_run import GROUP, RUN_ID, MadeUpRun, make_data, make_head
from tests.batchctl.runs.test_findings import failed_user, group


class _Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str) -> _Result:
    """What batchctl's entry point does with this command line."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["batchctl", *arguments]),
        patch.dict("os.environ", {"COLUMNS": "200"}),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return _Result(int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue())


@pytest.fixture
def live() -> Iterator[MadeUpRun]:
    """A stack with one run, three of whose users failed."""
    made_up = MadeUpRun().play(status="PARTIAL", failed=3)
    made_up.fail_users(0, 0, [3, 4, 9])
    with patch.object(commands, "open_target", lambda *_, **__: LiveTarget(made_up.source)):
        yield made_up


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Archive]:
    """The archive of this machine, empty."""
    archive = Archive(tmp_path / "runs")
    with (
        patch.object(commands, "open_target", lambda *_, **__: ArchiveTarget(archive)),
        patch.object(commands, "REPORTS_DIR", tmp_path / "reports"),
    ):
        yield archive


def test_runs_prints_a_table_and_one_object(live: MadeUpRun) -> None:
    table, document = run("runs"), json.loads(run("runs", "--json").stdout)

    assert (table.returncode, table.stderr) == (0, "")
    assert [word in table.stdout for word in (RUN_ID, "PARTIAL", "1,000", "997", "4.0")] == [True] * 5
    [head] = document["runs"]
    assert (head["run_id"], head["status"], head["users_failed"], head["seconds"]) == (RUN_ID, "PARTIAL", 3, 4.0)
    assert head["cost_usd"] > 0


@pytest.mark.parametrize("arguments", [("runs",), ("report",), ("watch",)])
def test_commands_say_how_to_make_a_run_when_there_is_none(past: Archive, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert done.returncode == 1
    assert done.stderr.startswith("error: there are no runs on this machine yet")
    assert "`make run`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_runs_refuses_no_runs_at_all() -> None:
    done = run("runs", "--limit", "0")

    assert (done.returncode, "--limit is 0" in done.stderr) == (2, True)


def test_why_tells_reason_users_and_command(live: MadeUpRun) -> None:
    done = run("why", RUN_ID)

    assert "997 written, 3 failed, 0 missing of 1,000 in 4.0 s" in done.stdout
    assert "3 failed in SyncUsers, MalformedAnswerError: why 3\n  such as user-00003" in done.stdout
    assert f"run them again: batchctl redrive {RUN_ID} --reason MalformedAnswerError" in done.stdout


def test_why_tells_of_one_user(live: MadeUpRun) -> None:
    done = run("why", RUN_ID, "user-00004")
    document = json.loads(run("why", RUN_ID, "user-00004", "--json").stdout)

    assert done.stdout.splitlines()[:3] == [
        f"user-00004 of tenant-1 in run {RUN_ID}: failed",
        "  failed in SyncUsers, MalformedAnswerError: why 3",
        "  chunk 0, position 4, slice 0-250",
    ]
    assert (document["outcome"], document["request_id"]) == ("failed", "sync-0-0-1")


def test_why_says_that_a_user_is_unknown(live: MadeUpRun) -> None:
    done = run("why", RUN_ID, "nobody")

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: user nobody was not listed in run {RUN_ID}")


def test_why_says_that_a_run_is_unknown(live: MadeUpRun) -> None:
    done = run("why", "20200101T000000Z")

    assert done.stderr.startswith("error: run 20200101T000000Z is not in s3://run-bucket")


@pytest.mark.parametrize("arguments", [("why", RUN_ID), ("why", RUN_ID, "--json"), ("report",), ("report", "--json")])
def test_hash_user_ids_leaves_no_id_to_be_seen(live: MadeUpRun, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    more = ("--output", str(tmp_path / "r.html")) if arguments[0] == "report" else ()

    done = run(*arguments, *more, "--hash-user-ids")

    assert done.returncode == 0
    assert "user-000" not in done.stdout
    assert hash_user_id(GROUP, "user-00003") in done.stdout


def test_report_summarises_the_newest_run_and_writes_its_page(past: Archive, tmp_path: Path) -> None:
    data = make_data(head=make_head(users_failed=1), failures=[group("X", 1)], failed_users=[failed_user(0, runs=3)])
    past.save(replace(data, findings=find_all(data)))

    done = run("report")

    assert (done.returncode, done.stderr) == (0, "")
    assert "fails in each of the last 3 runs" in done.stdout
    path = tmp_path / "reports" / f"{RUN_ID}.html"
    assert RUN_ID in path.read_text()
    assert done.stdout.splitlines()[-1] == f"report: {path}"


def test_report_prints_one_object_with_the_findings(past: Archive, tmp_path: Path) -> None:
    past.save(make_data(head=make_head(status="INCOMPLETE", rows_written=9_000, users_missing=1_000)))

    document = json.loads(run("report", RUN_ID, "--json", "--output", str(tmp_path / "r.html")).stdout)

    assert (document["version"], document["head"]["status"]) == (1, "INCOMPLETE")
    assert len(document["slices"]) == 40


def test_report_names_the_file_that_cannot_be_written(past: Archive, tmp_path: Path) -> None:
    past.save(make_data())

    done = run("report", "--output", str(tmp_path))

    assert done.returncode == 1
    assert done.stderr == f"error: --output {tmp_path}: Is a directory: choose another file\n"


def test_watch_says_that_a_past_run_cannot_be_watched(past: Archive) -> None:
    past.save(make_data())

    done = run("watch")

    assert (done.returncode, f"run {RUN_ID} is past" in done.stderr) == (1, True)


def test_watch_says_that_a_run_is_unknown_when_there_never_was_one(past: Archive) -> None:
    past.save(make_data())

    done = run("watch", "20261122T999999Z")

    assert (done.returncode, "is not among the past runs" in done.stderr) == (1, True)


def test_watch_prints_lines_until_the_run_is_closed(live: MadeUpRun) -> None:
    done = run("watch", "--json")

    assert done.returncode == 0
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["PARTIAL"]
    assert "997 written, 3 failed of 1,000 in 4.0 s" in run("watch").stdout


def test_watch_fails_when_users_are_missing(live: MadeUpRun) -> None:
    live.close(status="INCOMPLETE", missing=7)

    done = run("watch")

    assert done.returncode == 1
    assert f"error: run {RUN_ID} is INCOMPLETE: `batchctl why {RUN_ID}` says why" in done.stderr


@pytest.mark.parametrize("name", ["runs", "why", "watch", "report"])
def test_help_has_an_example_and_the_shared_options(name: str) -> None:
    done = run(name, "--help")

    assert done.returncode == 0
    for word in ("Example", "--stack", "--region", "--json"):
        assert word in done.stdout
    assert target.ENDPOINTS_PATH.name == "endpoints.json"
