"""Lets containers reach servers that listen on the loopback alone."""

import asyncio
import contextlib
import threading
from collections.abc import Iterable
from types import TracebackType


class Forwarder:
    """`with Forwarder(address, ports) as forwarder`: connections to `address` are passed on to 127.0.0.1.

    `ports[n]` is the port on `address` that leads to port n of the loopback. The servers themselves stay where nobody
    but this machine reaches them; `address` is a bridge that leads to containers only.
    """

    def __init__(self, address: str, ports: Iterable[int]) -> None:
        self._address = address
        self._wanted = list(ports)
        self.ports: dict[int, int] = {}
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="forwarder")
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    def __enter__(self) -> "Forwarder":
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with contextlib.AsyncExitStack() as servers:
            connections: set[asyncio.Task[None]] = set()
            try:
                for port in self._wanted:
                    server = await servers.enter_async_context(await self._listen(port, connections))
                    self.ports[port] = server.sockets[0].getsockname()[1]
            except OSError as error:
                self._error = error
                return
            finally:
                self._ready.set()
            await self._stop.wait()
            for connection in connections:
                connection.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _listen(self, port: int, connections: set[asyncio.Task[None]]) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            task.add_done_callback(connections.discard)
            with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
                other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
                with contextlib.closing(other_writer):
                    await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))

        return await asyncio.start_server(connected, self._address, 0)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
