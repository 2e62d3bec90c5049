"""The endpoint: an HTTP server on the loopback that answers or passes on every AWS request."""

import logging
import socket
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from emulator.access.wire_guard import WireGuard, parse_target_body, write_refusal
from emulator.errors import AwsError
from emulator.faults.plan import FaultPlan
from emulator.faults.requests import serve_with_faults
from emulator.gateway.dispatch import Dispatcher, RegisteredService, signed_service
from emulator.gateway.fallback_proxy import FallbackProxy
from emulator.gateway.service_call import ServiceCall
from emulator.gateway.wire import WireAnswer, WireRequest

_logger = logging.getLogger(__name__)
_SERVER_ERROR, _NOT_FOUND, _FORBIDDEN = 500, 404, 403


def open_listener() -> socket.socket:
    """A socket on a free port of the loopback; nobody is answered before the gateway starts on it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setblocking(False)
    listener.bind(("127.0.0.1", 0))
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL for clients: it says localhost, since a bucket's name is put before the host."""
    return f"http://localhost:{listener.getsockname()[1]}"


class Gateway:
    """Serves `services` by their models and everything else from `fallback_url`.

    Names of services: states, lambda, kinesis, xray, cloudformation, logs, and event-source-mappings for those
    operations of lambda. `before_fallback` is awaited before a request of the service of that name is passed on.
    `calls` counts requests as "kinesis.PutRecords", those passed on as "s3" and so on.
    """

    def __init__(
        self,
        services: Mapping[str, ServiceCall],
        fallback_url: str,
        *,
        listener: socket.socket | None = None,
        guard: WireGuard | None = None,
        before_fallback: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        """`listener` is a bound socket for services that must know the URL before they exist: see `open_listener`.

        `guard` judges the requests that a role has signed; without one everybody may do everything. `faults` is what
        shall go wrong.
        """
        self._listener = listener
        self._before_fallback = dict(before_fallback or {})
        self.calls: Counter[str] = Counter()
        self._dispatcher = Dispatcher(services)
        self._fallback = FallbackProxy(fallback_url)
        self._guard = guard
        self._faults = faults
        self._runner: web.ServerRunner | None = None

    async def start(self) -> str:
        """The URL for clients: it says localhost, since a bucket's name is put before the host."""
        self._fallback.start()
        # The bare server: routes, middlewares and request tracing would cost more than most operations do.
        # A warm environment may be idle for minutes; its client's connection is still good then.
        server = web.Server(self._handle, access_log=None, auto_decompress=False, keepalive_timeout=600)
        self._runner = web.ServerRunner(server, shutdown_timeout=1)
        await self._runner.setup()
        listener = self._listener or open_listener()
        await web.SockSite(self._runner, listener, backlog=1024).start()
        return url_of(listener)

    async def close(self) -> None:
        """Stop listening and close all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._fallback.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._faults is None or not self._faults.armed:
            return await self._serve(request)
        service = signed_service(request.headers) or ""
        caller = self._guard.find_role(request.headers) if self._guard is not None else ""
        return await serve_with_faults(self._faults, request, self._serve, service=service, caller=caller)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = request.headers
        if "Expect" in headers and request.transport is not None:
            # The bare server leaves this to us; boto3 holds an object's bytes back for a second without it.
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        path, _, query = request.raw_path.partition("?")
        service = self._dispatcher.find(request.method, path, query, headers)
        role = self._guard.find_role(headers) if self._guard is not None else ""
        if service is None:
            name = signed_service(headers) or "unsigned"
            self.calls[name] += 1
            if name in self._before_fallback:
                await self._before_fallback[name]()
            return await self._pass_on(request, role)
        # Some requests without a body would otherwise wait for one.
        body = await request.content.read(-1) if request.can_read_body else b""
        answer = await self._answer(service, WireRequest(request.method, path, query, headers, body), role)
        answer.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        if answer.content_type is not None:
            answer.headers["Content-Type"] = answer.content_type
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _pass_on(self, request: web.BaseRequest, role: str) -> web.StreamResponse:
        if not role or self._guard is None:
            return await self._fallback.forward(request)
        service = signed_service(request.headers) or ""
        try:
            if service == "s3":
                path, _, query = request.raw_path.partition("?")
                asked = await self._guard.check_s3(role, request.method, path, query, request.headers["Host"])
                answer = await self._fallback.forward(request)
                if answer.status != _NOT_FOUND or answer.prepared or await self._guard.may_know_absence(role, asked):
                    return answer
                raise AwsError("AccessDenied", "Access Denied", _FORBIDDEN)
            operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
            body = await request.read()
            await self._guard.check_call(role, service, operation, parse_target_body(body))
            return await self._fallback.forward(request, body)
        except AwsError as error:
            content_type, text = write_refusal(error, service=service)
            return web.Response(status=error.status, body=text, headers={"Content-Type": content_type})

    async def _answer(self, service: RegisteredService, request: WireRequest, role: str) -> WireAnswer:
        try:
            operation = service.protocol.find_operation(request)
            self.calls[f"{service.name}.{operation.name}"] += 1
            values = operation.read_request(request)
            if role and self._guard is not None:
                await self._guard.check_call(role, service.name, operation.name, values)
            trace_header = request.headers.get("X-Amzn-Trace-Id")
            return operation.write_answer(await service.call(operation.name, values, trace_header))
        except AwsError as error:
            return service.protocol.write_error(error)
        except Exception as error:
            # A fault of the emulator, not of the caller: AWS calls its own faults so too.
            _logger.exception("%s failed on %s %s", service.name, request.method, request.path)
            message = f"the emulated service {service.name} failed: {type(error).__name__}: {error}"
            return service.protocol.write_error(AwsError("InternalFailure", message, _SERVER_ERROR))
