"""One connection: requests in, replies out in order, a timer and no task for each call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast

from emulator.partner_api.account import ABANDONED, BAD_REQUEST
from emulator.partner_api.request_parser import MAX_BODY_BYTES, MAX_HEAD_BYTES, BadRequestError, Request, RequestParser
from emulator.partner_api.response_writer import encode_error
from emulator.partner_api.routes import answer_control, read_user_id
from emulator.partner_api.service import Call, PartnerService, Reply

_MAX_WAITING_BYTES = MAX_HEAD_BYTES + MAX_BODY_BYTES


class PartnerProtocol(asyncio.Protocol):
    """Serves one request at a time; pipelined ones wait in the buffer, so replies keep the requests' order."""

    __slots__ = (
        "_call",
        "_call_later",
        "_keep_alive",
        "_parser",
        "_paused",
        "_service",
        "_stalled",
        "_timer",
        "_transport",
    )

    def __init__(self, service: PartnerService, call_later: Callable[..., asyncio.TimerHandle]) -> None:
        self._service = service
        self._call_later = call_later
        self._parser = RequestParser()
        self._call: Call | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._keep_alive = True
        self._paused = False  # too many bytes wait: nothing more is read until they are served
        self._stalled = False  # the client does not read: nothing more is served until it does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the connection."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        account = self._service.account
        account.connections += 1
        account.connections_total += 1
        account.connections_max = max(account.connections_max, account.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """A call still in flight is abandoned."""
        self._service.account.connections -= 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._call is not None:
            self._call = None
            self._service.account.end_call(ABANDONED)

    def data_received(self, data: bytes) -> None:
        """Serves what is whole; a client that pipelines without measure is not read until its calls are answered."""
        waiting = self._parser.feed(data)
        if self._call is None and not self._stalled:
            self._serve_waiting()
        elif waiting > _MAX_WAITING_BYTES:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """A client that ended its side has gone: giving up and half-closing look the same from here."""
        return False

    def pause_writing(self) -> None:
        """The client does not read its replies."""
        self._stalled = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stalled = False
        if self._call is None:
            self._serve_waiting()

    def _serve_waiting(self) -> None:
        try:
            while self._call is None and not self._stalled and not self._transport.is_closing():
                request = self._parser.next_request()
                if request is None:
                    if self._paused:
                        self._paused = False
                        self._transport.resume_reading()
                    return
                self._serve(request)
        except BadRequestError as error:
            self._service.account.outcomes[BAD_REQUEST] += 1
            self._refuse(error)

    def _serve(self, request: Request) -> None:
        self._keep_alive = request.keep_alive
        if request.method == b"HEAD":
            raise BadRequestError(405, "HEAD is not supported; use GET", allow="GET", to_head=True)
        user_id = read_user_id(request.target)
        if user_id is None:
            self._serve_control(request)
            return
        if request.method != b"GET":
            raise BadRequestError(405, "the points of a user take GET", allow="GET")
        call = self._service.begin_call(user_id)
        if isinstance(call, Reply):
            self._send(call)
            return
        self._call = call
        if call.delay_seconds > 0:
            self._timer = self._call_later(call.delay_seconds, self._finish)
        elif call.delay_seconds == 0:
            self._answer_call()

    def _serve_control(self, request: Request) -> None:
        answer = answer_control(self._service, request)
        if answer is None:
            raise BadRequestError(404, "no such path; see docs/reference/partner-api.md")
        content_type, body = answer
        response = self._service.responses.make_response(int(time.time()), 200, body, content_type=content_type)
        self._send(Reply(response))

    def _finish(self) -> None:
        self._timer = None
        self._answer_call()
        self._serve_waiting()

    def _answer_call(self) -> None:
        assert self._call is not None
        reply = self._service.finish_call(self._call)
        self._call = None
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        if reply.reset:
            self._transport.abort()
            return
        self._transport.write(reply.data)
        if reply.close or not self._keep_alive:
            self._transport.close()

    def _refuse(self, error: BadRequestError) -> None:
        status = error.status
        # RFC 9110, 9.3.2: the answer to HEAD has no content, whatever its Content-Length says.
        body = b"" if error.to_head else encode_error(f"http_{status}", str(error))
        extra = f"Allow: {error.allow}\r\n" if error.allow else ""
        response = self._service.responses.make_response(int(time.time()), status, body, extra=extra, close=True)
        self._transport.write(response)
        self._transport.close()
