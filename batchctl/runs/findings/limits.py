"""Findings about limits that a run comes near: five minutes, and a function's memory."""

from collections.abc import Iterator

from express_batch.claim import LONGEST_EXECUTION_SECONDS

from batchctl.runs.run_data import Finding, RunData

# Slices end 30 s and CloseRunWaitSeconds before the limit; from two thirds on, a slow day loses users.
NEAR_TIME_SHARE = 2 / 3
# Lambda kills at the limit without a word, and Python's peak differs by some per cent from run to run.
NEAR_MEMORY_SHARE = 0.9
MEMORY_PARAMETERS = {name: f"{name}MemorySize" for name in ("ListUsers", "SyncUsers", "WriteRows", "CloseRun")}


def find_near_time_limit(data: RunData) -> Iterator[Finding]:
    """A run that would not survive half as much again."""
    seconds = data.head.seconds
    if seconds is None or seconds < NEAR_TIME_SHARE * LONGEST_EXECUTION_SECONDS:
        return
    yield Finding(
        "near_time_limit",
        "warning",
        f"the run took {seconds:,.0f} s of the {LONGEST_EXECUTION_SECONDS:,.0f} s that an Express execution may take",
        "raise ChunkConcurrency or SliceConcurrency, or divide the tenant group",
    )


def find_memory_near_limit(data: RunData) -> Iterator[Finding]:
    """Functions that use nearly all of their memory."""
    worst: dict[str, tuple[float, int, int]] = {}
    for report in data.invocations:
        share = report.max_memory_mb / report.memory_mb if report.memory_mb else 0.0
        if share >= NEAR_MEMORY_SHARE and share > worst.get(report.function, (0.0, 0, 0))[0]:
            worst[report.function] = share, report.max_memory_mb, report.memory_mb
    for function, (share, used, size) in sorted(worst.items()):
        yield Finding(
            "memory_near_limit",
            "warning",
            f"{function} used {used:,} of {size:,} MB ({share:.0%})",
            f"raise {MEMORY_PARAMETERS.get(function, 'the memory')}",
        )
