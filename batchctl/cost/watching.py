"""What it costs to see what the runs do: logs, metrics, alarms, a dashboard, traces; all but logs can be turned off."""

from dataclasses import dataclass

from batchctl.cost import prices
from batchctl.cost.line import Line

# What template.yaml makes, which its tests hold this to.
ALARM_METRICS = 19  # read by the alarms; a metric that an expression reads is charged as an alarm
COMPOSITE_ALARMS = 1
METRICS = 10  # docs/reference/observability.md, UsersFailedByReason not among them
REASONS = 1  # of failed users, each a metric for the hours in which it occurs

# Bytes of an invocation's log lines, START, END and REPORT among them, as CloudWatch counts them (26 more a line);
# measured in a run of slices of 250 users.
SLICE_LOG_BYTES = 1150
WRITE_LOG_BYTES = 1000
RUN_LOG_BYTES = 1950  # ListUsers and CloseRun
# The same of metrics, which travel as log lines.
SLICE_METRICS_BYTES = 950
WRITE_METRICS_BYTES = 300
RUN_METRICS_BYTES = 650


@dataclass(frozen=True)
class Watching:
    """Which of the template's parameters Metrics, Alarms, Dashboard, Tracing and TraceSamplingRate are on."""

    metrics: bool = True
    alarms: bool = True
    dashboard: bool = False
    traced_share: float = 1.0  # of the runs


def estimate_watching(watching: Watching, runs: float, slices: int, writes: int) -> tuple[Line, ...]:
    """The lines for a month of so many runs, each of so many SyncUsers and WriteRows invocations."""
    run_bytes = slices * SLICE_LOG_BYTES + writes * WRITE_LOG_BYTES + RUN_LOG_BYTES
    if watching.metrics:
        run_bytes += slices * SLICE_METRICS_BYTES + writes * WRITE_METRICS_BYTES + RUN_METRICS_BYTES
    alarms = ALARM_METRICS * prices.ALARM_METRIC + COMPOSITE_ALARMS * prices.COMPOSITE_ALARM
    # A batch has a trace of its own beside that of its run; at most, since Lambda samples these by itself.
    traces = runs * watching.traced_share * (1 + writes)
    return (
        Line("CloudWatch logs", runs * run_bytes / prices.GB * prices.LOG_GB, watching=True),
        Line("CloudWatch metrics", watching.metrics * (METRICS + REASONS) * prices.METRIC, watching=True),
        Line("CloudWatch alarms", watching.alarms * alarms, watching=True),
        Line("CloudWatch dashboard", watching.dashboard * prices.DASHBOARD, watching=True),
        Line("X-Ray traces", traces * prices.TRACE, watching=True),
    )
