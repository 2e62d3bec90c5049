"""Lambda's own lines about its invocations: REPORT and errors, as text and as JSON.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from express_batch.outside_json import decode_json

from batchctl.runs.figures import read_count, read_mapping, read_seconds
from batchctl.runs.ports import LogLine
from batchctl.runs.run_data import InvocationReport

_REPORT = re.compile(
    r"REPORT RequestId: (?P<request_id>\S+)\s+Duration: (?P<duration>[\d.]+) ms\s+"
    r"Billed Duration: (?P<billed>[\d.]+) ms\s+Memory Size: (?P<memory>\d+) MB\s+Max Memory Used: (?P<used>\d+) MB"
)
_INIT = re.compile(r"Init Duration: ([\d.]+) ms")
_STATUS = re.compile(r"Status: (\w+)")
_ERROR_TYPE = re.compile(r"Error Type: (\S+)")
_TRACE = re.compile(r"XRAY TraceId: (\S+)")
_TRACE_ROOT = re.compile(r"Root=([^;]+)")
# awslambdaric: `[ERROR] ValueError: message`, the traceback behind it in the same event.
_TEXT_ERROR = re.compile(r"\[ERROR\]\s+(?:\S+Z\s+\S+\s+)?(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>[^\r\n]*))?")
# Bounded, as an id is: a long word of the function's own would be searched from each of its letters to its end.
_TIMED_OUT = re.compile(r"(?P<request_id>\S{1,64}) (?P<message>Task timed out after [\d.]+ seconds)")
_EXITED = re.compile(r"RequestId: (?P<request_id>\S+) Error: (?P<message>Runtime exited[^\r\n]*)")
TIMEOUT = "Sandbox.Timedout"
EXIT = "Runtime.ExitError"


@dataclass
class _Error:
    type: str
    message: str
    request_id: str | None  # None where the line does not say


def read_reports(function: str, lines: Iterable[LogLine]) -> list[InvocationReport]:
    """A report for each invocation that has ended, with the error that the log tells of it.

    An error line without a request id belongs to the next REPORT of its stream, since an environment works on one
    invocation at a time; a line with one may also come after the REPORT, as that of a time-out does.
    """
    found: list[tuple[LogLine, dict[str, Any] | re.Match[str], _Error | None]] = []
    pending: dict[str, _Error] = {}
    named: dict[str, _Error] = {}
    for line in lines:
        document = _parse_json(line.message)
        if document is not None and document.get("type") == "platform.report":
            record = document.get("record")
            found.append((line, record if isinstance(record, dict) else {}, pending.pop(line.stream, None)))
        elif (match := _REPORT.match(line.message)) is not None:
            found.append((line, match, pending.pop(line.stream, None)))
        elif (error := _read_error(line.message, document)) is not None:
            if error.request_id is None:
                pending[line.stream] = error
            else:
                named[error.request_id] = error
    reports = []
    for line, figures, before in found:
        if isinstance(figures, re.Match):
            error = named.get(figures["request_id"], before)
        else:
            error = named.get(str(figures.get("requestId")), before)
        # A line that lacks its figures, or has others than Lambda's, is passed over.
        with contextlib.suppress(KeyError, ValueError):
            reports.append(_read_report(function, line, figures, error))
    return reports


def _read_report(
    function: str, line: LogLine, figures: dict[str, Any] | re.Match[str], error: _Error | None
) -> InvocationReport:
    if isinstance(figures, re.Match):
        return _read_text_report(function, line, figures, error)
    return _read_json_report(function, line, figures, error)


def _read_text_report(function: str, line: LogLine, match: re.Match[str], error: _Error | None) -> InvocationReport:
    rest = line.message[match.end() :]
    status, error_type = _find(_STATUS, rest), _find(_ERROR_TYPE, rest)
    kind, message = _settle(status, error_type, error)
    init = _find(_INIT, rest)
    return InvocationReport(
        function=function,
        request_id=match["request_id"],
        ended_at=line.timestamp,
        duration_ms=read_seconds(float(match["duration"])),
        billed_ms=read_seconds(float(match["billed"])),
        memory_mb=read_count(int(match["memory"])),
        max_memory_mb=read_count(int(match["used"])),
        init_ms=None if init is None else read_seconds(float(init)),
        error_type=kind,
        error_message=message,
        trace_id=_find(_TRACE, rest),
        log_stream=line.stream,
    )


def _read_json_report(function: str, line: LogLine, record: dict[str, Any], error: _Error | None) -> InvocationReport:
    """The report. Raises KeyError or ValueError where the record lacks its figures."""
    metrics = read_mapping(record.get("metrics"))
    kind, message = _settle(_text(record.get("status")), _text(record.get("errorType")), error)
    init = metrics.get("initDurationMs")
    return InvocationReport(
        function=function,
        request_id=str(record["requestId"]),
        ended_at=line.timestamp,
        duration_ms=read_seconds(metrics["durationMs"]),
        billed_ms=read_seconds(metrics["billedDurationMs"]),
        memory_mb=read_count(metrics["memorySizeMB"]),
        max_memory_mb=read_count(metrics["maxMemoryUsedMB"]),
        init_ms=None if init is None else read_seconds(init),
        error_type=kind,
        error_message=message,
        trace_id=_find(_TRACE_ROOT, str(read_mapping(record.get("tracing")).get("value", ""))),
        log_stream=line.stream,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _settle(status: str | None, error_type: str | None, error: _Error | None) -> tuple[str | None, str | None]:
    """(type, message) of how the invocation ended; Lambda's own word comes before the log's."""
    message = error.message if error is not None else None
    if status == "timeout":
        return TIMEOUT, message if error is not None and error.type == TIMEOUT else None
    # The runtime client's line has the class's name, where Lambda's has its own word for it.
    if error is not None and error_type in (None, "Runtime.Unknown", "Function.Unknown", "Unhandled"):
        return error.type, message
    if error_type is None and status in ("error", "failure"):
        return "Unknown", message
    return error_type, message


def _read_error(message: str, document: dict[str, Any] | None) -> _Error | None:
    if document is not None:
        kind, request_id = document.get("errorType"), document.get("requestId")
        if not kind or "stackTrace" not in document:
            return None
        return _Error(str(kind), str(document.get("errorMessage", "")), None if request_id is None else str(request_id))
    if (timed_out := _TIMED_OUT.search(message)) is not None:
        return _Error(TIMEOUT, timed_out["message"], timed_out["request_id"])
    if (exited := _EXITED.search(message)) is not None:
        return _Error(EXIT, exited["message"], exited["request_id"])
    if (match := _TEXT_ERROR.match(message)) is not None:
        return _Error(match["type"], match["message"] or "", None)
    return None


def _parse_json(message: str) -> dict[str, Any] | None:
    if not message.startswith("{"):
        return None
    try:
        document = decode_json(message)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _find(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return None if match is None else match.group(1)
