"""`python -m bench.rate --rate 500 --in-flight 800 --users 30000`: a run under a shared rate, counted by the partner.

With `--beside retail` that group's stack runs at the same time, for as many users of its own, and shares the limits.

Ends with status 1 unless the partner's own count exceeds the rate by 5% at most in any second after the first, wherever
that second begins, the runs reach 90% of the rate, and every user is written.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from batchctl.local.local_stack import local_stack
from batchctl.local.neighbour import join_stack
from batchctl.local.options import LocalOptions, parse_parameters
from emulator.partner_api.call_rate import CallRate

_EXCESS_ALLOWED = 0.05
_SHARE_WANTED = 0.90


@dataclass(frozen=True)
class Counted:
    """The partner's count of one run."""

    rate: int
    calls: int
    by_second: tuple[int, ...]
    sliding: int  # the most in any window of one second that begins a second after the first call or later
    seconds: float  # from the first call to the last
    in_flight_max: int

    @classmethod
    def from_stats(cls, rate: int, stats: dict[str, Any]) -> "Counted":
        """Out of the partner's statistics."""
        return cls(
            rate=rate,
            calls=stats["calls"],
            by_second=CallRate.from_stats(stats["calls_by_second"]).by_second,
            sliding=stats["calls_in_any_second_max_after_first"],
            seconds=stats["last_call_at"] - stats["first_call_at"],
            in_flight_max=stats["in_flight_max"],
        )

    @property
    def excess(self) -> float:
        """How far the busiest full second after the first is above the rate, as a share of it; below 0 it is under."""
        return max(self.by_second[1:], default=0) / self.rate - 1

    @property
    def sliding_excess(self) -> float:
        """The same of the seconds that begin anywhere."""
        return self.sliding / self.rate - 1

    @property
    def share(self) -> float:
        """The part of the rate that was reached from the first call to the last."""
        return self.calls / self.seconds / self.rate if self.seconds else 0.0

    def find_problems(self) -> list[str]:
        """What must not be, one line each."""
        problems = []
        for name, excess in (("full second", self.excess), ("second that begins anywhere", self.sliding_excess)):
            if excess > _EXCESS_ALLOWED:
                problems.append(
                    f"the busiest {name} exceeds the rate by {excess:.1%}: {_EXCESS_ALLOWED:.0%} is allowed"
                )
        if self.share < _SHARE_WANTED:
            problems.append(f"the run reaches {self.share:.1%} of the rate: {_SHARE_WANTED:.0%} is wanted")
        return problems

    def describe(self) -> str:
        """The figures for a person."""
        seconds = [f"{number:>4}: {calls:,}" for number, calls in enumerate(self.by_second)]
        rows = ["   ".join(seconds[start : start + 8]) for start in range(0, len(seconds), 8)]
        return "\n".join(
            [
                "the partner's calls by full seconds of its clock (the first and the last are cut short):",
                *rows,
                f"calls: {self.calls:,} in {self.seconds:.1f} s, {self.in_flight_max:,} in flight at most",
                f"greatest excess after the first second: {self.excess:+.1%} in a full second, "
                f"{self.sliding_excess:+.1%} in one that begins anywhere",
                f"share of the rate reached: {self.share:.1%}",
            ]
        )


def choose_parameters(rate: int, in_flight: int) -> dict[str, str]:
    """The limits, and the template's own concurrency, by which 16,000 calls could be in flight without them."""
    return {
        "CallsPerSecond": str(rate),
        "PartnerCallsInFlight": str(in_flight),
        "ChunkConcurrency": "8",
        "SliceConcurrency": "8",
    }


async def measure(options: LocalOptions, rate: int, beside: Sequence[str] = (), *, shares: bool = True) -> Counted:
    """The count of runs at the same time that wrote every user; ends with status 1 where one did not.

    `beside` are further tenant groups, whose stacks use the first one's table of limits where it `shares` it.
    """
    async with local_stack(options, lambda _: None) as first:
        assert first.partner_api is not None
        table = first.stack.outputs["PartnerLimitTableName"] if shares else ""
        further = {**options.parameters, "PartnerLimitTableName": table}
        others = [replace(options, tenant_group=group, parameters=further) for group in beside]
        stacks = [first, *[await join_stack(first, other) for other in others]]
        request = {"scheduled_time": "2026-11-22T08:30:00Z"}
        machines = first.emulator.state_machines
        executions = [await machines.start(stack.state_machine_arn, request) for stack in stacks]
        for execution in executions:
            await execution.wait()
            if execution.status != "SUCCEEDED":
                sys.exit(f"error: an execution ended with {execution.error}: {execution.cause}")
            if execution.output["rows_written"] != options.users:
                sys.exit(f"error: {execution.output}, expected {options.users:,} rows")
        return Counted.from_stats(rate, await first.partner_api.stats())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A run under a shared rate, counted by the partner.")
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--in-flight", type=int, default=800)
    parser.add_argument("--users", type=int, default=30_000, help="of each group")
    parser.add_argument("--latency-ms", type=float, default=100.0)
    parser.add_argument("-p", "--parameter", action="append", default=[], help="NAME=VALUE of template.yaml")
    parser.add_argument("--beside", action="append", default=[], metavar="GROUP", help="a further group. Repeatable")
    parser.add_argument("--own-tables", action="store_true", help="further groups do not share the limits: see it fail")
    chosen = parser.parse_args()
    parameters = {**choose_parameters(chosen.rate, chosen.in_flight), **parse_parameters(chosen.parameter)}
    options = LocalOptions(users=chosen.users, api_latency_ms=chosen.latency_ms, parameters=parameters)
    counted = asyncio.run(measure(options, chosen.rate, chosen.beside, shares=not chosen.own_tables))
    print(counted.describe())
    problems = counted.find_problems()
    if problems:
        sys.exit("\n".join(f"error: {problem}" for problem in problems))


if __name__ == "__main__":
    main()
