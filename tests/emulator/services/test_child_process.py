"""Children: ready when they say so, gone when stopped or when their parent is."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.services.child_process import ChildProcess, ChildStartError

READY = re.compile(r"ready on (\d+)")
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready on 7', flush=True); time.sleep(600)"
)


def command(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def wait_for_end(pid: int, seconds: float = 20) -> bool:
    """Whether the process ended in time; it need not be our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def test_start_gives_the_match_when_the_child_says_it_is_ready(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, bool]:
        child = ChildProcess("child", tmp_path / "log")
        match = await child.start(
            command("print('before'); print('ready on 42', flush=True); import time; time.sleep(600)"),
            READY,
            timeout_seconds=30,
        )
        pid = child.pid
        await child.stop()
        return match.group(1), wait_for_end(pid, 0)

    assert asyncio.run(scenario()) == ("42", True)
    assert (tmp_path / "log").read_text() == "before\nready on 42\n"


def test_start_shows_the_last_lines_when_the_child_ends_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = ChildProcess("child", tmp_path / "log")
        await child.start(command("import sys; sys.exit('no licence')"), READY, timeout_seconds=30)

    with pytest.raises(ChildStartError, match=r"ended with status 1 before it was ready(.|\n)*no licence"):
        asyncio.run(scenario())


def test_child_is_gone_when_it_is_not_ready_in_time(tmp_path: Path) -> None:
    async def scenario() -> int:
        child = ChildProcess("child", tmp_path / "log")
        with pytest.raises(ChildStartError, match=r"not ready after 0\.2 s"):
            await child.start(command("import time; time.sleep(600)"), READY, timeout_seconds=0.2)
        return child.pid

    assert wait_for_end(asyncio.run(scenario()), 0)


def test_stop_kills_when_the_child_ignores_the_polite_signal(tmp_path: Path) -> None:
    async def scenario() -> bool:
        child = ChildProcess("child", tmp_path / "log")
        await child.start(command(STUBBORN), READY, timeout_seconds=30)
        await child.stop(grace_seconds=0.1)
        return child.running

    assert not asyncio.run(scenario())


PARENT = f"""
import asyncio, re, sys
from pathlib import Path
from emulator.services.child_process import ChildProcess
async def main():
    child = ChildProcess("child", Path(sys.argv[1]))
    await child.start([sys.executable, "-c", {STUBBORN!r}], re.compile("ready"), timeout_seconds=30)
    print(child.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
def test_child_is_gone_when_its_parent_is_killed(tmp_path: Path) -> None:
    # GIVEN a parent with a child that ignores SIGTERM
    root = Path(__file__).parents[3]
    parent = subprocess.Popen([*command(PARENT), str(tmp_path / "log")], stdout=subprocess.PIPE, cwd=root, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    # WHEN the parent is killed
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    # THEN the child goes too
    assert wait_for_end(child)
