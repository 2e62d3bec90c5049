"""What one run cost, service by service, from what was billed and counted; without free tiers and monthly prices."""

import math
from collections.abc import Sequence

from batchctl.cost import prices
from batchctl.runs.run_data import CostLine, InvocationReport, RunHead, SliceActivity, WriteActivity

# A chunk that the environment holds already is read in microseconds; S3 takes milliseconds.
CACHED_READ_SECONDS = 0.001
# started.json with its conditional write, listing.json and closed.json.
RUN_OBJECTS = 3


def compute_cost(
    head: RunHead,
    slices: Sequence[SliceActivity],
    writes: Sequence[WriteActivity],
    invocations: Sequence[InvocationReport],
    *,
    chunks: int,
    failure_records: int,
) -> list[CostLine]:
    """A line for each service; empty where no invocation's REPORT was found, since Lambda is most of the bill."""
    if not invocations:
        return []
    shares = _write_shares(writes)
    gigabyte_seconds = requests = 0.0
    for report in invocations:
        share = shares.get(report.request_id, 1.0) if report.function == "WriteRows" else 1.0
        gigabyte_seconds += share * report.billed_ms / 1000 * report.memory_mb / 1024
        requests += share
    reads = sum(1 for each in slices if each.read_seconds > CACHED_READ_SECONDS)
    # Listing costs what a PUT does; CloseRun lists at least once, and about once a second while it waits.
    lists = 1 + math.ceil(head.waited_seconds or 0.0)
    lines = [
        CostLine("Lambda", gigabyte_seconds * prices.LAMBDA_GB_SECOND + requests * prices.LAMBDA_REQUEST),
        CostLine(
            "S3 requests",
            (RUN_OBJECTS + chunks + failure_records + lists) * prices.S3_PUT
            + (reads + failure_records) * prices.S3_GET,
        ),
        CostLine("Kinesis PUT units", sum(map(_put_units, slices)) * prices.PUT_UNIT),
    ]
    if head.seconds is not None:
        express = prices.EXPRESS_REQUEST + head.seconds * prices.EXPRESS_GB * prices.EXPRESS_GB_SECOND
        lines.append(CostLine("Step Functions Express", express))
    return sorted(lines, key=lambda line: -line.usd)


def _write_shares(writes: Sequence[WriteActivity]) -> dict[str, float]:
    """The run's share of each WriteRows invocation: a batch may hold records of several runs."""
    return {each.request_id: min(1.0, each.rows / each.batch_rows) for each in writes if each.batch_rows}


def _put_units(each: SliceActivity) -> int:
    if not each.records:
        return 0
    return each.records * math.ceil(each.record_bytes / each.records / prices.PUT_UNIT_BYTES)
