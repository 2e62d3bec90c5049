"""Temporary directories that a killed process leaves behind are removed by the next one."""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

_LOCK = "run.lock"
# Between making a directory and locking it there is a moment; nobody takes longer than this.
_YOUNG_SECONDS = 60


class RunDirectory:
    """A temporary directory that is locked for as long as this process lives."""

    def __init__(self, prefix: str) -> None:
        _sweep(prefix)
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=False)
        os.close(self._lock)


def _sweep(prefix: str) -> None:
    """Remove the directories of this prefix whose process is gone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{prefix}*/{_LOCK}"):
        try:
            if time.time() - lock.stat().st_mtime < _YOUNG_SECONDS:
                continue
            descriptor = os.open(lock, os.O_RDWR)
        except (FileNotFoundError, PermissionError):  # removed meanwhile, or another user's
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # its process lives
        else:
            shutil.rmtree(lock.parent, ignore_errors=True)
        finally:
            os.close(descriptor)
