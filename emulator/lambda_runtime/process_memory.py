"""What a process holds of the machine's memory, from /proc; 0 where there is no /proc."""

import os
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MEBIBYTE = 1024 * 1024


class ResidentMemory:
    """The resident set of one process, read through a descriptor that stays open: it is read for each invocation."""

    def __init__(self, pid: int) -> None:
        try:
            self._descriptor: int | None = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
        except OSError:
            self._descriptor = None

    def read_mb(self) -> int:
        """Resident MiB, rounded up. Pages shared with the zygote count: on AWS each environment has its own."""
        if self._descriptor is None:
            return 0
        try:
            fields = os.pread(self._descriptor, 128, 0).split()
        except ProcessLookupError:
            return 0
        return -(-int(fields[1]) * PAGE_BYTES // MEBIBYTE) if fields else 0

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def read_proportional_mb(pid: int) -> float:
    """MiB that the process costs the machine (PSS): private pages, and its share of the common ones."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
