"""What single processes hold, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Holding:
    """A process's resident memory, open files other than sockets, sockets and threads."""

    megabytes: float
    files: int
    sockets: int
    threads: int


def read_holding(pid: int) -> Holding | None:
    """None for a process that has ended, or is another account's."""
    process = Path(f"/proc/{pid}")
    try:
        resident = int((process / "statm").read_text().split()[1]) * _PAGE_BYTES
        threads = len(list((process / "task").iterdir()))
        targets = [_read_target(descriptor) for descriptor in (process / "fd").iterdir()]
    except OSError:
        return None
    sockets = sum(target.startswith("socket:") for target in targets)
    return Holding(resident / MEGABYTE, len(targets) - sockets, sockets, threads)


def _read_target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:  # that which listed the directory, for one
        return ""


def count_files(directory: Path) -> tuple[int, float]:
    """(files, MB) below a directory that others write to meanwhile."""
    files, size = 0, 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                size += (Path(folder) / name).lstat().st_size
                files += 1
            except OSError:  # gone since
                continue
    return files, size / MEGABYTE
