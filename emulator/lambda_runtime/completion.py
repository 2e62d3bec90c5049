"""All that follows an invocation: log lines, counters, trace segments, listeners, the caller's answer."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from emulator.lambda_runtime.environment_spec import EnvironmentSpec
from emulator.lambda_runtime.invocation import Invocation, InvocationReport, InvokeResult
from emulator.lambda_runtime.limits import LOG_TAIL_BYTES
from emulator.lambda_runtime.log_pipe import LogPipe
from emulator.lambda_runtime.platform_lines import ReportFigures, format_end, format_failure
from emulator.lambda_runtime.statistics import Statistics
from emulator.lambda_runtime.tracing import SegmentSender, make_segments

Listener = Callable[[InvocationReport], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended: `status` and `log_line` are what the service adds to the log for its own errors."""

    payload: bytes
    function_error: str | None = None
    error_type: str | None = None
    status: str | None = None
    log_line: str | None = None


class Completion:
    """Finishes invocations; `listeners` may be added to at any time."""

    def __init__(self, account_id: str, statistics: Statistics, sender: SegmentSender | None) -> None:
        self.listeners: list[Listener] = []
        self._account_id = account_id
        self._statistics = statistics
        self._sender = sender

    def complete(
        self,
        spec: EnvironmentSpec,
        pipe: LogPipe,
        invocation: Invocation,
        outcome: Outcome,
        *,
        ended: float,
        max_memory_mb: int,
    ) -> None:
        """Tell everybody, the caller first; `ended` is on the event loop's clock."""
        duration_ms = (ended - invocation.started) * 1000
        # INIT is billed too. Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
        billed_ms = math.ceil(duration_ms + (invocation.init_ms or 0.0))
        figures = ReportFigures(
            invocation.request_id,
            duration_ms,
            billed_ms,
            spec.memory_mb,
            max_memory_mb,
            invocation.init_ms,
            outcome.status,
            outcome.error_type,
            invocation.trace,
        )
        if outcome.log_line is not None:
            pipe.write(format_failure(invocation.request_id, outcome.log_line))
        for line in format_end(figures, as_json=spec.json_logs):
            pipe.write(line)
        self._count(spec, outcome, figures)
        if not invocation.answer.done():  # the caller may have gone
            tail = None if invocation.tail is None else bytes(invocation.tail[-LOG_TAIL_BYTES:])
            invocation.answer.set_result(
                InvokeResult(outcome.payload, outcome.function_error, spec.version, 200, invocation.request_id, tail)
            )
        invocation.on_finished()
        self._send_segments(spec, invocation, outcome)
        if self.listeners:
            self._report(spec, invocation, outcome, figures)

    def _count(self, spec: EnvironmentSpec, outcome: Outcome, figures: ReportFigures) -> None:
        counters = self._statistics.of(spec.function_name)
        counters.invocations += 1
        counters.duration_ms += figures.duration_ms
        counters.billed_ms += figures.billed_ms
        counters.gigabyte_seconds += figures.billed_ms / 1000 * spec.memory_mb / 1024
        if outcome.function_error is not None:
            counters.errors += 1
        if outcome.status == "timeout":
            counters.timeouts += 1

    def _send_segments(self, spec: EnvironmentSpec, invocation: Invocation, outcome: Outcome) -> None:
        if self._sender is None or invocation.trace is None or not invocation.trace.sampled:
            return
        for document in make_segments(
            invocation.trace,
            function_name=spec.function_name,
            function_arn=invocation.function_arn,
            account_id=self._account_id,
            request_id=invocation.request_id,
            received=invocation.received,
            started=invocation.started_epoch,
            ended=time.time(),
            init_ms=invocation.init_ms,
            function_error=outcome.function_error is not None,
        ):
            self._sender.send(document)

    def _report(self, spec: EnvironmentSpec, invocation: Invocation, outcome: Outcome, figures: ReportFigures) -> None:
        report = InvocationReport(
            spec.function_name,
            invocation.request_id,
            invocation.started_epoch,
            figures.duration_ms,
            invocation.init_ms,
            outcome.function_error,
            outcome.error_type,
            figures.max_memory_mb,
            invocation.trace.header() if invocation.trace is not None else None,
        )
        for listener in self.listeners:
            listener(report)
