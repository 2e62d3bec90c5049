"""The Step Functions service: its API, and a way to start executions from Python."""

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable
from typing import Any

from botocore.validate import ParamValidator

from emulator.errors import AwsError
from emulator.faults.plan import FaultPlan
from emulator.identity import Identity
from emulator.step_functions.clock import Clock, LoopClock, new_random
from emulator.step_functions.document import JsonValue, encode_json
from emulator.step_functions.execution import Execution
from emulator.step_functions.execution_api import ExecutionApi
from emulator.step_functions.history import ExecutionEvent, Listener
from emulator.step_functions.machine_api import MachineApi
from emulator.step_functions.machines import MachineRegistry
from emulator.step_functions.ports import EventLog, LambdaInvoker, SdkCaller
from emulator.step_functions.sdk_catalog import load_service
from emulator.step_functions.task_runner import TaskRunner
from emulator.step_functions.tracing import SendSegment
from emulator.step_functions.version_api import VersionApi

_KEPT_EVENTS = 200_000
_KEPT_EXPRESS_EXECUTIONS = 100
# Operations that AWS has and this emulator refuses.
_NOT_IMPLEMENTED = frozenset(
    {
        "CreateActivity",
        "DeleteActivity",
        "DescribeActivity",
        "DescribeMapRun",
        "GetActivityTask",
        "ListActivities",
        "ListMapRuns",
        "RedriveExecution",
        "SendTaskFailure",
        "SendTaskHeartbeat",
        "SendTaskSuccess",
        "TestState",
        "UpdateMapRun",
    }
)

Operation = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class StepFunctionsService:
    """State machines and their executions in one account and region.

    Each of `listeners` is called with every event of every execution as it happens; it must be quick and not raise.
    """

    def __init__(
        self,
        identity: Identity,
        lambda_invoker: LambdaInvoker,
        sdk_caller: SdkCaller,
        *,
        clock: Clock | None = None,
        chance: random.Random | None = None,
        kept_events: int = _KEPT_EVENTS,
        kept_express_executions: int = _KEPT_EXPRESS_EXECUTIONS,
        event_log: EventLog | None = None,
        send_segment: SendSegment | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        """`kept_events` bounds the history of one EXPRESS execution, `kept_express_executions` how many are kept.

        Machines log to `event_log`; segment documents of executions that are traced go to `send_segment`.
        `faults` is what shall go wrong.
        """
        clock = clock or LoopClock()
        chance = chance or new_random()
        self.listeners: list[Listener] = []
        self._tasks = TaskRunner(lambda_invoker, sdk_caller)
        registry = MachineRegistry()
        self._executions = ExecutionApi(
            registry,
            identity,
            clock,
            self._tasks,
            chance,
            self.listeners,
            kept_events=kept_events,
            kept_express_executions=kept_express_executions,
            event_log=event_log,
            send_segment=send_segment,
            faults=faults,
        )
        machines = MachineApi(registry, identity, clock, self._executions.count_running)
        self._executions.on_end = machines.finish_deleting
        self._operations: dict[str, Operation] = {}
        for part in (machines, VersionApi(registry, clock), self._executions):
            self._operations |= _operations_of(part)

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of an API operation ("StartExecution") in botocore's shape; raises AwsError."""
        handler = self._operations.get(operation)
        if handler is not None:
            _check_request(operation, request)
            return await handler(request)
        if operation in _NOT_IMPLEMENTED:
            raise AwsError("NotImplemented", f"not implemented by this emulator: {operation}", 501)
        raise AwsError("UnknownOperationException", f"Step Functions has no operation '{operation}'")

    async def start(
        self,
        state_machine_arn: str,
        data: JsonValue = None,
        *,
        name: str | None = None,
        trace_header: str | None = None,
    ) -> Execution:
        """Starts an execution with the JSON value `data` as its input ({} for None), and gives its handle."""
        request = {"stateMachineArn": state_machine_arn, "input": encode_json({} if data is None else data)}
        if name is not None:
            request["name"] = name
        if trace_header is not None:
            request["traceHeader"] = trace_header
        return self._executions.start(request)

    def find_execution(self, arn: str) -> Execution:
        """The handle of an execution, EXPRESS ones included; raises KeyError."""
        return self._executions.by_arn[arn]

    def executions(self) -> list[Execution]:
        """All executions that are kept, in the order of their starts."""
        return list(self._executions.by_arn.values())

    def history(self, arn: str) -> list[ExecutionEvent]:
        """The events of an execution, EXPRESS ones included, which the API does not show."""
        return list(self.find_execution(arn).history)

    async def close(self) -> None:
        """Stops all executions and cancels the calls that they left behind."""
        await asyncio.gather(*(execution.stop() for execution in self.executions()))
        await self._tasks.close()


def _check_request(operation: str, request: dict[str, Any]) -> None:
    shape = load_service("stepfunctions").operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise AwsError("ValidationException", f"1 validation error detected: {report.generate_report()}")
    options: list[str] = [name for name in ("redriveFilter", "mapRunArn") if name in request]
    if request.get("includedData", "ALL_DATA") != "ALL_DATA":
        options.append("includedData METADATA_ONLY")
    if options:
        raise AwsError("NotImplemented", f"not implemented by this emulator: {', '.join(options)}", 501)


def _operations_of(part: object) -> dict[str, Operation]:
    """The API operations of `part`: its coroutine methods, start_execution as StartExecution."""
    operations = {}
    for name in dir(part):
        method = getattr(part, name)
        if not name.startswith("_") and inspect.iscoroutinefunction(method):
            operations["".join(word.capitalize() for word in name.split("_"))] = method
    return operations
