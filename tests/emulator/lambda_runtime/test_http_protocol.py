"""The Runtime API on the wire.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
from typing import Any

import pytest

from emulator.lambda_runtime.http_protocol import RuntimeApiProtocol
from emulator.lambda_runtime.limits import RESPONSE_PAYLOAD_BYTES

PREFIX = "/2018-06-01/runtime"


class FakeHandler:
    """Keeps what it is told; knows one request, r1."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def on_next(self, connection: RuntimeApiProtocol) -> None:
        self.heard.append(("next",))

    def on_response(self, request_id: str, body: bytes) -> bool:
        self.heard.append(("response", request_id, body))
        return request_id == "r1"

    def on_response_too_large(self, request_id: str) -> None:
        self.heard.append(("too large", request_id))

    def on_error(self, request_id: str, body: bytes, error_type: str) -> bool:
        self.heard.append(("error", request_id, body, error_type))
        return request_id == "r1"

    def on_init_error(self, body: bytes, error_type: str) -> None:
        self.heard.append(("init error", body, error_type))


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def connect() -> tuple[RuntimeApiProtocol, FakeHandler, FakeTransport]:
    handler, transport = FakeHandler(), FakeTransport()
    protocol = RuntimeApiProtocol(handler)
    protocol.connection_made(transport)
    return protocol, handler, transport


def post(path: str, body: bytes, headers: str = "") -> bytes:
    return f"POST {PREFIX}{path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_requests_are_understood_when_they_come_in_pieces(piece: int) -> None:
    # GIVEN a runtime's requests, one behind the other
    stream = (
        post("/init/error", b"{}", "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n")
        + f"GET {PREFIX}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        + post("/invocation/r1/response", b'{"a": "\r\n\r\n"}')
        + post("/invocation/r1/error", b"", "lambda-runtime-function-error-type: ValueError\r\n")
    )
    protocol, handler, transport = connect()
    # WHEN they arrive, however they are cut
    for start in range(0, len(stream), piece):
        protocol.data_received(stream[start : start + piece])
    # THEN each is heard once, and answered in its order (next is answered by the handler, later)
    assert handler.heard == [
        ("init error", b"{}", "Runtime.ImportModuleError"),
        ("next",),
        ("response", "r1", b'{"a": "\r\n\r\n"}'),
        ("error", "r1", b"", "ValueError"),
    ]
    assert transport.written.count(b"HTTP/1.1 202 Accepted") == 3


@pytest.mark.parametrize("path", ["/invocation/other/response", "/invocation/other/error", "/invocation/r1/x", "/x"])
def test_request_is_refused_when_it_names_nothing_in_progress(path: str) -> None:
    protocol, _handler, transport = connect()
    protocol.data_received(post(path, b"{}"))
    assert transport.written.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_response_is_refused_and_not_kept_when_it_is_too_large() -> None:
    protocol, handler, transport = connect()
    request = post("/invocation/r1/response", b"x" * (RESPONSE_PAYLOAD_BYTES + 1))
    for start in range(0, len(request), 65536):
        protocol.data_received(request[start : start + 65536])
    assert handler.heard == [("too large", "r1")]
    assert transport.written.startswith(b"HTTP/1.1 413 Request Entity Too Large\r\n")
    # The connection goes on.
    protocol.data_received(post("/invocation/r1/response", b"{}"))
    assert handler.heard[-1] == ("response", "r1", b"{}")


def test_streamed_response_is_refused_by_name() -> None:
    protocol, _handler, transport = connect()
    head = f"POST {PREFIX}/invocation/r1/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    protocol.data_received(head.encode())
    assert transport.written.startswith(b"HTTP/1.1 501 Not Implemented\r\n")
    assert b"response streaming is not emulated" in transport.written
    assert transport.closed
