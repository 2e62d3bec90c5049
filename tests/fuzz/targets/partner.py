"""The partner: bytes of a hostile server, answers of any shape, and users whose ids are anything."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import Awaitable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

import aiohttp
from express_batch.adapters.partner_api import (
    MAX_ANSWER_BYTES,
    MAX_RETRY_AFTER_SECONDS,
    HttpPartnerApi,
    check_request,
    parse_retry_after,
)
from express_batch.errors import PartnerApiError, RequestRefusedError
from express_batch.job_contract import User
from express_batch.outside_json import decode_json
from express_batch.partner_calls import SliceAnswers, fetch_slice
from express_batch.stream_record import decode_record, encode_records
from job import loyalty_points

from tests.fakes.deliveries import RUN
from tests.fakes.virtual_time import run_virtual
from tests.fuzz.target import Target

USER = User("u1", "acme")
ANSWER = b'{"user_id": "u1", "points": 94750, "tier": "platinum", "updated_at": "2026-04-14T09:57:17.266Z"}'


class HostileServer:
    """A server that sends given bytes, whatever is asked, and an HttpPartnerApi before it; both in one loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # a connection that both sides give up is no news
        self._answer = b""
        self._api: HttpPartnerApi | None = None

    def get(self, answer: bytes) -> Any:
        """What the adapter makes of an answer."""
        self._answer = answer
        return self._loop.run_until_complete(self._get())

    async def _get(self) -> Any:
        if self._api is None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=5),
            )
            self._api = HttpPartnerApi(f"http://127.0.0.1:{port}", session)
        return await self._api.get_json("/v1/users/u1/points")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer)
            await writer.drain()
        writer.close()


@cache
def _server() -> HostileServer:
    return HostileServer()


def _hostile(data: bytes) -> Any:
    return _server().get(data)


def _http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def _answer(data: bytes) -> SliceAnswers:
    """A slice whose one user is answered so; the adapter has turned the bytes into JSON, or refused them."""
    answer = decode_json(data, half_pairs=True)

    class Api:
        async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
            assert not headers
            check_request(path, {})
            return answer

    return run_virtual(
        fetch_slice(
            [USER],
            first_position=0,
            job=loyalty_points,
            api=Api(),
            calls_in_flight=1,
            seconds_left=10.0,
            now_microseconds=lambda: 5,
        )
    )


def _check_slice(answers: SliceAnswers) -> None:
    """The user has a row that travels, or failed by name, without what the partner said."""
    assert len(answers.rows) + len(answers.failures) == 1
    for failure in answers.failures:
        assert failure.reason == "MalformedAnswerError"
        assert len(failure.detail) < 200
    for row in answers.rows:
        assert row.values[0] == USER.user_id
    for piece in encode_records(
        answers.rows,
        run_id=RUN,
        chunk=0,
        start=0,
        attempt_id="a",
        trace_header=None,
        columns=loyalty_points.TABLE.columns,
    ):
        assert list(decode_record(piece).rows) == answers.rows


def _user_id(data: bytes) -> tuple[str, str]:
    """(the id, the path that is sent for it). Ids come out of chunks, so they are text that UTF-8 has."""
    sent: list[str] = []
    user_id = data.decode()

    class Api:
        async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
            check_request(path, headers or {})
            sent.append(path)

    work: Awaitable[Any] = loyalty_points.call_api(Api(), User(user_id, "acme"))
    with contextlib.suppress(StopIteration):
        work.__await__().send(None)  # it awaits nothing else
    return user_id, sent[0]


def _check_path(sent: tuple[str, str]) -> None:
    """One segment that says the id, at a server that decodes once and then takes dots away, too."""
    user_id, path = sent
    assert path.isascii()
    head, users, quoted, tail = path.rsplit("/", 3)
    assert (head, users, tail, unquote(quoted)) == ("/v1", "users", "points", user_id)
    resolved = unquote(path).replace("\\", "/").split("/")
    assert not {".", ".."} & {part.partition(";")[0] for part in resolved}
    assert unquote(path).isprintable() or all(
        ord(letter) > 0x7F for letter in unquote(path) if not letter.isprintable()
    )


def _retry_after(data: bytes) -> float | None:
    return parse_retry_after(data.decode("latin-1"), 1_795_336_200.0)


def _check_wait(seconds: float | None) -> None:
    assert seconds is None or 0.0 <= seconds <= MAX_RETRY_AFTER_SECONDS


TARGETS = (
    Target(
        "partner-http",
        _hostile,
        (
            _http(ANSWER, "Content-Type: application/json"),
            _http(gzip.compress(ANSWER, mtime=0), "Content-Encoding: gzip"),
            _chunked(ANSWER),
            b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER,
            _http(b"[" + b"1," * (MAX_ANSWER_BYTES // 20) + b"1]"),
        ),
        (PartnerApiError,),
        (
            "express_batch.adapters.partner_api:HttpPartnerApi.get_json",
            "express_batch.adapters.answer_memory:AnswerMemory.read",
        ),
    ),
    Target(
        "partner-http-refusal",
        _hostile,
        (
            _http(ANSWER),
            _http(b"slow down", "Retry-After: 7", status="429 Too Many Requests"),
            _http(b"", "Retry-After: Sun, 22 Nov 2026 08:31:00 GMT", status="429 Too Many Requests"),
            _http(b"", "Location: /elsewhere", "Set-Cookie: a=b", status="302 Found"),
            b"HTTP/1.1 100 Continue\r\n\r\n" + _http(ANSWER),
        ),
        (PartnerApiError,),
        ("express_batch.adapters.partner_api:_refusal", "express_batch.adapters.partner_api:parse_retry_after"),
    ),
    Target(
        "partner-answer",
        _answer,
        (
            ANSWER,
            json.dumps({"user_id": "u1", "points": 0, "tier": "é", "updated_at": "2026-04-14T09:57:17+09:00"}).encode(),
        ),
        (ValueError,),
        ("express_batch.outside_json:decode_json", "job.loyalty_points:make_row"),
        _check_slice,
    ),
    Target(
        "user-id",
        _user_id,
        tuple(
            text.encode() for text in ("user-1", "a/b", "a b", "100%", "%2F", "ü😀", "a?b=c#d", "a;b", "...", "a\\b")
        ),
        (RequestRefusedError, UnicodeDecodeError),
        ("express_batch.adapters.partner_api:check_request", "job.loyalty_points:call_api"),
        _check_path,
    ),
    Target(
        "retry-after",
        _retry_after,
        (b"7", b"1.5", b"Sun, 22 Nov 2026 08:31:00 GMT"),
        (),
        ("express_batch.adapters.partner_api:parse_retry_after",),
        _check_wait,
    ),
)
