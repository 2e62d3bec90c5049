"""How much memory all processes of a run take together."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

SAMPLE_SECONDS = 0.5


class MemorySampler:
    """Samples the proportional set size of this process and all below it; shared pages count once."""

    def __init__(self) -> None:
        self.peak_bytes = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["MemorySampler"]:
        """Sample until the block ends."""
        task = asyncio.ensure_future(self._sample_for_ever())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def sample_now(self) -> int:
        """The peak so far, this moment included; bytes."""
        self._sample()
        return self.peak_bytes

    async def _sample_for_ever(self) -> None:
        while True:
            await asyncio.to_thread(self._sample)
            await asyncio.sleep(SAMPLE_SECONDS)

    def _sample(self) -> None:
        self.peak_bytes = max(self.peak_bytes, sum(map(_read_pss, list_process_tree(os.getpid()))))


def list_process_tree(root: int) -> Iterator[int]:
    """`root` and every process below it. Linux only; elsewhere just `root`."""
    yield root
    for children in Path(f"/proc/{root}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from list_process_tree(int(child))


def _read_pss(pid: int) -> int:
    """Bytes; 0 for a process that has gone, or where the kernel does not tell."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
