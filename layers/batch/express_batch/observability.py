"""What a function tells of itself: log lines, metrics, a trace (docs/reference/observability.md is the contract).

The only module that knows the libraries for it. One `Observability` lives in each environment, one `Observer` in each
invocation. Nothing of a trace is made, and nothing sent, where the invocation is not sampled.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from express_batch.call_tally import SlowCall
from express_batch.latency import LatencyHistogram
from express_batch.settings import ObservedSettings
from express_batch.trace_documents import (
    OK,
    TracedSpan,
    TraceSender,
    make_segment,
    make_subsegment,
    read_trace_header,
)
from express_batch.user_ids import hash_user_id

__all__ = ["OK", "Observability", "Observer", "Span", "make_logger"]

METRIC_NAMESPACE = "ExpressBatch"
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
MAX_METRIC_VALUES = 100
_PARTNER_API = "partner API"  # one node of the service map for all calls


class Span(Protocol):
    """A timed part of an invocation."""

    def annotate(self, **values: str | int) -> None:
        """Attach numbers and identifiers, never user data; a trace can be searched by them."""
        ...

    def describe(self, **values: Any) -> None:
        """Attach summaries: counts and percentiles."""
        ...


class Observability:
    """What an environment keeps: the logger, the settings, the way to the X-Ray daemon."""

    def __init__(self, settings: ObservedSettings, logger: Logger | None = None) -> None:
        self.settings = settings
        self.logger = logger or make_logger(settings.tenant_group)
        self.sender = TraceSender()
        # service="": the environment's POWERTOOLS_SERVICE_NAME would become a dimension.
        self.metrics = (
            EphemeralMetrics(namespace=METRIC_NAMESPACE, service="") if settings.metrics == "Active" else None
        )
        self._cold_start = True

    @contextmanager
    def invocation(self, context: Any) -> Iterator["Observer"]:
        """The observer of the present invocation; its metrics and its trace go out when the block is left."""
        cold_start, self._cold_start = self._cold_start, False
        # Lambda sets the variable anew for each invocation
        # (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
        header = os.environ.get("_X_AMZN_TRACE_ID")
        observer = Observer(self, context.aws_request_id, header, cold_start=cold_start)
        outcome = OK
        try:
            yield observer
        except BaseException as error:
            outcome = type(error).__name__  # its text is Lambda's to log
            raise
        finally:
            observer.close(outcome)


class Observer:
    """One invocation's log lines, metrics and trace."""

    def __init__(
        self, observability: Observability, request_id: str, trace_header: str | None, *, cold_start: bool = False
    ) -> None:
        self._observability = observability
        self._settings = observability.settings
        self._request_id = request_id
        self._keys: dict[str, Any] = {"function_request_id": request_id, "cold_start": cold_start}
        self._metrics: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
        self._place = read_trace_header(trace_header)
        self._root = TracedSpan(_state_name())
        self._open = [self._root]
        self.trace_header = trace_header

    @property
    def traced_calls(self) -> int:
        """How many single calls this invocation's trace takes."""
        return self._settings.traced_calls_per_invocation if self._place is not None else 0

    def identify(self, **keys: str | int) -> None:
        """Say what the invocation is about (run_id, chunk): in each later log line, and in the trace."""
        self._keys.update(keys)
        self.annotate(**keys)

    def annotate(self, **values: str | int) -> None:
        """Say more about the invocation in its trace alone. X-Ray takes 1,000 characters of a text."""
        self._root.annotate(
            **{name: value[:1000] if isinstance(value, str) else value for name, value in values.items()}
        )

    def log(self, message: str, **keys: Any) -> None:
        """Log a constant phrase with its data in keys."""
        self._observability.logger.info(message, **{**self._keys, **keys})

    def warn(self, message: str, **keys: Any) -> None:
        """The same for what an operator should look at."""
        self._observability.logger.warning(message, **{**self._keys, **keys})

    def show_user(self, user_id: str) -> str:
        """What stands for the user in log lines and traces."""
        if self._settings.user_ids_in_logs == "hashed":
            return hash_user_id(self._settings.tenant_group, user_id)
        return user_id

    def measure(self, unit: str, reason: str | None = None, /, **values: float | Sequence[float]) -> None:
        """Give metrics their values, at most MAX_METRIC_VALUES each; `reason` makes it a dimension of its own."""
        dimensions = (("TenantGroup", self._settings.tenant_group), *([("Reason", reason)] if reason else []))
        given = {name: {"Unit": unit, "Value": value} for name, value in values.items() if value != []}
        if given:
            self._metrics.setdefault(dimensions, {}).update(given)

    def measure_latency(self, **histograms: LatencyHistogram) -> None:
        """Give metrics values that are distributed as the histograms are."""
        self.measure(
            "Milliseconds", **{name: histogram.spread(MAX_METRIC_VALUES) for name, histogram in histograms.items()}
        )

    @contextmanager
    def span(self, name: str) -> Iterator[Span]:
        """A part of the invocation, as a subsegment of its trace."""
        if self._place is None:
            yield _UNTRACED
            return
        span = TracedSpan(name)
        self._open[-1].spans.append(span)
        self._open.append(span)
        outcome = OK
        try:
            yield span
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._open.pop()
            span.end(outcome)

    def add_calls(self, calls: Sequence[SlowCall]) -> None:
        """Put single calls to the partner into the span that is open, with the times that they had."""
        for call in calls:
            span = TracedSpan(_PARTNER_API, call.started_at, call.started_at + call.seconds, remote=True)
            span.failed = call.outcome != OK
            span.annotate(user_id=self.show_user(call.user_id), outcome=call.outcome)
            self._open[-1].spans.append(span)

    def tell_trace(
        self,
        trace_header: str | None,
        name: str,
        started_at: float,
        outcome: str,
        *,
        part: str,
        summary: Mapping[str, Any],
        **annotations: str | int,
    ) -> None:
        """Tell another trace, where its header says that it is sampled, what was done here for it until now.

        `part` is what that work was done with, and `summary` what it took.
        """
        place = read_trace_header(trace_header)
        if place is None:
            return
        segment = TracedSpan(name, started_at)
        segment.annotate(tenant_group=self._settings.tenant_group, outcome=outcome, **annotations)
        other_side = TracedSpan(part, started_at, remote=True)
        other_side.describe(**summary)
        segment.spans.append(other_side)
        for span in (segment, other_side):
            span.end(outcome)
        self._observability.sender.send(make_segment(place, segment, self._request_id))

    def close(self, outcome: str) -> None:
        """Write the metrics and send the trace."""
        if self._observability.metrics is not None:
            for dimensions, metrics in self._metrics.items():
                document = self._observability.metrics.serialize_metric_set(metrics, dict(dimensions), {})
                print(json.dumps(document, separators=(",", ":")))
        if self._place is not None:
            self._root.annotate(tenant_group=self._settings.tenant_group, outcome=outcome)
            self._root.end(outcome)
            self._observability.sender.send(make_subsegment(self._place, self._root))


class _UntracedSpan:
    def annotate(self, **values: str | int) -> None:
        """Nothing: the invocation is not sampled."""

    def describe(self, **values: Any) -> None:
        """Nothing either."""


_UNTRACED = _UntracedSpan()


def make_logger(tenant_group: str) -> Logger:
    """The environment's logger; POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL configure it."""
    logger = Logger()
    logger.append_keys(tenant_group=tenant_group)
    return logger


def _state_name() -> str:
    """`SyncUsers` for the service sync_users."""
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "function")
    return "".join(part.capitalize() for part in service.split("_"))
