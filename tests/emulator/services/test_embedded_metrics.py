"""Metrics out of log lines.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from emulator.lambda_runtime.logs import FunctionLog
from emulator.services.embedded_metrics import EmbeddedMetrics


class FakeMoto:
    """Keeps the metric data."""

    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        assert (service, operation) == ("cloudwatch", "PutMetricData")
        self.data += [{"Namespace": parameters["Namespace"], **each} for each in parameters["MetricData"]]
        return {}


def make_line(value: Any, second: int = 1_800_000_000, **more: Any) -> str:
    metadata = {
        "Timestamp": second * 1000 + 250,
        "CloudWatchMetrics": [
            {
                "Namespace": "ExpressBatch",
                "Dimensions": [["TenantGroup"]],
                "Metrics": [{"Name": "UsersSynced", "Unit": "Count"}],
            }
        ],
    }
    return json.dumps({"_aws": metadata, "TenantGroup": "acme", "UsersSynced": value, **more})


def read(tmp_path: Path, *batches: list[str]) -> list[dict[str, Any]]:
    """The data that moto got when metrics were asked for after each batch of lines."""
    moto = FakeMoto()

    async def scenario() -> None:
        log = FunctionLog(tmp_path / "sync.log", name="sync")
        metrics = EmbeddedMetrics(moto, lambda: [log])
        for lines in batches:
            for line in lines:
                log.write("s", line)
            await metrics.bring_up_to_date()

    asyncio.run(scenario())
    return moto.data


def test_values_of_a_second_become_one_statistic_set(tmp_path: Path) -> None:
    (datum,) = read(tmp_path, ["START RequestId: 1", make_line(250), make_line([10, 40])])

    assert (datum["Namespace"], datum["MetricName"], datum["Unit"]) == ("ExpressBatch", "UsersSynced", "Count")
    assert datum["Dimensions"] == [{"Name": "TenantGroup", "Value": "acme"}]
    assert datum["Timestamp"].timestamp() == 1_800_000_000
    assert datum["StatisticValues"] == {"SampleCount": 3.0, "Sum": 300.0, "Minimum": 10.0, "Maximum": 250.0}


def test_line_is_read_once_when_metrics_are_asked_for_again(tmp_path: Path) -> None:
    data = read(tmp_path, [make_line(1)], [], [make_line(2)])

    assert [datum["StatisticValues"]["Sum"] for datum in data] == [1.0, 2.0]


def test_seconds_are_kept_apart(tmp_path: Path) -> None:
    assert len(read(tmp_path, [make_line(1), make_line(1, 1_800_000_001)])) == 2


@pytest.mark.parametrize(
    "line",
    [
        '{"_aws": 1}',
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{}]}}',
        'no JSON "_aws"',
        make_line("many"),
        make_line(None),
        "[1]",
    ],
)
def test_line_is_passed_over_when_it_does_not_keep_to_the_format(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, [line]) == []
