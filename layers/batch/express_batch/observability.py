"""What a function tells of itself: structured logs, and X-Ray subsegments when the invocation is sampled.

The only module that knows the logging and tracing libraries. The X-Ray SDK, in maintenance since February 2026, costs
about 200 ms of CPU to import, so it is imported by the first sampled invocation and not at a cold start.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from aws_lambda_powertools import Logger


class Span(Protocol):
    """A timed part of an invocation."""

    def annotate(self, **values: str | int) -> None:
        """Attach numbers and identifiers, never user data."""
        ...


class Observer:
    """One invocation's logs and spans."""

    def __init__(self, logger: Logger, trace_header: str | None) -> None:
        self._logger = logger
        self._sampled = trace_header is not None and "Sampled=1" in trace_header
        self.trace_header = trace_header

    def log(self, message: str, **keys: Any) -> None:
        """Log a constant phrase with its data in keys."""
        self._logger.info(message, **keys)

    def warn(self, message: str, **keys: Any) -> None:
        """The same for what an operator should look at."""
        self._logger.warning(message, **keys)

    @contextmanager
    def span(self, name: str) -> Iterator[Span]:
        """A subsegment called `name`, or nothing at no cost when the invocation is not sampled."""
        if not self._sampled:
            yield _UNTRACED
            return
        from aws_xray_sdk.core import xray_recorder  # noqa: PLC0415  # see the module's docstring

        with xray_recorder.in_subsegment(name) as subsegment:
            yield _TracedSpan(subsegment)


class _UntracedSpan:
    def annotate(self, **values: str | int) -> None:
        """Nothing: the invocation is not sampled."""


class _TracedSpan:
    def __init__(self, subsegment: Any) -> None:
        self._subsegment = subsegment

    def annotate(self, **values: str | int) -> None:
        """Annotations of the subsegment; X-Ray indexes them for search."""
        for name, value in values.items():
            self._subsegment.put_annotation(name, value)


_UNTRACED = _UntracedSpan()


def make_logger(tenant_group: str) -> Logger:
    """The environment's logger; POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL configure it."""
    logger = Logger()
    logger.append_keys(tenant_group=tenant_group)
    return logger


def observe_invocation(logger: Logger, context: Any, **keys: Any) -> Observer:
    """The present invocation's observer; `keys` (run_id, chunk ...) stand in each of its log lines."""
    logger.append_keys(aws_request_id=context.aws_request_id, **keys)
    return Observer(logger, os.environ.get("_X_AMZN_TRACE_ID"))
