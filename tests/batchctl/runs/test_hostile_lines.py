"""Log lines that nobody of ours has written, or that a function prints because a user's data says so."""

import json
from pathlib import Path

import pytest

from batchctl.runs.ports import LogLine
from batchctl.runs.report_lines import read_reports
from batchctl.runs.run_lines import read_lines
from batchctl.runs.target import find_up_stack
from batchctl.runs.watching import watch_run
from tests.batchctl.runs.made_up_run import RUN_ID, START, MadeUpRun
from tests.fuzz.limits import cpu_limit

REPORT = "REPORT RequestId: r\tDuration: %s ms\tBilled Duration: 2 ms\tMemory Size: %s MB\tMax Memory Used: 90 MB\t"


def line(message: str) -> LogLine:
    return LogLine(1.0, "stream", message, "event")


def test_long_word_in_a_line_does_not_hang_the_report() -> None:
    """It was searched from each of its letters to its end: 200,000 letters took minutes."""
    with cpu_limit(5.0):
        assert read_reports("SyncUsers", [line("x" * 200_000)] * 10) == []


def test_time_out_is_still_found_behind_its_request() -> None:
    lines = [line(REPORT % ("1.5", "512")), line("2026-11-22T08:30:00.000Z r Task timed out after 1.00 seconds")]

    (report,) = read_reports("SyncUsers", lines)

    assert (report.error_type, report.error_message) == ("Sandbox.Timedout", "Task timed out after 1.00 seconds")


@pytest.mark.parametrize("duration", ["1.2.3", ".", "9" * 400])
def test_report_without_figures_is_passed_over(duration: str) -> None:
    assert read_reports("SyncUsers", [line(REPORT % (duration, "512")), line(REPORT % ("1", "9" * 5000))]) == []


@pytest.mark.parametrize(
    "message",
    [
        "[" * 100_000,
        '{"message": "slice synced", "latency": {"99999": 1}}',
        '{"message": "users listed", "a": "\\ud800"}',
    ],
)
def test_line_that_is_none_of_the_contract_is_counted_and_breaks_nothing(message: str) -> None:
    assert read_lines([("SyncUsers", [line(message)])]).unreadable == 1


def test_watching_ends_when_the_claim_is_from_the_future() -> None:
    run = MadeUpRun()
    run.objects.put(f"runs/{RUN_ID}/started.json", {"execution": "e", "claimed_at": START + 1e6})

    (progress,) = watch_run(run.source, RUN_ID, now=lambda: START, sleep=lambda _: None)

    assert progress.status == "FAILED"


@pytest.mark.parametrize(
    "url", ["http://[", "http://a:99999", "http://a:x", f"http://{'a' * 64}.example", "http://\u2100"]
)
def test_file_of_a_stack_that_names_no_address_is_none(url: str, tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    path.write_text(json.dumps({"gateway_url": url, "region": "r", "outputs": {}, "parameters": {}}))

    assert find_up_stack(path) is None
