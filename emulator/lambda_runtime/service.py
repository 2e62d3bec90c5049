"""The Lambda service: AWS's operations, and `invoke` for callers in this process."""

import asyncio
import base64
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from emulator.access.principal import make_access_key
from emulator.errors import AwsError
from emulator.faults.plan import FaultPlan
from emulator.identity import Identity
from emulator.lambda_runtime.asynchronous import AsynchronousQueue, DestinationPort, QueuedEvent, Sleep
from emulator.lambda_runtime.code_source import CodeSource, ObjectFetcher
from emulator.lambda_runtime.completion import Completion, Listener
from emulator.lambda_runtime.concurrency import Concurrency
from emulator.lambda_runtime.errors import ThrottledError
from emulator.lambda_runtime.fleet import Fleet
from emulator.lambda_runtime.function_operations import FunctionOperations
from emulator.lambda_runtime.functions import FunctionStore
from emulator.lambda_runtime.identifiers import FunctionReference, make_function_arn, parse_reference
from emulator.lambda_runtime.invocation import Invocation, InvokeResult
from emulator.lambda_runtime.launcher import Launcher
from emulator.lambda_runtime.layers import LayerStore
from emulator.lambda_runtime.limits import (
    ACCOUNT_CONCURRENCY,
    ASYNCHRONOUS_PAYLOAD_BYTES,
    SYNCHRONOUS_PAYLOAD_BYTES,
)
from emulator.lambda_runtime.logs import RING_LINES, FunctionLog, LogStore
from emulator.lambda_runtime.packages import PackageStore
from emulator.lambda_runtime.process_memory import read_proportional_mb
from emulator.lambda_runtime.settings import SettingsOperations
from emulator.lambda_runtime.statistics import Statistics
from emulator.lambda_runtime.tracing import SegmentSender, begin_trace
from emulator.lambda_runtime.versions import VersionOperations
from emulator.lambda_runtime.zygote_client import ZygoteClient

Operation = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
ACCEPTED = 202
NO_CONTENT = 204
STARTS_FOR_EACH_CORE = 2
SYNCHRONOUS = "RequestResponse"


