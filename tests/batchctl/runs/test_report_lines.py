"""Lambda's own lines, as text and as JSON."""

import json

import pytest

from batchctl.runs.ports import LogLine
from batchctl.runs.report_lines import read_reports

ID = "8f5d3c5a-1111-4222-8333-444455556666"
FIGURES = (
    f"REPORT RequestId: {ID}\tDuration: 812.55 ms\tBilled Duration: 1013 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 97 MB\t"
)


def lines(*messages: str, stream: str = "s") -> list[LogLine]:
    return [LogLine(100.0 + number, stream, message) for number, message in enumerate(messages)]


def json_report(**changes: object) -> str:
    metrics = {"durationMs": 812.55, "billedDurationMs": 1013, "memorySizeMB": 512, "maxMemoryUsedMB": 97}
    record = {"requestId": ID, "metrics": metrics, "status": "success", **changes}
    return json.dumps({"time": "2026-11-22T08:30:00.000Z", "type": "platform.report", "record": record})


@pytest.mark.parametrize(
    "message",
    [
        FIGURES + "Init Duration: 200.10 ms\tXRAY TraceId: 1-5f-2\tSegmentId: 3\tSampled: true\t",
        json_report(
            metrics={
                "durationMs": 812.55, "billedDurationMs": 1013, "memorySizeMB": 512, "maxMemoryUsedMB": 97,
                "initDurationMs": 200.1,
            },
            tracing={"value": "Root=1-5f-2;Parent=3;Sampled=1"},
        ),
    ],
)  # fmt: skip
def test_read_reports_gives_all_figures_in_both_formats(message: str) -> None:
    [report] = read_reports("SyncUsers", lines(message))

    assert (report.function, report.request_id, report.ended_at) == ("SyncUsers", ID, 100.0)
    assert (report.duration_ms, report.billed_ms, report.memory_mb, report.max_memory_mb) == (812.55, 1013, 512, 97)
    assert (report.init_ms, report.trace_id, report.error_type) == (200.1, "1-5f-2", None)


@pytest.mark.parametrize(
    ("messages", "kind", "words"),
    [
        (
            [f"2026-11-22T08:30:20.000Z {ID} Task timed out after 20.00 seconds", FIGURES + "Status: timeout\t"],
            "Sandbox.Timedout",
            "Task timed out after 20.00 seconds",
        ),
        ([json_report(status="timeout")], "Sandbox.Timedout", None),
        (
            [
                f"RequestId: {ID} Error: Runtime exited with error: exit status 1\nRuntime.ExitError",
                FIGURES + "Status: error\tError Type: Runtime.ExitError\t",
            ],
            "Runtime.ExitError",
            "Runtime exited with error: exit status 1",
        ),
        (
            ["[ERROR] ValueError: no such thing\rTraceback (most recent call last):\r", FIGURES],
            "ValueError",
            "no such thing",
        ),
        (
            [
                json.dumps({"errorType": "ValueError", "errorMessage": "no", "requestId": ID, "stackTrace": []}),
                json_report(status="error", errorType="Runtime.Unknown"),
            ],
            "ValueError",
            "no",
        ),
        ([json_report(status="error", errorType="Runtime.OutOfMemory")], "Runtime.OutOfMemory", None),
    ],
)
def test_read_reports_names_the_error(messages: list[str], kind: str, words: str | None) -> None:
    [report] = read_reports("SyncUsers", lines(*messages))

    assert (report.error_type, report.error_message) == (kind, words)


def test_read_reports_gives_an_error_to_the_invocation_of_its_own_stream() -> None:
    mixed = [
        LogLine(1.0, "a", "[ERROR] ValueError: of a\r"),
        LogLine(2.0, "b", FIGURES.replace(ID, "of-b")),
        LogLine(3.0, "a", FIGURES.replace(ID, "of-a")),
        LogLine(4.0, "a", FIGURES.replace(ID, "next-of-a")),
    ]

    found = {report.request_id: report.error_type for report in read_reports("SyncUsers", mixed)}

    assert found == {"of-b": None, "of-a": "ValueError", "next-of-a": None}


def test_read_reports_gives_a_time_out_that_is_told_after_the_report_to_the_invocation_it_names() -> None:
    later = lines(
        FIGURES, f"2026-11-22T08:30:20.000Z {ID} Task timed out after 20.00 seconds", FIGURES.replace(ID, "next")
    )

    assert [report.error_type for report in read_reports("SyncUsers", later)] == ["Sandbox.Timedout", None]


def test_read_reports_passes_over_what_is_no_line_of_lambda() -> None:
    assert (
        read_reports(
            "SyncUsers",
            lines(
                "{",
                "{}",
                "[]",
                "INIT_START",
                '{"type": "platform.report"}',
                '{"type": "platform.report", "record": []}',
                "",
            ),
        )
        == []
    )
