"""An Observer that remembers what it was told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from express_batch.observability import Observer, Span


class _Span:
    def __init__(self, annotations: dict[str, str | int]) -> None:
        self._annotations = annotations

    def annotate(self, **values: str | int) -> None:
        self._annotations.update(values)


class RecordingObserver(Observer):
    """Log lines, warnings and spans as lists of (message, keys)."""

    def __init__(self, trace_header: str | None = None) -> None:
        self.trace_header = trace_header
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.warnings: list[tuple[str, dict[str, Any]]] = []
        self.spans: dict[str, dict[str, str | int]] = {}

    def log(self, message: str, **keys: Any) -> None:
        self.lines.append((message, keys))

    def warn(self, message: str, **keys: Any) -> None:
        self.warnings.append((message, keys))

    @contextmanager
    def span(self, name: str) -> Iterator[Span]:
        yield _Span(self.spans.setdefault(name, {}))