class LambdaService:
    """Lambda in this process; `start` it before use and `close` it after."""

    def __init__(
        self,
        identity: Identity,
        *,
        runtime_dir: Path,
        work_dir: Path,
        endpoint_url: str | None = None,
        extra_environment: Mapping[str, str] | None = None,
        xray_daemon_address: str | None = None,
        account_concurrency: int = ACCOUNT_CONCURRENCY,
        max_environments: int | None = None,
        max_starting: int | None = None,
        idle_seconds: float | None = None,
        log_dir: Path | None = None,
        log_ring_lines: int = RING_LINES,
        fetch_object: ObjectFetcher | None = None,
        deliver: DestinationPort | None = None,
        issue_key: Callable[[str], str] = make_access_key,
        cache_bytecode: bool = True,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
        faults: FaultPlan | None = None,
        clock_library: Path | None = None,
    ) -> None:
        """`faults` is what shall go wrong; `clock_library` is libfaketime, without which no
        clock can be off."""
        work_dir = work_dir.resolve()
        self.statistics = Statistics()
        self._identity = identity
        self._clock = clock
        self._sender = SegmentSender(xray_daemon_address) if xray_daemon_address is not None else None
        self._completion = Completion(identity.account_id, self.statistics, self._sender)
        self._zygote = ZygoteClient(runtime_dir.resolve(), cache_bytecode, clock_library)
        self._fleet = Fleet(
            self._zygote,
            self._completion,
            self.statistics,
            work_dir / "environments",
            max_environments=max_environments,
            max_starting=max_starting or STARTS_FOR_EACH_CORE * (os.cpu_count() or 1),
            idle_seconds=idle_seconds,
            faults=faults,
        )
        self._store = FunctionStore(identity)
        self._logs = LogStore(log_dir, log_ring_lines)
        self._concurrency = Concurrency(account_concurrency)
        code = CodeSource(fetch_object)
        packages = self._packages = PackageStore(work_dir / "packages", compile_bytecode=cache_bytecode)
        layers = self._layers = LayerStore(identity, code, packages, work_dir / "opt")
        self._launcher = Launcher(
            identity,
            self._fleet,
            layers,
            runtime_directory=runtime_dir.resolve(),
            endpoint_url=endpoint_url,
            extra_environment=extra_environment or {},
            xray_daemon_address=xray_daemon_address,
            issue_key=issue_key,
        )
        self.queue = AsynchronousQueue(self._invoke_queued, deliver, clock=clock, sleep=sleep)
        versions = VersionOperations(identity, self._store, self._launcher)
        functions = FunctionOperations(
            *(identity, self._store, layers, code, self._launcher, self._concurrency, versions),
            packages=packages,
            logs=self._logs,
        )
        settings = SettingsOperations(identity, self._store, self._concurrency, account_concurrency)
        self._operations = _collect_operations(functions, versions, layers, settings)

    async def start(self) -> None:
        """Get ready; the first environment starts with the first invocation."""
        await self._zygote.start()
        self._fleet.start()

    async def close(self) -> None:
        """End every environment and drop what is queued."""
        await self.queue.close()
        await self._fleet.close()
        self._logs.flush()
        if self._sender is not None:
            self._sender.close()

    async def call(self, operation: str, request: dict[str, Any], *, trace_header: str | None = None) -> dict[str, Any]:
        """Carry out one of AWS's operations; `trace_header` is the request's X-Amzn-Trace-Id."""
        if operation == "Invoke":
            return await self._call_invoke(request, trace_header)
        method = self._operations.get(operation)
        if method is None:
            raise AwsError("NotImplementedException", f"Lambda's operation {operation} is not emulated.", 501)
        return await method(request)

    async def invoke(
        self, function: str, payload: bytes, *, trace_header: str | None = None, tail: bool = False
    ) -> InvokeResult:
        """The answer of one synchronous invocation; `function` is a name, partial ARN or ARN, qualified or not.

        A caller that is cancelled does not stop the function: its environment finishes and is used again, as on AWS.
        """
        reference = parse_reference(function, self._identity)
        return await self._run(reference, payload, trace_header=trace_header, tail=tail)

    def add_listener(self, listener: Listener) -> None:
        """Have `listener` called after each invocation."""
        self._completion.listeners.append(listener)

    def log_of(self, function_name: str) -> FunctionLog:
        """The function's log; it outlives the function."""
        return self._logs.of(function_name)

    def logs(self) -> list[FunctionLog]:
        """The logs of all functions that there are or were."""
        return self._logs.all()

    @property
    def dropped_segments(self) -> int:
        """Segment documents of Lambda's own that the X-Ray daemon's socket did not take."""
        return 0 if self._sender is None else self._sender.dropped

    def environment_pids(self) -> list[int]:
        """Process ids of the environments that exist now."""
        return self._fleet.environment_pids()

    def pids_by_function(self) -> dict[str, list[int]]:
        """Process ids of the environments of each function, of whichever version."""
        return self._fleet.pids_by_function()

    def drop_unused_packages(self) -> int:
        """How many packages were removed that no version, layer or environment has, now and at the last call."""
        used = self._store.package_directories() | self._layers.package_directories() | self._fleet.task_roots()
        return self._packages.drop_unused(used)

    def memory_mb(self) -> float:
        """MiB that the environments and the zygote cost the machine now (PSS); about a millisecond a process."""
        pids = self.environment_pids()
        if self.zygote_pid is not None:
            pids.append(self.zygote_pid)
        return sum(read_proportional_mb(pid) for pid in pids)

    @property
    def zygote_pid(self) -> int | None:
        """Process id of the zygote, None before the first environment."""
        return self._zygote.pid

    def renew_environments(self) -> None:
        """The next invocation of each function starts cold, as after a while without any."""
        self._fleet.renew()

    async def _call_invoke(self, request: dict[str, Any], trace_header: str | None) -> dict[str, Any]:
        reference = parse_reference(request["FunctionName"], self._identity, request.get("Qualifier"))
        kind = request.get("InvocationType") or SYNCHRONOUS
        for member in ("TenantId", "DurableExecutionName"):
            if request.get(member):
                raise AwsError("InvalidParameterValueException", f"{member} is not emulated.")
        payload = bytes(request.get("Payload") or b"")
        check_payload_size(payload, kind)
        check_payload_is_json(payload)
        if kind == "DryRun":
            self._store.resolve(reference)
            return {"StatusCode": NO_CONTENT}
        if kind == "Event":
            self._enqueue(reference, payload or b"{}", trace_header)
            return {"StatusCode": ACCEPTED, "Payload": b""}
        if kind != SYNCHRONOUS:
            raise AwsError("InvalidParameterValueException", f"InvocationType {kind} does not exist.")
        result = await self._run(
            reference,
            payload or b"{}",
            trace_header=trace_header,
            tail=request.get("LogType") == "Tail",
            client_context=decode_client_context(request.get("ClientContext")),
        )
        answer: dict[str, Any] = {
            "StatusCode": result.status_code,
            "ExecutedVersion": result.executed_version,
            "Payload": result.payload,
        }
        if result.function_error is not None:
            answer["FunctionError"] = result.function_error
        if result.log_tail is not None:
            answer["LogResult"] = base64.b64encode(result.log_tail).decode()
        return answer

    def _enqueue(self, reference: FunctionReference, payload: bytes, trace_header: str | None) -> None:
        function, configuration = self._store.resolve(reference)
        arn = make_function_arn(self._identity, function.name, reference.qualifier or configuration.version)
        self.queue.put(
            QueuedEvent(function, arn, reference.qualifier, payload, str(uuid.uuid4()), trace_header, self._clock())
        )

    async def _invoke_queued(self, event: QueuedEvent) -> InvokeResult:
        reference = FunctionReference(event.function.name, event.qualifier)
        return await self._run(reference, event.payload, trace_header=event.trace_header, request_id=event.request_id)

    async def _run(
        self,
        reference: FunctionReference,
        payload: bytes,
        *,
        trace_header: str | None,
        tail: bool = False,
        client_context: str | None = None,
        request_id: str | None = None,
    ) -> InvokeResult:
        function, configuration = self._store.resolve(reference)
        if len(payload) > SYNCHRONOUS_PAYLOAD_BYTES:
            check_payload_size(payload, SYNCHRONOUS)
        try:
            self._concurrency.acquire(function.name)
        except ThrottledError:
            self.statistics.of(function.name).throttles += 1
            raise
        received = time.time()
        invocation = Invocation(
            request_id=request_id or str(uuid.uuid4()),
            payload=payload or b"{}",
            function_arn=make_function_arn(self._identity, function.name, reference.qualifier),
            answer=asyncio.get_running_loop().create_future(),
            on_finished=_Release(self._concurrency, function.name),
            trace=begin_trace(
                trace_header, active=configuration.tracing_active, sampler=function.sampler, now=received
            ),
            client_context=client_context,
            tail=bytearray() if tail else None,
            received=received,
        )
        self._launcher.pool_of(function, configuration).submit(invocation)
        return await invocation.answer


