"""Execution environments as processes: start the zygote, fork, kill, hear of exits."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.faults.clock import make_zygote_environment, remove_leavings

KILLED = 9  # wait status of a process that SIGKILL ended
OnExit = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """All that a forked environment is told."""

    handler: str
    task_root: Path
    path: Sequence[Path]
    environment: Mapping[str, str]


class ZygoteClient:
    """Forks environments through one zygote process, which is started when first needed."""

    def __init__(self, runtime_directory: Path, cache_bytecode: bool = True, clock_library: Path | None = None) -> None:
        self._runtime_directory = runtime_directory
        self._cache_bytecode = cache_bytecode
        self._clock_library = clock_library
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._received = b""
        self._answer: asyncio.Future[int] | None = None  # to the one request under way
        self._on_exit: dict[int, OnExit] = {}
        self._exited_early: dict[int, int] = {}
        self._lock = asyncio.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the zygote, None while there is none."""
        return self._process.pid if self._process is not None and self._control is not None else None

    async def start(self) -> None:
        """Start the zygote, so that the first environment does not wait for it."""
        async with self._lock:
            if self._control is None:
                await self._start()

    async def fork(self, spec: ProcessSpec, log_descriptor: int, on_exit: OnExit) -> int:
        """Process id of a new environment that writes to `log_descriptor`; `on_exit(status)` is called when it ends."""
        message = {
            "fork": {
                "handler": spec.handler,
                "task_root": str(spec.task_root),
                "path": [str(directory) for directory in spec.path],
                "environment": dict(spec.environment),
            }
        }
        async with self._lock:
            if self._control is None:
                await self._start()
            assert self._control is not None
            self._answer = asyncio.get_running_loop().create_future()
            socket.send_fds(self._control, [json.dumps(message).encode() + b"\n"], [log_descriptor])
            pid = await self._answer
        self._on_exit[pid] = on_exit
        if pid in self._exited_early:
            self._report_exit(pid, self._exited_early.pop(pid))
        return pid

    def kill(self, pid: int) -> None:
        """End the environment's whole process group at once."""
        if self._control is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._control.send(json.dumps({"kill": pid}).encode() + b"\n")

    async def close(self) -> None:
        """End the zygote, and with it every environment."""
        self._closed = True
        self._lose_control()
        if self._process is not None:
            # The zygote leaves at the end of its control socket, after it has killed its environments.
            await self._process.wait()
            if self._clock_library is not None:
                remove_leavings(self._process.pid)
            self._process = None

    async def _start(self) -> None:
        if self._closed:
            raise ConnectionError("the Lambda service is closed")
        if self._process is not None:
            await self._process.wait()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            # The base interpreter without site: a Lambda sees the standard library and what it brings along.
            self._process = await asyncio.create_subprocess_exec(
                getattr(sys, "_base_executable", sys.executable),
                *("-I", "-S", "-X", "utf8", str(Path(__file__).with_name("zygote.py"))),
                *(str(theirs.fileno()), str(self._runtime_directory)),
                *("1" if self._cache_bytecode else "0", str(os.getpid())),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the emulator, which then closes it
                env=self._make_environment(),
                cwd="/",
            )
        self._control = ours
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(ours, self._read)
        await self._answer

    def _make_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        return kept if self._clock_library is None else {**kept, **make_zygote_environment(self._clock_library)}

    def _read(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._lose_control()
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "exited" in message:
                self._report_exit(message["exited"], message["status"])
            elif self._answer is not None and not self._answer.done():
                self._answer.set_result(message.get("forked", message.get("ready")))

    def _report_exit(self, pid: int, status: int) -> None:
        on_exit = self._on_exit.pop(pid, None)
        if on_exit is None:
            self._exited_early[pid] = status
        else:
            on_exit(status)

    def _lose_control(self) -> None:
        """Without the zygote no environment lives: report them all as killed."""
        if self._control is None:
            return
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self._control = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(
                ConnectionError(
                    "the Lambda zygote process ended; its error output says why, the next invocation retries"
                )
            )
        orphans, self._on_exit = self._on_exit, {}
        for on_exit in orphans.values():
            on_exit(KILLED)
