"""Where a run is read from: the ports that AWS, the emulator's endpoint and the tests' fakes have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from batchctl.errors import BatchctlError
from batchctl.runs.stack_facts import StackFacts


class SourceError(BatchctlError):
    """A source could not be read; a report goes on without it and says so."""


@dataclass(frozen=True)
class LogLine:
    """One event of a log group."""

    timestamp: float  # seconds since 1970
    stream: str
    message: str
    event_id: str = ""


class RunObjects(Protocol):
    """The run bucket."""

    def get(self, key: str) -> bytes | None:
        """The object's body, or None where there is none. Raises SourceError."""
        ...

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The bodies in the order of the keys, read side by side. Raises SourceError."""
        ...

    def list_keys(self, prefix: str) -> list[str]:
        """The keys below `prefix`, rising. Raises SourceError."""
        ...

    def list_run_ids(self) -> list[str]:
        """The runs that the bucket still holds, rising. Raises SourceError."""
        ...


class RunLogs(Protocol):
    """The functions' log groups."""

    def search(self, function: str, pattern: str, start: float, end: float) -> Iterator[LogLine]:
        """The lines that match CloudWatch's filter pattern, in the order of time. Raises SourceError."""
        ...


class RunTraces(Protocol):
    """X-Ray."""

    def get(self, trace_id: str) -> list[dict[str, Any]] | None:
        """The trace's documents, or None where X-Ray has none. Raises SourceError."""
        ...


@dataclass(frozen=True)
class RunSource:
    """Everything that is read for a run of one stack."""

    facts: StackFacts
    objects: RunObjects
    logs: RunLogs
    traces: RunTraces | None