class _Release:
    """Gives an invocation's place back."""

    __slots__ = ("_concurrency", "_name")

    def __init__(self, concurrency: Concurrency, name: str) -> None:
        self._concurrency = concurrency
        self._name = name

    def __call__(self) -> None:
        self._concurrency.release(self._name)


def check_payload_size(payload: bytes, kind: str) -> None:
    """Refuse an event beyond the limit of its kind of invocation."""
    limit = ASYNCHRONOUS_PAYLOAD_BYTES if kind == "Event" else SYNCHRONOUS_PAYLOAD_BYTES
    if len(payload) > limit:
        raise AwsError(
            "RequestTooLargeException",
            f"{len(payload)} byte payload is too large for the {kind} invocation type (limit {limit} bytes)",
            413,
        )


def check_payload_is_json(payload: bytes) -> None:
    """Refuse an event that no runtime could read."""
    if not payload:
        return
    try:
        json.loads(payload)
    except ValueError as error:
        raise AwsError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {error}",
        ) from error


def decode_client_context(encoded: str | None) -> str | None:
    """The client context as the runtime gets it: one line of JSON."""
    if not encoded:
        return None
    try:
        return json.dumps(json.loads(base64.b64decode(encoded, validate=True)))
    except ValueError as error:
        raise AwsError(
            "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."
        ) from error


def _collect_operations(
    functions: FunctionOperations, versions: VersionOperations, layers: LayerStore, settings: SettingsOperations
) -> dict[str, Operation]:
    return {
        "CreateFunction": functions.create_function,
        "UpdateFunctionCode": functions.update_function_code,
        "UpdateFunctionConfiguration": functions.update_function_configuration,
        "GetFunction": functions.get_function,
        "GetFunctionConfiguration": functions.get_function_configuration,
        "ListFunctions": functions.list_functions,
        "DeleteFunction": functions.delete_function,
        "PublishVersion": versions.publish_version,
        "ListVersionsByFunction": versions.list_versions_by_function,
        "CreateAlias": versions.create_alias,
        "UpdateAlias": versions.update_alias,
        "GetAlias": versions.get_alias,
        "ListAliases": versions.list_aliases,
        "DeleteAlias": versions.delete_alias,
        "PublishLayerVersion": layers.publish_layer_version,
        "GetLayerVersion": layers.get_layer_version,
        "GetLayerVersionByArn": layers.get_layer_version_by_arn,
        "ListLayerVersions": layers.list_layer_versions,
        "ListLayers": layers.list_layers,
        "DeleteLayerVersion": layers.delete_layer_version,
        "PutFunctionConcurrency": settings.put_function_concurrency,
        "GetFunctionConcurrency": settings.get_function_concurrency,
        "DeleteFunctionConcurrency": settings.delete_function_concurrency,
        "GetAccountSettings": settings.get_account_settings,
        "AddPermission": settings.add_permission,
        "RemovePermission": settings.remove_permission,
        "GetPolicy": settings.get_policy,
        "TagResource": settings.tag_resource,
        "UntagResource": settings.untag_resource,
        "ListTags": settings.list_tags,
        "PutFunctionEventInvokeConfig": settings.put_function_event_invoke_config,
        "UpdateFunctionEventInvokeConfig": settings.update_function_event_invoke_config,
        "GetFunctionEventInvokeConfig": settings.get_function_event_invoke_config,
        "DeleteFunctionEventInvokeConfig": settings.delete_function_event_invoke_config,
    }
