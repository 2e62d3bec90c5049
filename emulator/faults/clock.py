"""Clocks that are off, by libfaketime (Debian: faketime), which stands between a process and the kernel's clock.

Source: https://github.com/wolfcw/libfaketime (README)
"""

from pathlib import Path


def find_clock_library() -> Path | None:
    """libfaketime where Debian has it, None where it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def make_zygote_environment(library: Path) -> dict[str, str]:
    """For the process that environments are forked from: a fork keeps what its parent has loaded, and how.

    Nothing is changed by it as long as nobody sets FAKETIME.
    """
    return {"LD_PRELOAD": str(library), "FAKETIME_NO_CACHE": "1"}


def remove_leavings(process_id: int) -> None:
    """Remove the shared memory that libfaketime leaves when such a process was killed; Linux alone has it there."""
    for name in (f"faketime_shm_{process_id}", f"sem.faketime_sem_{process_id}"):
        (Path("/dev/shm") / name).unlink(missing_ok=True)  # noqa: S108  # its own choice


def make_skew_variables(seconds: float) -> dict[str, str]:
    """For one environment: its clocks are off by so much.

    The monotonic one too, from its process's beginning, so that no span is another: FAKETIME_DONT_FAKE_MONOTONIC would
    spare it, but then libfaketime 0.9.10 lets sleeps until a moment fail with EINVAL.
    """
    return {"FAKETIME": f"{seconds:+g}", "FAKETIME_NO_CACHE": "1"}
