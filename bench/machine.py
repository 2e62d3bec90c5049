"""The machine and the versions that a figure belongs to."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("aiohttp", "uvloop", "celery", "gevent", "redis", "requests", "PyMySQL")


def describe_machine(command: str) -> dict[str, str]:
    """What to print beside the figures, in the order of reading."""
    memory_kib = int(_read_field("/proc/meminfo", "MemTotal").split()[0])
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": command,
        "processor": _read_field("/proc/cpuinfo", "model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory_kib / 1024**2:.1f} GiB",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "mariadb": _read_version("mariadbd", "--no-defaults", "--version"),
        "redis-server": _read_version("redis-server", "--version"),
    }


def _read_field(path: str, name: str) -> str:
    """The first line of that name; an ARM kernel tells no model name."""
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _read_version(program: str, *arguments: str) -> str:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        return "not installed"
    result = subprocess.run([path, *arguments], capture_output=True, text=True, check=True)
    return result.stdout.strip().removeprefix(path).strip()
