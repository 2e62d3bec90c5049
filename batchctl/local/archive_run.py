"""A local run, kept: its data is collected through the endpoint before the stack goes."""

import asyncio

from batchctl.errors import BatchctlError
from batchctl.local.local_stack import LocalStack
from batchctl.runs.archive import Archive, compare_with_past
from batchctl.runs.collect import collect_run
from batchctl.runs.target import ARCHIVE_DIR, open_local_source
from batchctl.runs.user_story import read_objects


async def archive_run(stack: LocalStack, run_id: str, archive: Archive | None = None) -> str | None:
    """None, or why the run could not be kept, which is no failure of the run."""
    try:
        await asyncio.to_thread(_archive, stack, run_id, archive or Archive(ARCHIVE_DIR))
    except (BatchctlError, OSError) as error:
        return f"run {run_id} is not kept for reports: {error}"
    return None


def _archive(stack: LocalStack, run_id: str, archive: Archive) -> None:
    source = open_local_source(
        stack.emulator.url, stack.emulator.options.identity.region, stack.stack.outputs, stack.parameters()
    )
    archive.save(compare_with_past(collect_run(source, run_id, has_ended=True), archive))
    archive.save_objects(run_id, read_objects(source, run_id))
