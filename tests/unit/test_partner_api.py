"""The partner API adapter against a small server of its own."""

import asyncio
import datetime
import json
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from express_batch.adapters.partner_api import (
    MAX_ANSWER_BYTES,
    MAX_RETRY_AFTER_SECONDS,
    HttpPartnerApi,
    PartnerApiConnections,
    parse_retry_after,
)
from express_batch.errors import (
    AnswerTooLargeError,
    ApiRejectedError,
    ApiServerError,
    ApiThrottledError,
    ApiTimeoutError,
    ApiUnreachableError,
    MalformedAnswerError,
    PartnerApiError,
    SettingsError,
)
from express_batch.job_contract import PartnerApi, User
from hypothesis import given
from hypothesis import strategies as st
from job import loyalty_points

from tests.fakes.bounds import BOUNDED
from tests.fakes.json_values import nested_json

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Partner:
    """The server, in a thread of its own; `answer` is what it does with any request."""

    def __init__(self) -> None:
        self.answer: Handler = self.give_json
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="partner")
        self._thread.start()
        self._runner = self._run(self._start())
        self.port: int = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def give_json(self, request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"path": request.raw_path})

    def stop(self) -> None:
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _start(self) -> web.ServerRunner:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            self.requests.append((request.raw_path, dict(request.headers)))
            return await self.answer(request)

        # handler_cancellation: a handler that waits for ever ends with its client.
        runner = web.ServerRunner(web.Server(handle, access_log=None, handler_cancellation=True), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner


@pytest.fixture(scope="module")
def running_partner() -> Iterator[Partner]:
    partner = Partner()
    yield partner
    partner.stop()


@pytest.fixture
def partner(running_partner: Partner) -> Partner:
    running_partner.answer = running_partner.give_json
    running_partner.requests.clear()
    return running_partner


def close(connections: PartnerApiConnections) -> None:
    async def close_session(api: PartnerApi) -> None:
        assert isinstance(api, HttpPartnerApi)
        await api._session.close()

    connections.run(close_session)
    connections._loop.close()


def get(url: str, path: str, *, timeout_seconds: float = 20.0) -> Any:
    connections = PartnerApiConnections(url, timeout_seconds=timeout_seconds, connections=4)
    try:
        return connections.run(lambda api: api.get_json(path))
    finally:
        close(connections)


def answering(status: int, body: bytes = b"secret", headers: dict[str, str] | None = None) -> Handler:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return answer


def get_refused(partner: Partner, answer: Handler, **options: Any) -> PartnerApiError:
    """The error; it names the path and holds nothing of the answer."""
    partner.answer = answer
    with pytest.raises(PartnerApiError) as refusal:
        get(partner.url, "/v1/users/u1/points", **options)
    assert "/v1/users/u1/points" in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert len(partner.requests) == 1
    return refusal.value


def test_answer_is_the_decoded_json_when_the_partner_says_200(partner: Partner) -> None:
    assert get(f"{partner.url}/base/", "/v1/x?y=1") == {"path": "/base/v1/x?y=1"}
    assert partner.requests[0][1]["Accept"] == "application/json"


def test_call_is_throttled_with_its_wait_when_the_partner_says_429(partner: Partner) -> None:
    error = get_refused(partner, answering(429, headers={"Retry-After": "7"}))

    assert isinstance(error, ApiThrottledError)
    assert error.retry_after_seconds == 7.0


@pytest.mark.parametrize("retry_after", ["soon", "Mon, 99 Nov 99999999999999999999 08:00:00 GMT"])
def test_call_is_throttled_without_a_wait_when_retry_after_is_nonsense(partner: Partner, retry_after: str) -> None:
    error = get_refused(partner, answering(429, headers={"Retry-After": retry_after}))

    assert isinstance(error, ApiThrottledError)
    assert error.retry_after_seconds is None


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_call_may_be_repeated_when_the_partner_fails(partner: Partner, status: int) -> None:
    error = get_refused(partner, answering(status))

    assert type(error) is ApiServerError
    assert error.retryable


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 410, 422])
def test_call_is_rejected_when_the_partner_says_anything_else(partner: Partner, status: int) -> None:
    error = get_refused(partner, answering(status, b"" if status == 204 else b"secret"))

    assert type(error) is ApiRejectedError
    assert not error.retryable
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_refused_and_not_followed(partner: Partner, status: int) -> None:
    """Another host would be handed what the headers hold."""
    error = get_refused(partner, answering(status, headers={"Location": f"{partner.url}/elsewhere"}))

    assert type(error) is ApiRejectedError


