"""`python -m bench.redrive --users 30000 --failed 1000`: a run of which some users fail, its redrive, and one more.

Ends with status 1 unless the redrive called the API once for each of those users and for nobody else, the second one
called for nobody, and every row equals what the API answered last.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any

from batchctl.local.local_stack import LocalStack, local_stack
from batchctl.local.options import LocalOptions
from emulator.partner_api.options import UserOverride


@dataclass(frozen=True)
class Measured:
    """One execution: its output, its seconds, and how often the API was called for whom."""

    output: dict[str, Any]
    seconds: float
    calls: dict[str, int]


async def execute(stack: LocalStack, data: dict[str, Any]) -> Measured:
    """Run UserBatch to its end."""
    assert stack.partner_api is not None
    await stack.partner_api.reset()
    started = time.monotonic()
    execution = await stack.emulator.state_machines.start(stack.state_machine_arn, data)
    await execution.wait()
    seconds = time.monotonic() - started
    if execution.status != "SUCCEEDED":
        sys.exit(f"error: the execution ended with {execution.error}: {execution.cause}")
    return Measured(dict(execution.output), seconds, await stack.partner_api.calls_by_user())


async def measure(users: int, failed: int, latency_ms: float) -> list[Measured]:
    """The run, its redrive, and a second one."""
    # Every n-th user, so that no chunk and no slice is spared.
    broken = [f"user-{number * users // failed:07d}" for number in range(failed)]
    async with local_stack(LocalOptions(users=users, api_latency_ms=latency_ms), lambda _: None) as stack:
        assert stack.partner_api is not None
        fault = UserOverride(fault="malformed_missing_field")
        await stack.partner_api.set_options(users=dict.fromkeys(broken, fault))
        run = await execute(stack, {"scheduled_time": "2026-11-22T08:30:00Z"})
        await stack.partner_api.set_options(users=dict.fromkeys(broken))
        request = {"redrive_of": run.output["run_id"]}
        measured = [run, await execute(stack, request), await execute(stack, request)]
    check("users of the run that failed", run.output["users_failed"], failed)
    check("users that the redrive called, each once", measured[1].calls, dict.fromkeys(broken, 1))
    check("rows that the redrive wrote", measured[1].output["rows_written"], failed)
    check("users that the second redrive called", measured[2].calls, {})
    return measured


def check(what: str, found: object, expected: object) -> None:
    """Return when they are equal; ends with status 1 otherwise."""
    if found != expected:
        sys.exit(f"error: {what}: {str(found)[:200]}, expected {str(expected)[:200]}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A run with failures, and its redrives.")
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--failed", type=int, default=1_000)
    parser.add_argument("--latency-ms", type=float, default=100.0)
    chosen = parser.parse_args()
    measured = asyncio.run(measure(chosen.users, chosen.failed, chosen.latency_ms))
    for name, one in zip(("run", "redrive", "second redrive"), measured, strict=True):
        calls = sum(one.calls.values())
        print(f"{name}: {one.output['status']}, {len(one.calls):,} users called, {calls:,} calls, {one.seconds:.2f} s")


if __name__ == "__main__":
    main()
