"""The estimate: what each service does in a run, times its price, times the runs of a month."""

import math
from dataclasses import dataclass, field

from batchctl.cost import prices
from batchctl.cost.line import Line
from batchctl.cost.watching import Watching, estimate_watching

MINUTES_A_MONTH = prices.HOURS_A_MONTH * 60
# Measured by `make bench` on one core: all of SyncUsers' own work for a user, TLS not among it, so it is doubled.
CPU_SECONDS_A_USER = 0.0004
ROW_BYTES = 110  # of the example job, in the stream
MB_A_VCPU = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
SYNC_OVERHEAD_SECONDS = 0.05  # reading the chunk, sending the rows
WRITES_A_SECOND = 5  # WriteRows' batches while a run's rows arrive
WRITE_SECONDS = 0.05
SWITCH_SECONDS = 1.0  # between two looks at the kill switch, in each SyncUsers environment
LIST_SECONDS, CLOSE_SECONDS = 2.0, 3.0
# Under CallsPerSecond (docs/reference/partner-limit.md): what each slice asks of the table, and how fast its lane is.
LEASE_WRITES = 1
LANE_CALLS_A_SECOND = 117
EARLY_SECONDS = 1.5  # in an environment before the first slot, on average


@dataclass(frozen=True)
class Workload:
    """What is to be done, and with which of the template's parameters."""

    users: int = 30_000
    every_minutes: float = 10.0
    api_latency_ms: float = 200.0
    users_per_invocation: int = 250
    calls_in_flight: int = 250
    chunk_size: int = 1000
    concurrency: int = 32  # SyncUsers environments at once
    memory_mb: int = 512
    shards: int = 1
    calls_per_second: int = 0  # 0: no limit
    watching: Watching = field(default_factory=Watching)


@dataclass(frozen=True)
class Estimate:
    """The bill, and how long a run takes."""

    lines: tuple[Line, ...]
    run_seconds: float
    user_calls: float  # a month

    @property
    def variable_usd(self) -> float:
        """What the runs cost."""
        return sum(line.usd for line in self.lines if not line.fixed and not line.watching)

    @property
    def watching_usd(self) -> float:
        """What it costs to see what they do."""
        return sum(line.usd for line in self.lines if line.watching)

    @property
    def total_usd(self) -> float:
        """All of it."""
        return sum(line.usd for line in self.lines)


def estimate_cost(work: Workload) -> Estimate:
    """USD a month in us-east-1, for arm64."""
    runs = MINUTES_A_MONTH / work.every_minutes
    slices = math.ceil(work.users / work.users_per_invocation)
    users = min(work.users_per_invocation, work.users)
    waves = math.ceil(users / work.calls_in_flight)
    cpu_seconds = users * CPU_SECONDS_A_USER / min(1.0, work.memory_mb / MB_A_VCPU)
    # Calls wait while others are worked on, so the longer of the two decides, and one latency comes first.
    slice_seconds = SYNC_OVERHEAD_SECONDS + max(
        waves * work.api_latency_ms / 1000, work.api_latency_ms / 1000 + cpu_seconds
    )
    sync_seconds = math.ceil(slices / work.concurrency) * slice_seconds
    table_reads = table_writes = 0.0
    if work.calls_per_second:
        lane_seconds = users / min(LANE_CALLS_A_SECOND, work.calls_per_second)
        slice_seconds = max(slice_seconds, EARLY_SECONDS + lane_seconds + work.api_latency_ms / 1000)
        sync_seconds = max(sync_seconds, work.users / work.calls_per_second)
        # One look when it is called again, and one for each second in which it calls.
        table_writes, table_reads = slices * LEASE_WRITES, slices * (1 + math.floor(slice_seconds)) / 2
    environments = min(slices, work.concurrency, math.ceil(slices * slice_seconds / sync_seconds))
    run_seconds = LIST_SECONDS + sync_seconds + CLOSE_SECONDS
    writes = min(slices, math.ceil(sync_seconds * WRITES_A_SECOND) * work.shards)
    chunks = math.ceil(work.users / work.chunk_size)
    # Once a second in each environment, however many slices it takes in that time.
    switch_looks = environments * max(1.0, sync_seconds / SWITCH_SECONDS)
    # The circuit is looked at once in each environment, while all is well.
    circuit_looks = environments
    put_units = slices * math.ceil(users * ROW_BYTES / prices.PUT_UNIT_BYTES)

    lambda_gb_seconds = (
        slices * slice_seconds * work.memory_mb / 1024
        + 0.5 * (LIST_SECONDS + writes * WRITE_SECONDS)
        + 0.25 * CLOSE_SECONDS
    )
    lines = (
        Line(
            "Lambda",
            runs * (lambda_gb_seconds * prices.LAMBDA_GB_SECOND + (slices + writes + 2) * prices.LAMBDA_REQUEST),
        ),
        Line(
            "Step Functions Express",
            runs * (prices.EXPRESS_REQUEST + run_seconds * prices.EXPRESS_GB * prices.EXPRESS_GB_SECOND),
        ),
        Line(
            "S3 requests",
            runs
            * (
                (chunks + 3) * prices.S3_PUT  # claim, turn and listing besides
                + (min(slices, chunks * work.concurrency) + switch_looks + circuit_looks + 1) * prices.S3_GET
            ),
        ),
        Line("Kinesis PUT units", runs * put_units * prices.PUT_UNIT),
        Line(
            "DynamoDB, for CallsPerSecond",
            runs * (table_writes * prices.TABLE_WRITE + table_reads * prices.TABLE_READ),
        ),
        *estimate_watching(work.watching, runs, slices, writes),
        Line("Kinesis shards", work.shards * prices.SHARD_HOUR * prices.HOURS_A_MONTH, fixed=True),
        Line("RDS Proxy (can be shared)", 2 * prices.PROXY_VCPU_HOUR * prices.HOURS_A_MONTH, fixed=True),
        Line("RDS db.t4g.micro (can be shared)", prices.DATABASE_MICRO_HOUR * prices.HOURS_A_MONTH, fixed=True),
    )
    return Estimate(lines, run_seconds, runs * work.users)