def test_answer_is_refused_when_it_announces_too_many_bytes(partner: Partner) -> None:
    error = get_refused(partner, answering(200, b"x" * (MAX_ANSWER_BYTES + 1)))

    assert type(error) is AnswerTooLargeError


def test_answer_is_refused_when_it_never_ends(partner: Partner) -> None:
    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 100_000)

    assert type(get_refused(partner, stream)) is AnswerTooLargeError


@pytest.mark.parametrize(
    "body",
    [b"", b"secret", b"<html>secret</html>", b'{"secret": ', b"\xff\xfe\x00secret", nested_json(200_000), b"9" * 5000],
    ids=["empty", "text", "html", "truncated", "bytes", "deep", "number of 5000 digits"],
)
def test_answer_is_malformed_when_it_is_not_json(partner: Partner, body: bytes) -> None:
    assert type(get_refused(partner, answering(200, body))) is MalformedAnswerError


def drop(request: web.BaseRequest) -> None:
    assert request.transport is not None
    request.transport.abort()


def test_partner_is_unreachable_when_it_drops_the_connection(partner: Partner) -> None:
    """In mid-answer, since a drop before it is repeated by aiohttp itself."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"secret")
        drop(request)
        return response

    error = get_refused(partner, answer)

    assert type(error) is ApiUnreachableError
    assert error.retryable


def test_partner_is_unreachable_when_an_encoding_is_broken(partner: Partner) -> None:
    error = get_refused(partner, answering(200, b"secret", {"Content-Encoding": "gzip"}))

    assert type(error) is ApiUnreachableError


def test_partner_is_unreachable_when_nobody_listens(unused_tcp_port: int) -> None:
    with pytest.raises(ApiUnreachableError, match=f"127.0.0.1:{unused_tcp_port}/x"):
        get(f"http://127.0.0.1:{unused_tcp_port}", "/x")


def test_call_times_out_when_the_answer_does_not_come(partner: Partner) -> None:
    async def wait(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("never")

    error = get_refused(partner, wait, timeout_seconds=0.2)

    assert type(error) is ApiTimeoutError
    assert error.retryable


def test_call_times_out_when_the_answer_does_not_end(partner: Partner) -> None:
    async def begin(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"secret"')
        await asyncio.Event().wait()
        raise AssertionError("never")

    assert type(get_refused(partner, begin, timeout_seconds=0.2)) is ApiTimeoutError


ODD_USERS = [
    ("a/b", "a%2Fb"),
    ("a b", "a%20b"),
    ("a?b=c#d", "a%3Fb%3Dc%23d"),
    ("100%", "100%25"),
    ("%2F", "%252F"),
    ("ü😀", "%C3%BC%F0%9F%98%80"),
    ("a&b;c", "a%26b%3Bc"),
    ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
    ("../../admin", "..%2F..%2Fadmin"),
    ("..", ".."),
    ("\\'\"`", "%5C%27%22%60"),
]


@pytest.mark.parametrize(("user_id", "quoted"), ODD_USERS)
def test_user_id_arrives_quoted_and_whole(partner: Partner, user_id: str, quoted: str) -> None:
    connections = PartnerApiConnections(partner.url, timeout_seconds=20, connections=1)
    try:
        connections.run(lambda api: loyalty_points.call_api(api, User(user_id, "acme")))
    finally:
        close(connections)

    ((path, headers),) = partner.requests
    assert path == f"/v1/users/{quoted}/points"
    assert "X-Evil" not in headers


def test_connection_is_kept_from_invocation_to_invocation(partner: Partner) -> None:
    ports: set[Any] = set()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername"))
        # A cookie of one user must not travel with another user's call.
        return web.Response(body=b"{}", headers={"Set-Cookie": "user=1"})

    partner.answer = answer
    connections = PartnerApiConnections(partner.url, timeout_seconds=20, connections=4)
    try:
        for _ in range(3):
            connections.run(lambda api: api.get_json("/x"))
    finally:
        close(connections)

    assert len(ports) == 1
    assert all("Cookie" not in headers for _, headers in partner.requests)


def test_connections_are_usable_after_an_invocation_failed(partner: Partner) -> None:
    connections = PartnerApiConnections(partner.url, timeout_seconds=20, connections=4)

    async def fail(api: PartnerApi) -> None:
        raise KeyError("the job's own")

    try:
        with pytest.raises(KeyError):
            connections.run(fail)
        assert connections.run(lambda api: api.get_json("/x")) == {"path": "/x"}
    finally:
        close(connections)


@pytest.mark.parametrize("url", ["", "api.example", "ftp://api.example", "https://", "/v1"])
def test_address_is_refused_by_its_variable_when_it_is_none(url: str) -> None:
    with pytest.raises(SettingsError, match="PARTNER_API_URL"):
        PartnerApiConnections(url, timeout_seconds=1, connections=1)


NOW = datetime.datetime(2026, 11, 22, 8, 30, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("0", 0.0),
        ("-5", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("86400", MAX_RETRY_AFTER_SECONDS),
        ("Sun, 22 Nov 2026 08:31:00 GMT", 60.0),
        ("Sun, 22 Nov 2026 08:29:00 GMT", 0.0),
        ("Wed, 22 Nov 2028 08:31:00 GMT", MAX_RETRY_AFTER_SECONDS),
        ("Sun, 99 Nov 2026 08:31:00 GMT", None),
        ("Nov 08:00:00 GMT 99999999999999999999", None),
    ],
)
def test_retry_after_is_seconds_to_wait_in_either_of_its_forms(value: str | None, seconds: float | None) -> None:
    """Source: https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3"""
    assert parse_retry_after(value, NOW) == seconds


DATE_WORDS = st.sampled_from(
    ["Sun,", "22", "99", "Nov", "2026", "0001", "9" * 20, "08:31:00", "1.2.3", "8:", "GMT", "-0000", "+9999", "-", ","]
)


@BOUNDED
@given(st.text(max_size=30) | st.lists(DATE_WORDS, max_size=7).map(" ".join))
def test_retry_after_never_raises_whatever_the_partner_sends(value: str) -> None:
    seconds = parse_retry_after(value, NOW)

    assert seconds is None or 0.0 <= seconds <= MAX_RETRY_AFTER_SECONDS


@pytest.fixture
def unused_tcp_port() -> Iterator[int]:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        yield unused.getsockname()[1]


def test_answer_of_a_big_but_allowed_size_is_taken(partner: Partner) -> None:
    body = json.dumps({"value": "x" * (MAX_ANSWER_BYTES - 20)}).encode()
    partner.answer = answering(200, body)

    assert len(get(partner.url, "/x")["value"]) == MAX_ANSWER_BYTES - 20


@pytest.mark.parametrize("path", ["", "u1", ".evil.example/u1", "@evil.example/u1", ":8080/u1"])
def test_path_is_refused_when_it_would_become_part_of_the_host(partner: Partner, path: str) -> None:
    """A job that forgets the slash would let a user id choose who is called."""
    with pytest.raises(ValueError, match="slash"):
        get(partner.url, path)

    assert partner.requests == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_answer_is_refused_when_it_unpacks_to_more_than_an_answer_may_have(partner: Partner, encoding: str) -> None:
    """50 MB in some 50 kB."""
    packed = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    body = packed.compress(b"[" * 50_000_000) + packed.flush()
    assert len(body) < 60_000

    error = get_refused(partner, answering(200, body, {"Content-Encoding": encoding}))

    assert type(error) is AnswerTooLargeError


def send_raw(head: bytes) -> Handler:
    """Bytes that no web framework would send."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(head)
        await asyncio.Event().wait()
        raise AssertionError("never")

    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX-Secret: " + b"secret" * 200_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: secret\r\n" % number for number in range(100_000)),
        b"HTTP/1.1 200 " + b"secret" * 200_000,
        b"secret" * 10,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 6\r\n\r\nsecret",
    ],
    ids=["one long header", "100,000 headers", "long status line", "no HTTP", "two lengths"],
)
def test_partner_is_unreachable_when_its_head_is_none_that_http_allows(partner: Partner, head: bytes) -> None:
    """At once, and not when its time is over."""
    assert type(get_refused(partner, send_raw(head))) is ApiUnreachableError


def test_call_times_out_when_the_answer_drips(partner: Partner) -> None:
    """Each byte comes in time; the whole answer does not."""

    async def drip(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    assert type(get_refused(partner, drip, timeout_seconds=0.3)) is ApiTimeoutError


def test_call_times_out_when_the_head_drips(partner: Partner) -> None:
    async def drip(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            request.transport.write(b"A: b\r\n")
            await asyncio.sleep(0.02)

    assert type(get_refused(partner, drip, timeout_seconds=0.3)) is ApiTimeoutError
