"""HTTP/1.1 on the wire: parts, pipelines, keep-alive, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

from tests.emulator.partner_api.conftest import ServePartner

ONE = b"GET /v1/users/u1/points HTTP/1.1\r\nHost: partner\r\n\r\n"


def test_server_answers_when_a_request_comes_byte_by_byte(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve() as partner:
            # GIVEN a connection
            client = await partner.connect()
            # WHEN the request comes in single bytes
            for byte in ONE:
                client.send(bytes([byte]))
                await client.writer.drain()
            # THEN it is answered, and the connection serves the next
            assert (await client.read_response()).document["user_id"] == "u1"
            assert (await client.get_points("u2")).document["user_id"] == "u2"
            assert partner.service.account.connections_total == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("latency_ms", [0, 1])
def test_server_answers_in_order_when_requests_are_pipelined(serve: ServePartner, latency_ms: int) -> None:
    async def scenario() -> None:
        async with serve(latency_ms=latency_ms) as partner:
            # GIVEN 50 users / WHEN all are asked in one write / THEN the answers keep their order
            client = await partner.connect()
            client.send(b"".join(ONE.replace(b"u1", b"u%d" % number) for number in range(50)))
            for number in range(50):
                assert (await client.read_response()).document["user_id"] == f"u{number}"

    asyncio.run(scenario())


def test_server_decodes_the_user_id_when_it_is_percent_encoded(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve() as partner:
            # GIVEN an id with a slash and an umlaut / WHEN asked percent-encoded / THEN it comes back decoded
            response = await (await partner.connect()).get_points("a%2Fb%C3%BC")
            assert response.document["user_id"] == "a/bü"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v1/users/u1/points HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET /v1/users/u1/points HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /v1/users/u1/points HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        (b"GET /v1/users/u1/points HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET /v1/users/%FF/points HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /v1/users/u1/points HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /v1/users/u1/points extra HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /v1/users//points HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"PUT /v1/users/u1/points HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"POST /_control/stats HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"POST /_control/reset HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /_control/reset HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /_control/reset HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /_control/reset HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"POST /_control/reset HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", 417),
        (b"POST /_control/options HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{", 400),
        (b"POST /_control/options HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n[]", 400),
        (b"POST /_control/options HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n" + b'{"bad": 1}', 400),
        (b"GET /" + b"x" * 20_000, 431),
    ],
)
def test_server_refuses_and_closes_when_a_request_is_bad(
    serve: ServePartner, request_bytes: bytes, status: int
) -> None:
    async def scenario() -> None:
        async with serve() as partner:
            # GIVEN a connection / WHEN the request is bad
            client = await partner.connect()
            client.send(request_bytes)
            # THEN it is refused with its status, the connection ends, and no user was called
            response = await client.read_response()
            assert response.status == status
            assert response.document["message"]
            assert response.headers["connection"] == "close"
            assert await client.read_rest() == b""
            assert not partner.service.account.users

    asyncio.run(scenario())


def test_server_sends_no_body_when_the_method_is_head(serve: ServePartner) -> None:
    async def scenario() -> None:
        async with serve() as partner:
            # GIVEN a connection / WHEN HEAD is asked / THEN it is refused, without content
            client = await partner.connect()
            client.send(ONE.replace(b"GET", b"HEAD"))
            response = await client.read_response()
            assert (response.status, response.headers["allow"], response.body) == (405, "GET", b"")
            assert await client.read_rest() == b""

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "request_bytes", [ONE.replace(b"1.1", b"1.0"), ONE.replace(b"Host", b"Connection: close\r\nHost")]
)
def test_server_closes_after_the_answer_when_the_client_wishes_so(serve: ServePartner, request_bytes: bytes) -> None:
    async def scenario() -> None:
        async with serve(latency_ms=1) as partner:
            # GIVEN a client of one request / WHEN answered / THEN the connection ends
            client = await partner.connect()
            client.send(request_bytes)
            assert (await client.read_response()).status == 200
            assert await client.read_rest() == b""

    asyncio.run(scenario())
