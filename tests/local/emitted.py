"""What the functions of a real run tell: metrics, keys of each kind of log line, annotations of the traces."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.local.background_stack import BackgroundStack

_FUNCTIONS = ("ListUsers", "SyncUsers", "WriteRows", "CloseRun")


@dataclass(frozen=True)
class Emitted:
    """Names alone, as they went out."""

    metrics: set[tuple[str, str, frozenset[str]]]  # namespace, name, names of the dimensions
    keys: dict[str, set[str]]  # of the log lines, by their message
    lines: list[str]
    annotations: set[str]
    log_bytes: dict[str, float]  # of one invocation of each function, as CloudWatch counts them
    metrics_bytes: dict[str, float]


def run_for_everything(stack: BackgroundStack) -> Emitted:
    """What is told by a run with failed users, a second start of it and a record that nobody can read."""
    stack.set_api(users={"user-0000007": {"fault": "not_found"}}, throttle_rate=0.1, retry_after_seconds=0)
    scheduled_time = stack.new_time()
    stack.run_batch(scheduled_time)
    stack.run_batch(scheduled_time)
    stream = stack.stack.stack.outputs["RowStreamName"]
    stack.client("kinesis").put_record(StreamName=stream, Data=b"no row", PartitionKey="0")
    lines = _wait_for_line(stack, "stream record rejected")
    documents = [json.loads(line) for line in lines if line.startswith("{")]
    keys: dict[str, set[str]] = defaultdict(set)
    for document in documents:
        if "message" in document:
            keys[document["message"]] |= set(document)
    segments = [json.loads(text) for texts in stack.traces().values() for text in texts]
    sizes = {name: _measure(stack.log_lines(name)) for name in _FUNCTIONS}
    return Emitted(
        metrics={metric for document in documents if "_aws" in document for metric in _read_metrics(document)},
        keys=dict(keys),
        lines=lines,
        annotations={name for segment in segments for name in segment.get("annotations", {})},
        log_bytes={name: size[0] for name, size in sizes.items()},
        metrics_bytes={name: size[1] for name, size in sizes.items()},
    )


def _wait_for_line(stack: BackgroundStack, message: str) -> list[str]:
    deadline = time.monotonic() + 30
    while True:
        lines = stack.log_lines(*_FUNCTIONS)
        if any(message in line for line in lines) or time.monotonic() > deadline:
            return lines
        time.sleep(0.05)


def _measure(lines: list[str]) -> tuple[float, float]:
    """(bytes of log lines, bytes of metrics) for each invocation, with the 26 that CloudWatch adds to an event."""
    invocations = sum(line.startswith("REPORT ") for line in lines)
    sizes = dict.fromkeys((False, True), 0)
    for line in lines:
        sizes['"_aws"' in line] += len(line.encode()) + 26
    return sizes[False] / invocations, sizes[True] / invocations


def _read_metrics(document: dict[str, Any]) -> Iterable[tuple[str, str, frozenset[str]]]:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            assert set(dimensions) <= set(document)
            for metric in directive["Metrics"]:
                assert metric["Name"] in document
                yield directive["Namespace"], metric["Name"], frozenset(dimensions)
