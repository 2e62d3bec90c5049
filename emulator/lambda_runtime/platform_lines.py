"""The lines that Lambda itself adds to a function's log, as text or as JSON.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

import json
import time
from dataclasses import dataclass

from emulator.lambda_runtime.logs import format_time
from emulator.lambda_runtime.tracing import InvocationTrace


@dataclass(frozen=True, slots=True)
class ReportFigures:
    """What the REPORT line tells of an invocation."""

    request_id: str
    duration_ms: float
    billed_ms: int
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None
    status: str | None  # None: success, or an error that the function's own code raised
    error_type: str | None
    trace: InvocationTrace | None


def format_start(request_id: str, version: str, *, as_json: bool) -> str:
    """The line before the handler's own."""
    if as_json:
        return _encode("platform.start", {"requestId": request_id, "version": version})
    return f"START RequestId: {request_id} Version: {version}"


def format_end(figures: ReportFigures, *, as_json: bool) -> list[str]:
    """The lines after the handler's own."""
    if as_json:
        return [_encode("platform.report", _make_record(figures))]
    return [f"END RequestId: {figures.request_id}", _format_report(figures)]


def format_failure(request_id: str, text: str) -> str:
    """The line for an error that the service found, in the form it has for that kind."""
    if text.startswith("Error: "):
        return f"RequestId: {request_id} {text}"
    return f"{format_time(time.time())} {request_id} {text}"


def format_init_report(duration_ms: float, phase: str, status: str, error_type: str | None, *, as_json: bool) -> str:
    """The line for an INIT that failed."""
    if as_json:
        record: dict[str, object] = {"phase": phase, "status": status, "metrics": {"durationMs": round(duration_ms, 3)}}
        return _encode("platform.initReport", record if error_type is None else {**record, "errorType": error_type})
    text = f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}\t"
    return text if error_type is None else f"{text}Error Type: {error_type}\t"


def _format_report(figures: ReportFigures) -> str:
    line = (
        f"REPORT RequestId: {figures.request_id}\tDuration: {figures.duration_ms:.2f} ms\t"
        f"Billed Duration: {figures.billed_ms} ms\tMemory Size: {figures.memory_mb} MB\t"
        f"Max Memory Used: {figures.max_memory_mb} MB\t"
    )
    if figures.init_ms is not None:
        line += f"Init Duration: {figures.init_ms:.2f} ms\t"
    if figures.status is not None:
        line += f"Status: {figures.status}\t"
        if figures.status == "error":
            line += f"Error Type: {figures.error_type}\t"
    if figures.trace is not None:
        line += (
            f"XRAY TraceId: {figures.trace.root}\tSegmentId: {figures.trace.function_segment}\t"
            f"Sampled: {str(figures.trace.sampled).lower()}\t"
        )
    return line


def _make_record(figures: ReportFigures) -> dict[str, object]:
    metrics: dict[str, object] = {
        "durationMs": round(figures.duration_ms, 3),
        "billedDurationMs": figures.billed_ms,
        "memorySizeMB": figures.memory_mb,
        "maxMemoryUsedMB": figures.max_memory_mb,
    }
    if figures.init_ms is not None:
        metrics["initDurationMs"] = round(figures.init_ms, 3)
    status = figures.status or ("success" if figures.error_type is None else "error")
    record: dict[str, object] = {"requestId": figures.request_id, "metrics": metrics, "status": status}
    if figures.error_type is not None:
        record["errorType"] = figures.error_type
    if figures.trace is not None:
        record["tracing"] = {
            "spanId": figures.trace.function_segment,
            "type": "X-Amzn-Trace-Id",
            "value": figures.trace.header(),
        }
    return record


def _encode(kind: str, record: dict[str, object]) -> str:
    return json.dumps({"time": format_time(time.time()), "type": kind, "record": record}, separators=(",", ":"))
