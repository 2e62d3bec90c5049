"""Passes requests on, unchanged, to the server that emulates the rest."""

import asyncio
import logging
from contextlib import AsyncExitStack

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

_logger = logging.getLogger(__name__)

_WHOLE_BODY_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
# Source: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"})
_DYNAMODB = "DynamoDB_20120810."  # not that of DynamoDB Streams


class FallbackProxy:
    """Keeps a few connections to `url` open; path, query, Host and body go through as they came."""

    def __init__(self, url: str, *, connections: int = 32) -> None:
        self._url = url.rstrip("/")
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        # moto checks and stores in steps, in threads: what AWS does at once must have no rival here meanwhile.
        self._conditional_write = asyncio.Lock()
        self._table_access = asyncio.Lock()

    def start(self) -> None:
        """Open the session; needs a running loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def forward(self, request: web.BaseRequest, body: bytes | None = None) -> web.StreamResponse:
        """The fallback's answer to `request`; `body` is the request's where it has been read already."""
        assert self._session is not None
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP
        )
        async with AsyncExitStack() as stack:
            turn = self._find_turn(request)
            if turn is not None:
                await stack.enter_async_context(turn)
            wanted = self._session.request(
                request.method,
                URL(self._url + request.raw_path, encoded=True),
                headers=headers,
                data=await _take_body(request, headers) if body is None else body,
                allow_redirects=False,
            )
            try:
                answer = await stack.enter_async_context(wanted)
            except aiohttp.ClientConnectionError as error:
                _logger.exception("the server behind the gateway does not answer")
                return web.Response(status=503, text=f"the server behind the gateway does not answer: {error}")
            return await _pass_answer(request, answer)

    def _find_turn(self, request: web.BaseRequest) -> asyncio.Lock | None:
        """What the request has to wait for; None where it may overlap with any other."""
        headers = request.headers
        if headers.get("X-Amz-Target", "").startswith(_DYNAMODB):
            # All of them: an update without a condition loses additions too, and a read sees half an update, since
            # moto changes the stored item one attribute after the other.
            return self._table_access
        is_conditional = request.method == "PUT" and ("If-None-Match" in headers or "If-Match" in headers)
        return self._conditional_write if is_conditional else None


async def _take_body(request: web.BaseRequest, headers: CIMultiDict[str]) -> bytes | aiohttp.StreamReader | None:
    if not request.can_read_body:
        return None
    length = request.content_length
    if length is not None and length > _WHOLE_BODY_BYTES:
        return request.content
    body = await request.content.read(-1)
    headers["Content-Length"] = str(len(body))
    return body


async def _pass_answer(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP)
    length = answer.content_length
    if request.method != "HEAD" and length is not None and length <= _WHOLE_BODY_BYTES:
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=await answer.read())
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    if request.method != "HEAD":
        try:
            async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                await response.write(chunk)
        except aiohttp.ClientError:
            # The status is sent already: only a broken connection can still say that the body is not whole.
            if request.transport is not None:
                request.transport.abort()
            raise
    await response.write_eof()
    return response
