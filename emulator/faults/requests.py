"""Faults of requests, at the gateway: errors, latency, answers that are lost."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from emulator.faults.effects import AnswerError, Delay, LoseAnswer
from emulator.faults.plan import FaultPlan

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def serve_with_faults(
    plan: FaultPlan, request: web.BaseRequest, serve: Serve, *, service: str, caller: str
) -> web.StreamResponse:
    """The answer, or what a fault makes of it; `caller` is the ARN of the role that has signed, or empty."""
    operation = find_operation(service, request.method, request.raw_path, request.headers)
    where = {"service": service, "operation": operation, "function": caller}
    if (delay := plan.strike(Delay, **where)) is not None:
        await asyncio.sleep(delay.seconds)
    if (error := plan.strike(AnswerError, **where)) is not None:
        if request.can_read_body:
            await request.read()
        return write_error(service, error)
    loses = plan.strike(LoseAnswer, **where) is not None
    answer = await serve(request)
    if loses and request.transport is not None:
        request.transport.abort()
    return answer


def find_operation(service: str, method: str, raw_path: str, headers: Mapping[str, str]) -> str:
    """The API operation as far as faults tell them apart."""
    target = headers.get("X-Amz-Target")
    if target is not None:
        return target.rpartition(".")[2]
    if service != "s3":
        return method
    if "list-type=2" in raw_path:
        return "ListObjectsV2"
    return {"GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject", "HEAD": "HeadObject"}.get(method, method)


def write_error(service: str, error: AnswerError) -> web.Response:
    """The error in the form of the service."""
    if service == "s3":
        text = f"<Error><Code>{error.code}</Code><Message>injected</Message></Error>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'
        return web.Response(status=error.status, text=body, content_type="application/xml")
    document = json.dumps({"__type": error.code, "message": "injected"})
    return web.Response(status=error.status, text=document, content_type="application/x-amz-json-1.1")
