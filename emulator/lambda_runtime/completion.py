"""All that follows an invocation: log lines, counters, trace segments, listeners, the caller's answer."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from emulator.lambda_runtime.environment_spec import EnvironmentSpec
from emulator.lambda_runtime.invocation import Invocation, InvocationReport, InvokeResult
from emulator.lambda_runtime.limits import LOG_TAIL_BYTES
from emulator.lambda_runtime.logs import format_report
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
        log_stream: str,
        invocation: Invocation,
        outcome: Outcome,
        ended: float,
        max_memory_mb: int,
    ) -> None:
        duration_ms = (ended - invocation.started) * 1000
        # INIT is billed since August 2025. Source: https://aws.amazon.com/lambda/pricing/
        billed_ms = math.ceil(duration_ms + (invocation.init_ms or 0.0))
        self._count(spec, outcome, duration_ms, billed_ms)
        self._log(spec, log_stream, invocation, outcome, duration_ms, billed_ms, max_memory_mb)
        if self._sender is not None and invocation.trace is not None and invocation.trace.sampled:
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
        if not invocation.answer.done():  # the caller may have gone
            tail = None if invocation.tail is None else bytes(invocation.tail[-LOG_TAIL_BYTES:])
            invocation.answer.set_result(
                InvokeResult(outcome.payload, outcome.function_error, spec.version, 200, invocation.request_id, tail)
            )
        invocation.on_finished()
        if self.listeners:
            report = InvocationReport(
                spec.function_name,
                invocation.request_id,
                invocation.started_epoch,
                duration_ms,
                invocation.init_ms,
                outcome.function_error,
                outcome.error_type,
                max_memory_mb,
                invocation.trace.header() if invocation.trace is not None else None,
            )
            for listener in self.listeners:
                listener(report)

    def _count(self, spec: EnvironmentSpec, outcome: Outcome, duration_ms: float, billed_ms: int) -> None:
        counters = self._statistics.of(spec.function_name)
        counters.invocations += 1
        counters.duration_ms += duration_ms
        counters.billed_ms += billed_ms
        counters.gigabyte_seconds += billed_ms / 1000 * spec.memory_mb / 1024
        if outcome.function_error is not None:
            counters.errors += 1
        if outcome.status == "timeout":
            counters.timeouts += 1

    def _log(
        self,
        spec: EnvironmentSpec,
        log_stream: str,
        invocation: Invocation,
        outcome: Outcome,
        duration_ms: float,
        billed_ms: int,
        max_memory_mb: int,
    ) -> None:
        trace = invocation.trace
        lines = [
            f"END RequestId: {invocation.request_id}",
            format_report(
                request_id=invocation.request_id,
                duration_ms=duration_ms,
                billed_ms=billed_ms,
                memory_mb=spec.memory_mb,
                max_memory_mb=max_memory_mb,
                init_ms=invocation.init_ms,
                status=outcome.status,
                error_type=outcome.error_type if outcome.status == "error" else None,
                trace=None if trace is None else (trace.root, trace.function_segment, trace.sampled),
            ),
        ]
        if outcome.log_line is not None:
            lines.insert(0, describe_failure(invocation.request_id, outcome.log_line))
        for line in lines:
            spec.log.write(log_stream, line)
        if invocation.tail is not None:
            invocation.tail += "".join(f"{line}\n" for line in lines).encode()


def describe_failure(request_id: str, text: str) -> str:
    """The log line of an error that the service found, in the form it has for that kind."""
    if text.startswith("Error: "):
        return f"RequestId: {request_id} {text}"
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    return f"{stamp}.{int(now % 1 * 1000):03d}Z {request_id} {text}"
