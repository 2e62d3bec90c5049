"""What the tests of the Lambda service share: packages, a running service, a meeting point with a handler."""

import asyncio
import contextlib
import io
import json
import os
import select
import textwrap
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from emulator.identity import Identity
from emulator.lambda_runtime import InvokeResult, LambdaService

RUNTIME = "python3.11"
# The handler says that it has begun and stays until the test lets it go.
MEETING = """
    import socket
    def meet(port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"here")
            connection.recv(1)
"""


def make_zip(files: Mapping[str, str]) -> bytes:
    """A deployment package with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, textwrap.dedent(text))
    return buffer.getvalue()


@asynccontextmanager
async def running_service(runtime_dir: Path, tmp_path: Path, **options: Any) -> AsyncIterator[LambdaService]:
    """A started service that is closed at the end."""
    service = LambdaService(Identity(), runtime_dir=runtime_dir, work_dir=tmp_path / "work", **options)
    await service.start()
    try:
        yield service
    finally:
        await service.close()


async def create_function(
    service: LambdaService, code: str, name: str = "sync_users", **members: Any
) -> dict[str, Any]:
    """Create a function whose app.py is `code`, with the handler app.handler."""
    request = {
        "Runtime": RUNTIME,
        "Handler": "app.handler",
        "Role": "arn:aws:iam::123456789012:role/test",
        "Timeout": 30,  # a busy machine is no failure
        **members,
    }
    return await service.call(
        "CreateFunction", {"FunctionName": name, "Code": {"ZipFile": make_zip({"app.py": code})}, **request}
    )


async def invoke(
    service: LambdaService, event: Any = None, function: str = "sync_users", **options: Any
) -> InvokeResult:
    """Invoke with a bound on the time that a broken service may take."""
    payload = json.dumps(event if event is not None else {}).encode()
    async with asyncio.timeout(60):
        return await service.invoke(function, payload, **options)


def wait_for_end(pids: list[int]) -> None:
    """Return when all have ended; they are not our children, so the kernel tells through their descriptors."""
    descriptors = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptors.append(os.pidfd_open(pid))
    try:
        for descriptor in descriptors:
            ready, _, _ = select.select([descriptor], [], [], 20)
            assert ready, f"one of the processes {pids} lives on"
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


class Meeting:
    """Handlers that call `meet(port)` wait here until `release`."""

    def __init__(self) -> None:
        self._arrivals: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._present: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._is_open = False
        self.port = 0

    async def __aenter__(self) -> "Meeting":
        self._server = await asyncio.start_server(self._arrive, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.release()
        assert self._server is not None
        self._server.close()

    async def arrived(self, count: int = 1) -> None:
        """Return when `count` further handlers have come."""
        async with asyncio.timeout(60):
            for _ in range(count):
                self._present.append(await self._arrivals.get())

    async def release(self) -> None:
        """Let all who have come go on."""
        present, self._present = self._present, []
        for writer in present:
            writer.close()

    def open(self) -> None:
        """Let everybody go on, now and later."""
        self._is_open = True
        for writer in self._present:
            writer.close()

    async def _arrive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4)
        if self._is_open:
            writer.close()
        self._arrivals.put_nowait(writer)
