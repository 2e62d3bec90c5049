"""The wire side of the Lambda Runtime API: one environment's HTTP/1.1 connection.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
A hand-written parser, because this is the hot path: two requests for each invocation, always from AWS's client.
"""

import asyncio
from typing import Protocol, cast

from emulator.lambda_runtime.limits import RESPONSE_PAYLOAD_BYTES

PREFIX = "/2018-06-01/runtime/"
ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
MAXIMUM_HEAD_BYTES = 2 * 1024 * 1024  # the error's X-Ray cause travels in a header of up to 1 MiB


class RuntimeApiHandler(Protocol):
    """What the environment does with each request of the runtime."""

    def on_next(self, connection: "RuntimeApiProtocol") -> None: ...
    def on_response(self, request_id: str, body: bytes) -> bool: ...
    def on_response_too_large(self, request_id: str) -> None: ...
    def on_error(self, request_id: str, body: bytes, error_type: str) -> bool: ...
    def on_init_error(self, body: bytes, error_type: str) -> None: ...


class RuntimeApiProtocol(asyncio.Protocol):
    """Parses the runtime's requests and hands them to the environment."""

    def __init__(self, handler: RuntimeApiHandler) -> None:
        self._handler = handler
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._method = ""
        self._path = ""
        self._error_type = ""
        self._missing = -1  # bytes of body still to come; -1 while reading the head
        self._body_length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer or self._missing == 0:
            if self._missing < 0 and not self._read_head():
                return
            if self._body_length > RESPONSE_PAYLOAD_BYTES:
                if not self._discard_body():
                    return
                continue
            if len(self._buffer) < self._body_length:
                return
            body = bytes(self._buffer[: self._body_length])
            del self._buffer[: self._body_length]
            self._missing = -1
            self._dispatch(body)

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAXIMUM_HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large", "the request's headers are too large")
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        self._method, self._path, _version = lines[0].split(" ", 2)
        self._body_length = 0
        self._error_type = ""
        for line in lines[1:]:
            name, _colon, value = line.partition(":")
            name = name.lower()
            if name == "content-length":
                self._body_length = int(value)
            elif name == "lambda-runtime-function-error-type":
                self._error_type = value.strip()
            elif name == "transfer-encoding" and value.strip():
                self._refuse(501, "Not Implemented", "response streaming is not emulated")
                return False
        self._missing = self._body_length
        return True

    def _discard_body(self) -> bool:
        taken = min(len(self._buffer), self._missing)
        del self._buffer[:taken]
        self._missing -= taken
        if self._missing:
            return False
        self._missing = -1
        self._body_length = 0
        parts = self._path.removeprefix(PREFIX).split("/")
        if parts[0] == "invocation" and parts[-1] == "response":
            self._handler.on_response_too_large(parts[1])
        self._answer(413, "Request Entity Too Large", "Exceeded maximum allowed payload size (6291556 bytes).")
        return True

    def _dispatch(self, body: bytes) -> None:
        target = self._path.removeprefix(PREFIX)
        if self._method == "GET" and target == "invocation/next":
            self._handler.on_next(self)
            return
        parts = target.split("/")
        accepted = False
        if self._method == "POST" and len(parts) == 3 and parts[0] == "invocation":
            if parts[2] == "response":
                accepted = self._handler.on_response(parts[1], body)
            elif parts[2] == "error":
                accepted = self._handler.on_error(parts[1], body, self._error_type)
        elif self._method == "POST" and target == "init/error":
            self._handler.on_init_error(body, self._error_type)
            accepted = True
        if accepted:
            self.send(ACCEPTED)
        else:
            self._answer(400, "Bad Request", f"{self._method} {self._path} names no request in progress")

    def _answer(self, status: int, reason: str, message: str) -> None:
        body = f'{{"errorType":"{reason.replace(" ", "")}","errorMessage":"{message}"}}'
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.send((head + body).encode())

    def _refuse(self, status: int, reason: str, message: str) -> None:
        self._answer(status, reason, message)
        self._buffer.clear()
        if self._transport is not None:
            self._transport.close()
