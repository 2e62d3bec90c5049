"""Runs one attempt of a Task state."""

import asyncio
from typing import Any

from emulator.step_functions.document import Document
from emulator.step_functions.failures import TIMEOUT, StateFailedError
from emulator.step_functions.lane import Lane
from emulator.step_functions.model import TaskState
from emulator.step_functions.resources import Resource
from emulator.step_functions.run_context import RunContext
from emulator.step_functions.scope import Scope


async def run_task(run: RunContext, state: TaskState, lane: Lane, scope: Scope) -> Document:
    """The task's result; raises StateFailedError. Records the events of the attempt.

    HeartbeatSeconds is evaluated but has no effect: only activities and task tokens send heartbeats.
    Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html#task-state-fields
    """
    parameters = state.parameters.evaluate(scope) if state.parameters else scope.input
    timeout = state.timeout_seconds(scope) if state.timeout_seconds else None
    heartbeat = state.heartbeat_seconds(scope) if state.heartbeat_seconds else None
    events = _TaskEvents(run, state, lane)
    events.scheduled(parameters, timeout, heartbeat)
    events.started()
    call = None if lane.span is None else lane.span.begin_call(state.resource)
    try:
        async with asyncio.timeout(timeout) as limit:
            header = run.trace_header if call is None else call.header
            result = await run.tasks.run(state.resource, parameters, header, events.submitted)
    except TimeoutError:
        if not limit.expired():
            raise
        events.timed_out()
        if call is not None:
            call.end(TIMEOUT)
        raise StateFailedError(TIMEOUT) from None
    except StateFailedError as failure:
        events.failed(failure)
        if call is not None:
            call.end(failure.error or "")
        raise
    except asyncio.CancelledError:
        if call is not None:
            call.end("Aborted")
        raise
    if call is not None:
        call.end()
    events.succeeded(result)
    return result


class _TaskEvents:
    """The events of one attempt: Task* for integrations, LambdaFunction* where the Resource is a function's ARN."""

    def __init__(self, run: RunContext, state: TaskState, lane: Lane) -> None:
        self._run = run
        self._lane = lane
        self._name = state.name
        self._resource: Resource = state.resource
        self._is_function = state.resource.kind == "lambda_function"
        self._common: dict[str, Any] = {}
        if not self._is_function:
            self._common = {"resourceType": self._resource.resource_type, "resource": self._resource.resource}

    def _add(self, what: str, details: dict[str, Any] | None) -> None:
        prefix = "LambdaFunction" if self._is_function else "Task"
        self._lane.previous = self._run.history.add(prefix + what, self._lane.previous, self._name, details)

    def scheduled(self, parameters: Any, timeout: int | None, heartbeat: int | None) -> None:
        """The call was put in the queue."""
        limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
        document = Document(parameters)
        if self._is_function:
            self._add("Scheduled", {"resource": self._resource.text, "input": document, **limits})
        else:
            self._add("Scheduled", {**self._common, "region": self._run.region, "parameters": document, **limits})

    def started(self) -> None:
        """The call was sent."""
        self._add("Started", None if self._is_function else self._common)

    def submitted(self, result: Document) -> None:
        """What the task waits for was started."""
        self._add("Submitted", {**self._common, "output": result})

    def succeeded(self, result: Document) -> None:
        """The answer arrived."""
        self._add("Succeeded", {**self._common, "output": result})

    def failed(self, failure: StateFailedError) -> None:
        """The call failed."""
        self._add("Failed", {**self._common, "error": failure.error, "cause": failure.cause})

    def timed_out(self) -> None:
        """TimeoutSeconds passed before the answer arrived."""
        self._add("TimedOut", {**self._common, "error": TIMEOUT})
