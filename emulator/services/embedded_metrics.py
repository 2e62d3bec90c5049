"""Metrics that functions log in CloudWatch's embedded format, brought to moto when somebody asks for metrics.

A run pays nothing for it: lines are read from the log files, each once, at the next request to CloudWatch.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from emulator.lambda_runtime.logs import FunctionLog, StoredLines
from emulator.stack.aws_caller import AwsCaller

_MARK = b'"_aws"'
# Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
_DATA_A_CALL = 1000


class MetricKey(NamedTuple):
    """What is added up: a metric in one second."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    second: int


@dataclass(slots=True)
class _Values:
    count: int = 0
    total: float = 0.0
    least: float = field(default=float("inf"))
    most: float = field(default=float("-inf"))

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)


class EmbeddedMetrics:
    """Knows how far each log was read. Values of a second are added up to one statistic set, as moto is slow."""

    def __init__(self, moto: AwsCaller, function_logs: Callable[[], list[FunctionLog]]) -> None:
        self._moto = moto
        self._function_logs = function_logs
        self._positions: dict[str, int] = {}
        self._reading = asyncio.Lock()

    async def bring_up_to_date(self) -> None:
        """Return when moto has what was logged until now."""
        async with self._reading:
            found: dict[MetricKey, _Values] = {}
            for log in self._function_logs():
                lines = log.stored()
                await asyncio.to_thread(_collect, lines, self._positions.get(log.name, 0), found)
                self._positions[log.name] = lines.end
            await self._put(found)

    async def _put(self, found: dict[MetricKey, _Values]) -> None:
        by_namespace: dict[str, list[dict[str, Any]]] = {}
        for key, values in found.items():
            by_namespace.setdefault(key.namespace, []).append(_describe(key, values))
        for namespace, data in by_namespace.items():
            for start in range(0, len(data), _DATA_A_CALL):
                part = data[start : start + _DATA_A_CALL]
                await self._moto.call("cloudwatch", "PutMetricData", Namespace=namespace, MetricData=part)


def _describe(key: MetricKey, values: _Values) -> dict[str, Any]:
    return {
        "MetricName": key.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
        "Timestamp": datetime.fromtimestamp(key.second, UTC),
        "Unit": key.unit,
        "StatisticValues": {
            "SampleCount": float(values.count),
            "Sum": values.total,
            "Minimum": values.least,
            "Maximum": values.most,
        },
    }


def _collect(lines: StoredLines, position: int, found: dict[MetricKey, _Values]) -> None:
    for _position, _after, line in lines.since(position):
        if _MARK in line:
            for key, value in _read(line.split(b" ", 2)[2]):
                found.setdefault(key, _Values()).add(value)


def _read(message: bytes) -> Iterator[tuple[MetricKey, float]]:
    """Every value of a line; none of a line that does not keep to the format, as on AWS."""
    try:
        document = json.loads(message)
        metadata = document["_aws"]
        second = int(metadata["Timestamp"]) // 1000
        for directive in metadata["CloudWatchMetrics"]:
            for names in directive.get("Dimensions") or [[]]:
                dimensions = tuple(sorted((name, str(document[name])) for name in names))
                for metric in directive["Metrics"]:
                    key = MetricKey(
                        directive["Namespace"], metric["Name"], dimensions, metric.get("Unit", "None"), second
                    )
                    given = document[metric["Name"]]
                    for value in given if isinstance(given, list) else [given]:
                        yield key, float(value)
    except (ValueError, KeyError, TypeError, AttributeError):
        return
