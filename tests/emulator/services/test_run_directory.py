"""Temporary directories of processes that are gone."""

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from emulator.services.run_directory import RunDirectory

MAKE_AND_DIE = (
    "import os, sys; from emulator.services.run_directory import RunDirectory; "
    "print(RunDirectory(sys.argv[1]).path, flush=True); os._exit(9)"
)


def leave_directory(prefix: str, age_seconds: float) -> Path:
    """A directory whose process died `age_seconds` ago."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", MAKE_AND_DIE, prefix], cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    path = Path(done.stdout.strip())
    then = time.time() - age_seconds
    os.utime(path / "run.lock", (then, then))
    return path


def test_directory_of_a_dead_process_is_removed_when_the_next_one_starts() -> None:
    prefix = f"express-batch-test-{uuid.uuid4()}-"
    # GIVEN one directory of a living process, one left long ago and one left just now
    alive = RunDirectory(prefix)
    long_ago = time.time() - 3600
    os.utime(alive.path / "run.lock", (long_ago, long_ago))
    young, old = leave_directory(prefix, 0), leave_directory(prefix, 3600)
    assert old.is_dir()
    # WHEN another starts
    other = RunDirectory(prefix)
    # THEN only what nobody can be using is gone
    assert [path.is_dir() for path in (alive.path, old, young)] == [True, False, True]
    alive.remove()
    other.remove()
    assert not other.path.exists()
    (young / "run.lock").unlink()
    young.rmdir()
