"""One run of UserBatch on a local stack: started, watched, accounted for, compared with what the API answered."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from batchctl.console import Console
from batchctl.local.archive_run import archive_run
from batchctl.local.failure_text import describe_failure, describe_partial
from batchctl.local.ledger_reader import read_rows_written
from batchctl.local.local_stack import LocalStack, local_stack
from batchctl.local.memory import MemorySampler
from batchctl.local.options import LocalOptions
from batchctl.local.progress import RunProgress, show_progress
from batchctl.local.summary import RunSummary
from batchctl.local.verification import compare_rows
from emulator.partner_api.call_rate import CallRate

WRITTEN_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class RunResult:
    """A summary, what was verified, and the problem that makes the command fail, if any."""

    summary: RunSummary
    verified: str | None
    problem: str | None
    is_archived: bool = False


async def run_once(options: LocalOptions, console: Console, *, archive: bool = True) -> RunResult:
    """Set up, run, keep what is known of the run, tear down."""
    memory = MemorySampler()
    with console.status("preparing") as status:
        async with memory.running(), local_stack(options, status.update) as stack:
            status.stop()
            result = await run_batch(stack, console, memory)
            if not archive:
                return result
            problem = await archive_run(stack, result.summary.run_id)
            if problem is not None:
                console.print(problem, style="yellow", markup=False, highlight=False, soft_wrap=True)
            return replace(result, is_archived=problem is None)


async def run_batch(stack: LocalStack, console: Console, memory: MemorySampler) -> RunResult:
    """Start UserBatch with the present time and wait for its end."""
    progress = RunProgress()
    scheduled_time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    started = time.monotonic()
    async with _watch(stack, progress, scheduled_time, console):
        stack.emulator.state_machines.listeners.append(progress.take_event)
        execution = await stack.emulator.state_machines.start(
            stack.state_machine_arn, {"scheduled_time": scheduled_time}
        )
        await execution.wait()
    seconds = time.monotonic() - started
    closed: dict[str, Any] = execution.output or {}
    written = await asyncio.to_thread(read_rows_written, stack.database, stack.tenant_group, _run_id(scheduled_time))
    failed = closed.get("users_failed", progress.failed)
    listed = closed.get("users_listed", progress.users_listed)
    invoked = stack.emulator.functions.statistics.total()
    summary = RunSummary(
        run_id=_run_id(scheduled_time),
        status=closed.get("status", "INCOMPLETE" if execution.error == "RunIncomplete" else "FAILED"),
        users_listed=listed,
        users_failed=failed,
        rows_written=written,
        users_missing=closed.get("users_missing", listed - failed - written),
        seconds_setup=stack.setup_seconds,
        seconds_run=seconds,
        lambda_invocations=invoked.invocations,
        cold_starts=invoked.cold_starts,
        peak_memory_mb=memory.sample_now() / 1_000_000,
        stream_records=sum(mapping.records for mapping in stack.emulator.mappings.statistics.values()),
        database_connections_max=await stack.mariadb.max_used_connections() if stack.mariadb else 0,
        failed_by_reason=closed.get("failed_by_reason", {}),
        call_rate=await _read_call_rate(stack),
    )
    if summary.status not in ("COMPLETE", "PARTIAL"):
        return RunResult(summary, None, describe_failure(summary, execution.error, execution.cause))
    verified, difference = await _verify(stack, summary)
    if difference:
        return RunResult(summary, None, difference)
    if summary.status == "PARTIAL" and not stack.options.expects_failures:
        return RunResult(summary, verified, describe_partial(summary, stack.partner_api_url))
    return RunResult(summary, verified, None)


async def _read_call_rate(stack: LocalStack) -> CallRate | None:
    if stack.partner_api is None:
        return None
    return CallRate.from_stats((await stack.partner_api.stats())["calls_by_second"])


async def _verify(stack: LocalStack, summary: RunSummary) -> tuple[str | None, str | None]:
    if stack.partner_api is None:
        return None, None
    answers = await stack.partner_api.answers()
    return await asyncio.to_thread(compare_rows, stack.database, answers, summary)


@contextlib.asynccontextmanager
async def _watch(
    stack: LocalStack, progress: RunProgress, scheduled_time: str, console: Console
) -> AsyncIterator[None]:
    """Draw the progress until the block ends."""

    async def follow_written() -> None:
        while True:
            await asyncio.sleep(WRITTEN_POLL_SECONDS)
            progress.written = await asyncio.to_thread(
                read_rows_written, stack.database, stack.tenant_group, _run_id(scheduled_time)
            )

    if not console.is_terminal:
        yield
        return
    with show_progress(progress, console):
        task = asyncio.ensure_future(follow_written())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _run_id(scheduled_time: str) -> str:
    return scheduled_time.replace("-", "").replace(":", "")
