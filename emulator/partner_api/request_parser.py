"""HTTP/1.1 requests out of a byte stream: whole ones, in parts, or several at once."""

import re
from typing import NamedTuple

MAX_HEAD_BYTES = 16_384
MAX_BODY_BYTES = 8_388_608  # options with overrides for many users
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEAD_END = b"\r\n\r\n"


class BadRequestError(Exception):
    """A request that cannot be served; the connection ends after the answer."""

    def __init__(self, status: int, message: str, *, allow: str = "", to_head: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.allow = allow  # the method that a 405 names
        self.to_head = to_head  # the request was a HEAD


class Request(NamedTuple):
    """One whole request."""

    method: bytes
    target: bytes
    body: bytes
    keep_alive: bool


class _Framing(NamedTuple):
    content_length: int
    close: bool
    has_host: bool


class RequestParser:
    """Collects a connection's bytes and yields its requests one by one."""

    __slots__ = ("_buffer", "_fields", "_framing")

    def __init__(self) -> None:
        self._buffer = b""
        self._fields = b""
        self._framing = _Framing(0, close=False, has_host=False)

    def feed(self, data: bytes) -> int:
        """Adds bytes; answers how many wait."""
        self._buffer = self._buffer + data if self._buffer else data
        return len(self._buffer)

    def next_request(self) -> Request | None:
        """The next whole request, or None until more bytes come. Raises BadRequestError."""
        buffer = self._buffer
        if not buffer:
            return None
        while buffer.startswith(b"\r\n"):  # RFC 9112, 2.2: empty lines before a request line are ignored
            buffer = self._buffer = buffer[2:]
        head_end = buffer.find(_HEAD_END)
        if head_end < 0 or head_end > MAX_HEAD_BYTES:
            if len(buffer) > MAX_HEAD_BYTES:
                raise BadRequestError(431, f"the request's head exceeds {MAX_HEAD_BYTES} bytes")
            return None
        line_end = buffer.find(b"\r\n", 0, head_end + 2)
        fields = buffer[line_end:head_end]
        # A client repeats its header fields on a connection: comparing them costs a tenth of parsing them.
        if fields != self._fields:
            self._framing = _parse_fields(fields)
            self._fields = fields
        content_length, close, has_host = self._framing
        body_start = head_end + 4
        end = body_start + content_length
        if len(buffer) < end:
            return None
        method, target, version = _split_request_line(buffer[:line_end])
        if version == b"HTTP/1.0":
            close = True
        elif not has_host:
            raise BadRequestError(400, "an HTTP/1.1 request needs exactly one Host header")
        self._buffer = buffer[end:] if len(buffer) > end else b""
        return Request(method, target, buffer[body_start:end], not close)


def _split_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    method, _, rest = line.partition(b" ")
    target, _, version = rest.partition(b" ")
    if not method.isalpha() or not target.startswith(b"/") or not version.startswith(b"HTTP/"):
        raise BadRequestError(400, "the request line must be METHOD /path HTTP/1.1")
    if version not in {b"HTTP/1.1", b"HTTP/1.0"}:
        raise BadRequestError(505, "HTTP/1.1 is spoken here")
    return method, target, version


def _parse_fields(fields: bytes) -> _Framing:
    length: int | None = None
    close = False
    hosts = 0
    for line in fields.split(b"\r\n")[1:]:
        name, separator, value = line.partition(b":")
        if not separator or not _TOKEN.fullmatch(name):
            raise BadRequestError(400, "a header line must be Name: value")
        lowered = name.lower()
        if lowered == b"content-length":
            length = _parse_length(value.strip(), length)
        elif lowered == b"connection":
            close = close or b"close" in value.lower()
        elif lowered == b"host":
            hosts += 1
        elif lowered == b"transfer-encoding":
            raise BadRequestError(501, "Transfer-Encoding is not supported; send Content-Length")
        elif lowered == b"expect":
            raise BadRequestError(417, "Expect is not supported")
    return _Framing(length or 0, close, hosts == 1)


def _parse_length(value: bytes, previous: int | None) -> int:
    if not value.isdigit():
        raise BadRequestError(400, "Content-Length must be a whole number")
    length = int(value[:20])
    if previous is not None and previous != length:
        raise BadRequestError(400, "two different Content-Length headers")
    if length > MAX_BODY_BYTES:
        raise BadRequestError(413, f"the body exceeds {MAX_BODY_BYTES} bytes")
    return length
