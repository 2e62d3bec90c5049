"""An Observer that remembers what it was told."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from express_batch.call_tally import SlowCall
from express_batch.observability import Observability, Observer, Span
from express_batch.settings import ObservedSettings


class _Span:
    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told

    def annotate(self, **values: str | int) -> None:
        self._told.update(values)

    def describe(self, **values: Any) -> None:
        self._told.update(values)


class RecordingObserver(Observer):
    """Log lines, warnings, metrics, spans and other traces as they were told."""

    def __init__(self, trace_header: str | None = None, traced_calls: int = 0) -> None:
        settings = ObservedSettings(
            tenant_group="blue", user_ids_in_logs="plain", traced_calls_per_invocation=traced_calls
        )
        super().__init__(Observability(settings), "request-1", trace_header)
        self.identified: dict[str, str | int] = {}
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.warnings: list[tuple[str, dict[str, Any]]] = []
        self.metrics: dict[tuple[str, str | None], Any] = {}
        self.spans: dict[str, dict[str, Any]] = {}
        self.open_spans: list[str] = []
        self.calls: list[SlowCall] = []
        self.told: list[tuple[str | None, str, dict[str, Any]]] = []

    def identify(self, **keys: str | int) -> None:
        self.identified.update(keys)

    def log(self, message: str, **keys: Any) -> None:
        self.lines.append((message, keys))

    def warn(self, message: str, **keys: Any) -> None:
        self.warnings.append((message, keys))

    def measure(self, unit: str, reason: str | None = None, /, **values: float | Sequence[float]) -> None:
        self.metrics.update({(name, reason): value for name, value in values.items()})

    @contextmanager
    def span(self, name: str) -> Iterator[Span]:
        self.open_spans.append(name)
        try:
            yield _Span(self.spans.setdefault(name, {}))
        finally:
            self.open_spans.pop()

    def add_calls(self, calls: Sequence[SlowCall]) -> None:
        self.calls.extend(calls)

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
        self.told.append((trace_header, outcome, dict(annotations)))

    def line(self, message: str) -> dict[str, Any]:
        """The keys of the one line with this message."""
        (keys,) = (keys for found, keys in self.lines if found == message)
        return keys
