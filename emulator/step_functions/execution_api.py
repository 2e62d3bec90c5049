"""The API operations on executions.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

import json
import math
import random
import uuid
from collections.abc import Callable
from typing import Any

from emulator.errors import AwsError
from emulator.faults.effects import StartTwice
from emulator.faults.plan import FaultPlan
from emulator.identity import Identity
from emulator.step_functions.clock import Clock, to_datetime
from emulator.step_functions.document import MAX_BYTES, Document
from emulator.step_functions.execution import Execution
from emulator.step_functions.execution_log import make_execution_log
from emulator.step_functions.history import STANDARD_EVENT_LIMIT, History, Listener
from emulator.step_functions.machine_api import describe_revision
from emulator.step_functions.machines import MachineRegistry, Revision, not_found
from emulator.step_functions.names import check_execution_arn, check_name, execution_arn, parse_machine_arn
from emulator.step_functions.pages import cut_page
from emulator.step_functions.ports import EventLog
from emulator.step_functions.task_runner import TaskRunner
from emulator.step_functions.tracing import SendSegment, begin_trace
from emulator.step_functions.version_api import choose_version

_TYPE_NOT_SUPPORTED = "This operation is not supported by this type of state machine"


class ExecutionApi:
    """Starts, stops and describes executions; keeps those that ended, EXPRESS ones up to a number."""

    def __init__(
        self,
        registry: MachineRegistry,
        identity: Identity,
        clock: Clock,
        tasks: TaskRunner,
        chance: random.Random,
        listeners: list[Listener],
        *,
        kept_events: int,
        kept_express_executions: int,
        event_log: EventLog | None,
        send_segment: SendSegment | None,
        faults: FaultPlan | None = None,
    ) -> None:
        self._registry = registry
        self._identity = identity
        self._clock = clock
        self._tasks = tasks
        self._chance = chance
        self._listeners = listeners
        self._kept_events = kept_events
        self._kept_express = kept_express_executions
        self._event_log = event_log
        self._send_segment = send_segment
        self._faults = faults
        self.by_arn: dict[str, Execution] = {}
        self.on_end: Callable[[str], None] = lambda _machine_arn: None

    def count_running(self, machine_arn: str) -> int:
        """Number of executions of a state machine that run."""
        return sum(
            1
            for execution in self.by_arn.values()
            if execution.revision.machine_arn == machine_arn and execution.status == "RUNNING"
        )

    def start(self, request: dict[str, Any], *, express_only: bool = False) -> Execution:
        """Starts an execution, or gives the running one of the same name and input; raises AwsError."""
        revision, version_arn, alias_arn = self._resolve(request["stateMachineArn"])
        if express_only and revision.type != "EXPRESS":
            raise AwsError("StateMachineTypeNotSupported", _TYPE_NOT_SUPPORTED)
        name = check_name(request.get("name") or str(uuid.uuid4()))
        text = request.get("input", "{}")
        data = _parse_input(text)
        is_express = revision.type == "EXPRESS"
        arn = execution_arn(self._identity, revision.name, name, str(uuid.uuid4()) if is_express else None)
        existing = self.by_arn.get(arn)
        if existing is not None:
            if existing.status == "RUNNING" and existing.input.value == data.value:
                return existing
            raise AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        now = self._clock.now()
        history = History(
            arn,
            self._clock,
            self._listeners,
            kept_events=self._kept_events if is_express else STANDARD_EVENT_LIMIT,
            event_limit=None if is_express else STANDARD_EVENT_LIMIT,
            log=make_execution_log(revision, self._event_log, now),
        )
        execution = Execution(
            arn,
            name,
            revision,
            data,
            history,
            trace=begin_trace(request.get("traceHeader"), now, enabled=revision.tracing_enabled),
            given_trace_header=request.get("traceHeader"),
            start_date=now,
            version_arn=version_arn,
            alias_arn=alias_arn,
        )
        self.by_arn[arn] = execution
        if is_express:
            self._drop_old_express()
        execution.begin(self._identity, self._clock, self._tasks, self._chance, self.on_end, self._send_segment)
        if (
            self._faults is not None
            and self._faults.armed
            and self._faults.strike(StartTwice, function=revision.name) is not None
        ):
            self.start({name: value for name, value in request.items() if name != "name"})
        return execution

    def _resolve(self, arn: str) -> tuple[Revision, str | None, str | None]:
        qualifier = parse_machine_arn(arn).qualifier
        machine = self._registry.find(arn)
        if machine.deleting:
            raise AwsError("StateMachineDeleting", f"State Machine Is Being Deleted: '{arn}'")
        if qualifier is None:
            return machine.latest, None, None
        if qualifier in machine.aliases:
            version = choose_version(self._registry, machine.aliases[qualifier], self._chance)
            return version.revision, version.arn, arn
        if not qualifier.isdecimal():
            raise not_found(arn)
        version = self._registry.find_version(arn)
        return version.revision, version.arn, None

    def _drop_old_express(self) -> None:
        ended = [e.arn for e in self.by_arn.values() if e.is_express and e.status != "RUNNING"]
        for arn in ended[: max(0, len(ended) - self._kept_express)]:
            del self.by_arn[arn]

    async def start_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartExecution."""
        execution = self.start(request)
        return {"executionArn": execution.arn, "startDate": to_datetime(execution.start_date)}

    async def start_sync_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartSyncExecution, of EXPRESS state machines only."""
        execution = await self.start(request, express_only=True).wait()
        assert execution.stop_date is not None
        milliseconds = (execution.stop_date - execution.start_date) * 1000
        return {
            "executionArn": execution.arn,
            "stateMachineArn": execution.revision.machine_arn,
            "name": execution.name,
            "status": execution.status,
            **_dates(execution),
            **_data(execution),
            "outputDetails": {"included": True},
            "billingDetails": {
                "billedMemoryUsedInMB": 64,
                # Source: https://aws.amazon.com/step-functions/pricing/ (rounded up to the nearest 100 ms)
                "billedDurationInMilliseconds": max(100, math.ceil(milliseconds / 100) * 100),
            },
            **_trace(execution),
        }

    async def stop_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopExecution, of STANDARD executions only."""
        execution = self._find(request["executionArn"])
        await execution.stop(request.get("error"), request.get("cause"))
        assert execution.stop_date is not None
        return {"stopDate": to_datetime(execution.stop_date)}

    async def describe_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeExecution, of STANDARD executions only."""
        execution = self._find(request["executionArn"])
        data = _data(execution)
        if execution.status == "TIMED_OUT":
            del data["error"]  # AWS leaves it out here; the status says it
        return {
            "executionArn": execution.arn,
            "stateMachineArn": execution.revision.machine_arn,
            "name": execution.name,
            "status": execution.status,
            **_dates(execution),
            **data,
            **_trace(execution),
            "redriveCount": 0,
            "redriveStatus": "NOT_REDRIVABLE",
            "redriveStatusReason": _why_not_redrivable(execution),
            **_qualifiers(execution),
        }

    async def describe_state_machine_for_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeStateMachineForExecution: the revision that the execution runs."""
        revision = self._find(request["executionArn"]).revision
        answer = describe_revision(revision)
        del answer["type"]
        return {**answer, "updateDate": to_datetime(revision.created)}

    async def list_executions(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListExecutions, of STANDARD state machines only; the latest first."""
        arn = request["stateMachineArn"]
        machine = self._registry.find(arn)
        if machine.latest.type == "EXPRESS":
            raise AwsError("StateMachineTypeNotSupported", _TYPE_NOT_SUPPORTED)
        qualified = parse_machine_arn(arn).qualifier is not None
        items = [
            {
                "executionArn": execution.arn,
                "stateMachineArn": execution.revision.machine_arn,
                "name": execution.name,
                "status": execution.status,
                "redriveCount": 0,
                **_dates(execution),
                **_qualifiers(execution),
            }
            for execution in reversed(self.by_arn.values())
            if execution.revision.machine_arn == machine.arn
            and request.get("statusFilter", execution.status) == execution.status
            and (not qualified or arn in (execution.version_arn, execution.alias_arn))
        ]
        return cut_page(items, request, "executions")

    async def get_execution_history(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetExecutionHistory, of STANDARD executions only."""
        execution = self._find(request["executionArn"])
        include = request.get("includeExecutionData", True)
        events = list(execution.history)
        if request.get("reverseOrder"):
            events.reverse()
        page = cut_page(events, request, "events")
        return {**page, "events": [event.to_api(include_data=include) for event in page["events"]]}

    def _find(self, arn: str) -> Execution:
        execution = self.by_arn.get(check_execution_arn(arn))
        if execution is None:
            raise AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return execution


def _parse_input(text: str) -> Document:
    # The API's own constraint is on characters; whether the bytes pass the limit the first state finds out.
    if len(text) > MAX_BYTES:
        raise AwsError(
            "ValidationException",
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_BYTES}",
        )
    try:
        return Document.parse(text)
    except json.JSONDecodeError as error:
        raise AwsError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from error


def _dates(execution: Execution) -> dict[str, Any]:
    dates = {"startDate": to_datetime(execution.start_date)}
    if execution.stop_date is not None:
        dates["stopDate"] = to_datetime(execution.stop_date)
    return dates


def _data(execution: Execution) -> dict[str, Any]:
    data: dict[str, Any] = {"input": execution.input.text, "inputDetails": {"included": True}}
    if execution.output_document is not None:
        data |= {"output": execution.output_document.text, "outputDetails": {"included": True}}
    if execution.error is not None:
        data["error"] = execution.error
    if execution.cause is not None:
        data["cause"] = execution.cause
    return data


def _trace(execution: Execution) -> dict[str, str]:
    return {"traceHeader": execution.given_trace_header} if execution.given_trace_header else {}


def _why_not_redrivable(execution: Execution) -> str:
    if execution.status in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {execution.status} and cannot be redriven"
    return "not implemented by this emulator: redrive"


def _qualifiers(execution: Execution) -> dict[str, str]:
    qualifiers = {"stateMachineVersionArn": execution.version_arn, "stateMachineAliasArn": execution.alias_arn}
    return {name: arn for name, arn in qualifiers.items() if arn is not None}
