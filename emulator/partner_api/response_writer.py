"""HTTP/1.1 responses as bytes, with a Date that is made once a second."""

import json
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class ResponseWriter:
    """Makes response bytes; the caller says the current second."""

    def __init__(self) -> None:
        self._second = -1
        self._good_head = b""

    def make_good(self, second: int, body: bytes) -> bytes:
        """A 200 of JSON on a connection that stays open: the hot path."""
        if second != self._second:
            self._second = second
            date = formatdate(second, usegmt=True)
            self._good_head = (
                f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: "
            ).encode()
        return b"%b%d\r\n\r\n%b" % (self._good_head, len(body), body)

    def make_response(
        self,
        second: int,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        extra: str = "",
        length: int | None = None,
        close: bool = False,
    ) -> bytes:
        """Any other response. `extra` holds whole header lines; `length` may promise more than the body has."""
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nDate: {formatdate(second, usegmt=True)}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body) if length is None else length}\r\n"
            f"{extra}{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n"
        )
        return head.encode() + body


def encode_error(code: str, message: str) -> bytes:
    """An error's JSON body."""
    return json.dumps({"error": code, "message": message}).encode()


def encode_json(value: Any) -> bytes:
    """A JSON document that ends in a line feed, for those who read it in a terminal."""
    return json.dumps(value).encode() + b"\n"
