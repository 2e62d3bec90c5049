"""A server of the partner API on this process's own loop, and a client that sees raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from emulator.partner_api.options import PartnerApiOptions
from emulator.partner_api.protocol import PartnerProtocol
from emulator.partner_api.service import PartnerService

WAIT_SECONDS = 10  # a hang becomes a failure


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection to the server, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read_response(self) -> Response:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)).decode()
        lines = head.split("\r\n")
        pairs = (line.split(": ", 1) for line in lines[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        length = int(headers["content-length"])
        body = await asyncio.wait_for(self.reader.readexactly(length), WAIT_SECONDS)
        return Response(int(lines[0].split(" ")[1]), headers, body)

    async def read_rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), WAIT_SECONDS)

    async def get(self, path: str) -> Response:
        self.send(f"GET {path} HTTP/1.1\r\nHost: partner\r\n\r\n".encode())
        return await self.read_response()

    async def post(self, path: str, body: bytes) -> Response:
        self.send(f"POST {path} HTTP/1.1\r\nHost: partner\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return await self.read_response()

    async def get_points(self, user_id: str) -> Response:
        return await self.get(f"/v1/users/{user_id}/points")


class Partner(NamedTuple):
    service: PartnerService
    connect: Callable[[], Awaitable[Client]]


@contextlib.asynccontextmanager
async def serve_partner(**options: Any) -> AsyncIterator[Partner]:
    """The service, and how to connect to it; latency is 0 unless asked for."""
    loop = asyncio.get_running_loop()
    service = PartnerService(PartnerApiOptions(**{"latency_ms": 0, **options}))
    server = await loop.create_server(lambda: PartnerProtocol(service, loop.call_later), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clients: list[Client] = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    try:
        yield Partner(service, connect)
    finally:
        for client in clients:
            client.writer.close()
            with contextlib.suppress(ConnectionError):
                await client.writer.wait_closed()
        server.close()
        await server.wait_closed()


ServePartner = Callable[..., contextlib.AbstractAsyncContextManager[Partner]]


@pytest.fixture
def serve() -> ServePartner:
    return serve_partner
