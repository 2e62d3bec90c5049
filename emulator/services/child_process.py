"""A child process that is ready when its own output says so, and that never outlives its parent."""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from emulator.services.server_account import NO_OTHER_ACCOUNT, ServerAccount

_PR_SET_PDEATHSIG = 1
_LAST_LINES = 20


class ChildStartError(RuntimeError):
    """A child that did not become ready, with the last lines that it wrote."""


def make_before_exec(account: ServerAccount = NO_OTHER_ACCOUNT) -> Callable[[], None]:
    """What a child runs between fork and exec: change to `account`, and have the kernel kill it when we die.

    In this order, because the kernel forgets the signal when the user changes
    (https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html). Only Linux has that signal. It is not left to
    subprocess' arguments `user` and `group`, because uvloop has none.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform.startswith("linux") else None
    parent = os.getpid()

    def before_exec() -> None:
        if account.user_id is not None and account.group_id is not None:
            os.setgroups([])
            os.setgid(account.group_id)
            os.setuid(account.user_id)
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # the parent died between fork and prctl
                os._exit(1)

    return before_exec


class ChildProcess:
    """One running child: its output goes to `log_path`, its last lines are kept for error messages."""

    def __init__(self, name: str, log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[re.Match[str]] | None = None

    @property
    def pid(self) -> int:
        """Process id; raises when the child was never started."""
        if self._process is None:
            raise ChildStartError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the child is alive."""
        return self._process is not None and self._process.returncode is None

    @property
    def last_lines(self) -> str:
        """The last lines that the child wrote."""
        return "\n".join(self._last_lines)

    async def start(
        self,
        command: Sequence[str],
        ready: re.Pattern[str],
        *,
        timeout_seconds: float,
        account: ServerAccount = NO_OTHER_ACCOUNT,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> re.Match[str]:
        """The first match of `ready` in the child's output; the child is gone when this raises."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=directory,
            start_new_session=True,  # a Ctrl-C at the terminal is the parent's to handle, in its order
            preexec_fn=make_before_exec(account),
        )
        self._output = loop.create_task(self._keep_output(ready), name=f"output of {self.name}")
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), timeout_seconds)
        except TimeoutError:
            await self.stop(grace_seconds=0)
            raise ChildStartError(
                f"{self.name} was not ready after {timeout_seconds:g} s; its last lines ({self.log_path}):\n"
                f"{self.last_lines}"
            ) from None
        except BaseException:
            self._ready.cancel()  # nobody will ask any more why it was not ready
            await self.stop(grace_seconds=0)
            raise

    async def stop(self, *, grace_seconds: float = 10) -> None:
        """Return when the child is gone: SIGTERM first, SIGKILL after `grace_seconds`."""
        process = self._process
        if process is None:
            return
        if process.returncode is None and grace_seconds > 0:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), grace_seconds)
        await self.kill()

    async def kill(self) -> None:
        """Return when the child is gone by SIGKILL: what a crash of its machine looks like."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        if self._output is not None:
            await self._output
            self._output = None

    async def _keep_output(self, ready: re.Pattern[str]) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._ready is not None
        with self.log_path.open("ab", buffering=0) as log:
            while chunk := await self._process.stdout.readline():
                log.write(chunk)
                line = chunk.decode(errors="replace").rstrip()
                self._last_lines.append(line)
                if not self._ready.done() and (match := ready.search(line)):
                    self._ready.set_result(match)
        if not self._ready.done():
            status = await self._process.wait()
            error = ChildStartError(
                f"{self.name} ended with status {status} before it was ready; its last lines ({self.log_path}):\n"
                f"{self.last_lines}"
            )
            self._ready.set_exception(error)
