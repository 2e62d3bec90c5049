"""How much memory all processes of a run take together."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

SAMPLE_SECONDS = 0.5
# The kernel takes 2 ms for the proportional set size of a 40 MB process and 0.02 ms for its resident size, so the
# former is read only where the latter, over all processes, has grown by this factor since.
GROWTH = 1.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemorySampler:
    """Samples the proportional set size of this process and all below it; shared pages count once."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._resident_at_peak = 0

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
        pids = list(list_process_tree(os.getpid()))
        resident = sum(map(_read_resident, pids))
        if resident > GROWTH * self._resident_at_peak:
            self._resident_at_peak = resident
            self.peak_bytes = max(self.peak_bytes, sum(map(_read_proportional, pids)))
        return self.peak_bytes

    async def _sample_for_ever(self) -> None:
        while True:
            await asyncio.to_thread(self.sample_now)
            await asyncio.sleep(SAMPLE_SECONDS)


def list_process_tree(root: int) -> Iterator[int]:
    """`root` and every process below it. Linux only; elsewhere just `root`."""
    yield root
    for children in Path(f"/proc/{root}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from list_process_tree(int(child))


def _read_resident(pid: int) -> int:
    """Bytes; 0 for a process that has gone, or where the kernel does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _read_proportional(pid: int) -> int:
    """The same, each shared page divided by those who share it."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
