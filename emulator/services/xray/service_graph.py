"""The graph of services that traces add up to.

Source: https://docs.aws.amazon.com/xray/latest/api/API_Service.html
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulator.services.xray.trace_tree import Document, TraceTree

ServiceKey = tuple[str, str]  # name, type


@dataclass
class _Statistics:
    """Counts and times of a service or an edge."""

    ok: int = 0
    throttled: int = 0
    errors: int = 0
    faults: int = 0
    seconds: float = 0.0
    start: float = float("inf")
    end: float = 0.0
    histogram: Counter[float] = field(default_factory=Counter)

    def add(self, document: Document) -> None:
        start = float(document["start_time"])
        end = float(document.get("end_time", start))
        if document.get("throttle"):
            self.throttled += 1
        elif document.get("error"):
            self.errors += 1
        elif document.get("fault"):
            self.faults += 1
        else:
            self.ok += 1
        self.seconds += end - start
        self.start, self.end = min(self.start, start), max(self.end, end)
        self.histogram[float(f"{end - start:.2g}")] += 1

    def summarise(self) -> dict[str, Any]:
        errors = self.throttled + self.errors
        return {
            "OkCount": self.ok,
            "ErrorStatistics": {"ThrottleCount": self.throttled, "OtherCount": self.errors, "TotalCount": errors},
            "FaultStatistics": {"OtherCount": self.faults, "TotalCount": self.faults},
            "TotalCount": self.ok + errors + self.faults,
            "TotalResponseTime": round(self.seconds, 6),
        }

    def times(self) -> dict[str, datetime]:
        return {
            "StartTime": datetime.fromtimestamp(self.start, UTC),
            "EndTime": datetime.fromtimestamp(self.end, UTC),
        }

    def show_histogram(self) -> list[dict[str, Any]]:
        return [{"Value": value, "Count": count} for value, count in sorted(self.histogram.items())]


class ServiceGraph:
    """Services and who calls whom, over the traces that are added."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._services: dict[ServiceKey, _Statistics] = {}
        self._edges: dict[tuple[ServiceKey, ServiceKey], _Statistics] = {}
        self._roots: set[ServiceKey] = set()

    def add(self, documents: list[Document]) -> None:
        """Count the documents of one trace."""
        tree = TraceTree(documents)
        for segment in tree.segments.values():
            service = key_of(segment)
            self._count(self._services, service, segment)
            caller = tree.owner(str(segment.get("parent_id", "")))
            if caller is None:
                # Whoever began the trace, or whose segment is not there: AWS draws a client.
                self._roots.add(service)
                client = (service[0], "client")
                self._count(self._services, client, segment)
                self._count(self._edges, (client, service), segment)
            else:
                self._count(self._edges, (key_of(caller), service), segment)
        for caller, call in tree.calls_without_segment():
            service = key_of_call(call)
            self._count(self._services, service, call)
            self._count(self._edges, (key_of(caller), service), call)

    def describe(self) -> list[dict[str, Any]]:
        """The services in the API's shape."""
        numbers = {key: number for number, key in enumerate(self._services)}
        return [self._describe(key, statistics, numbers) for key, statistics in self._services.items()]

    def _describe(self, key: ServiceKey, statistics: _Statistics, numbers: dict[ServiceKey, int]) -> dict[str, Any]:
        name, kind = key
        service: dict[str, Any] = {
            "ReferenceId": numbers[key],
            "Name": name,
            "Names": [name],
            "Type": kind,
            "State": "unknown" if kind == "client" else "active",
            **statistics.times(),
            "Edges": [
                {
                    "ReferenceId": numbers[target],
                    **edge.times(),
                    "SummaryStatistics": edge.summarise(),
                    "ResponseTimeHistogram": edge.show_histogram(),
                    "Aliases": [],
                }
                for (source, target), edge in self._edges.items()
                if source == key
            ],
        }
        if kind == "client":
            return service
        if key in self._roots:
            service["Root"] = True
        if kind.startswith("AWS::"):
            service["AccountId"] = self._account_id
        histogram = statistics.show_histogram()
        return service | {
            "SummaryStatistics": statistics.summarise(),
            "DurationHistogram": histogram,
            "ResponseTimeHistogram": histogram,
        }

    @staticmethod
    def _count(where: dict[Any, _Statistics], key: Any, document: Document) -> None:
        where.setdefault(key, _Statistics()).add(document)


def services_of(documents: list[Document]) -> Iterable[ServiceKey]:
    """The services that take part in a trace, each once."""
    tree = TraceTree(documents)
    found = [key_of(segment) for segment in tree.segments.values()]
    found += [key_of_call(call) for _caller, call in tree.calls_without_segment()]
    return dict.fromkeys(found)


def key_of(segment: Document) -> ServiceKey:
    """Name and type of the service that sent a segment."""
    return str(segment.get("name", "")), str(segment.get("origin", "unknown"))


def key_of_call(call: Document) -> ServiceKey:
    """Name and type of a service that was called and sent nothing, as the caller's subsegment has them."""
    name = str(call.get("name", ""))
    return name, f"AWS::{name}" if call.get("namespace") == "aws" else "remote"
