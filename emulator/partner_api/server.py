"""The listening socket and the process's life."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable

from emulator.partner_api.lateness import watch_lateness
from emulator.partner_api.options import PartnerApiOptions
from emulator.partner_api.protocol import PartnerProtocol
from emulator.partner_api.service import PartnerService

_BACKLOG = 4096
_PR_SET_PDEATHSIG = 1


def run_server(options: PartnerApiOptions, port: int, announce: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT; `announce` gets the URL once connections are accepted."""
    # Cycles are rare here and every user is an object: full collections would cost more than what they free.
    gc.set_threshold(100_000, 50, 1000)
    loop_factory = _find_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(PartnerService(options), port, announce))


def die_with_parent(parent_pid: int) -> None:
    """This process gets SIGKILL when its parent ends. Linux only; elsewhere the parent has to stop it."""
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")
    if os.getppid() != parent_pid:  # it ended before the call above
        raise SystemExit(f"the parent process {parent_pid} is gone")


def _find_loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 (optional)
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(service: PartnerService, port: int, announce: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it on Linux; both asyncio and uvloop set it on each connection besides.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.closing(listener):
        listener.bind(("127.0.0.1", port))
        server = await loop.create_server(
            lambda: PartnerProtocol(service, loop.call_later), sock=listener, backlog=_BACKLOG
        )
        watching = asyncio.ensure_future(watch_lateness(service.account.note_lateness))
        announce(f"http://127.0.0.1:{listener.getsockname()[1]}")
        await stopped.wait()
        watching.cancel()
        server.close()
