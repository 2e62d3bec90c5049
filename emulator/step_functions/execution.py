"""One execution: from its start to its end, and what is known of it afterwards."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final, Literal

from emulator.access.principal import acting_role
from emulator.identity import Identity
from emulator.step_functions.clock import Clock, format_timestamp
from emulator.step_functions.document import Document
from emulator.step_functions.failures import RUNTIME, TIMEOUT, StateFailedError
from emulator.step_functions.history import History
from emulator.step_functions.interpreter import Interpreter, check_input
from emulator.step_functions.lane import Lane
from emulator.step_functions.machines import Revision
from emulator.step_functions.run_context import RunContext
from emulator.step_functions.scope import NO_VARIABLES
from emulator.step_functions.task_runner import TaskRunner
from emulator.step_functions.tracing import ExecutionTrace, SendSegment, TraceStart

Status = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]

# Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (maximum execution time, Express)
EXPRESS_SECONDS: Final = 300


class Execution:
    """An execution's handle. It runs the revision that it was started with, whatever happens to the state machine."""

    def __init__(
        self,
        arn: str,
        name: str,
        revision: Revision,
        data: Document,
        history: History,
        *,
        trace: TraceStart,
        given_trace_header: str | None = None,
        start_date: float,
        version_arn: str | None = None,
        alias_arn: str | None = None,
    ) -> None:
        self.arn = arn
        self.name = name
        self.revision = revision
        self.input = data
        self.history = history
        self.trace_start = trace
        self.given_trace_header = given_trace_header
        self.start_date = start_date
        self.version_arn = version_arn
        self.alias_arn = alias_arn
        self.stop_date: float | None = None
        self.status: Status = "RUNNING"
        self.output_document: Document | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop_reason: tuple[str | None, str | None] = (None, None)
        self._lane = Lane(0, NO_VARIABLES)
        self._trace: ExecutionTrace | None = None
        self._now: Callable[[], float] = lambda: start_date

    @property
    def output(self) -> Any:
        """The JSON value that the execution gave, None where it gave none."""
        return self.output_document.value if self.output_document is not None else None

    @property
    def is_express(self) -> bool:
        """Whether it is of an EXPRESS state machine."""
        return self.revision.type == "EXPRESS"

    def begin(
        self,
        identity: Identity,
        clock: Clock,
        tasks: TaskRunner,
        chance: random.Random,
        on_end: Callable[[str], None],
        send_segment: SendSegment | None = None,
    ) -> None:
        """Lets it run in the background; `on_end` is called with its state machine's ARN once it has ended."""
        if send_segment is not None and self.trace_start.sampled:
            self._trace = ExecutionTrace(self.trace_start, send_segment, clock.now)
            self._lane.parent_span = self._trace.root_span()
        run = RunContext(self.history, clock, chance, tasks, self._context(), self.trace_start.header, identity.region)
        self.history.add("ExecutionStarted", 0, None, {"input": self.input, "roleArn": self.revision.role_arn})
        self._now = clock.now
        self._task = asyncio.get_running_loop().create_task(self._run(run), name=self.arn)
        self._task.add_done_callback(lambda _task: self._finish(on_end))

    def _finish(self, on_end: Callable[[str], None]) -> None:
        if self.status == "RUNNING":  # it was stopped before its first state
            self._abort()
        on_end(self.revision.machine_arn)

    async def wait(self) -> "Execution":
        """Itself, once it has ended; raises what broke the emulator itself, should that happen."""
        assert self._task is not None
        # asyncio.wait, so that whoever gives up waiting does not end the execution.
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()
        return self

    async def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Ends it as ABORTED; one that has ended stays as it is."""
        if self.status == "RUNNING" and self._task is not None:
            self._stop_reason = (error, cause)
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, run: RunContext) -> None:
        acting_role.set(self.revision.role_arn)  # all that it calls is judged by its role
        branch = self.revision.machine.branch
        limits = [s for s in (self.revision.machine.timeout_seconds, EXPRESS_SECONDS if self.is_express else None) if s]
        try:
            async with asyncio.timeout(min(limits, default=None)) as limit:
                check_input(self.input, branch.start_at)
                self.output_document = await Interpreter(run).run_branch(branch, self.input, self._lane)
            self._end("SUCCEEDED", "ExecutionSucceeded", {"output": self.output_document})
        except TimeoutError:
            if not limit.expired():
                self._break()
                raise
            self.error = TIMEOUT
            self._end("TIMED_OUT", "ExecutionTimedOut", {"error": TIMEOUT})
        except StateFailedError as failure:
            self.error, self.cause = failure.error, failure.cause
            self._end("FAILED", "ExecutionFailed", {"error": failure.error, "cause": failure.cause})
        except asyncio.CancelledError:
            self._abort()
        except BaseException:
            self._break()
            raise

    def _abort(self) -> None:
        self.error, self.cause = self._stop_reason
        self._end("ABORTED", "ExecutionAborted", {"error": self.error, "cause": self.cause})

    def _end(self, status: Status, event_type: str, details: dict[str, Any]) -> None:
        self.status = status
        self.stop_date = self._now()
        self.history.add_last(event_type, self._lane.previous, details)
        if self._trace is not None:
            self._trace.end(
                name=self.revision.name,
                machine_arn=self.revision.machine_arn,
                execution_arn=self.arn,
                started=self.start_date,
                error=None if status == "SUCCEEDED" else self.error or status,
            )

    def _break(self) -> None:
        # A fault of the emulator or of a port: told to whoever waits, and the execution does not stay RUNNING.
        self.error, self.cause = RUNTIME, "the emulator failed; wait() raises what happened"
        self._end("FAILED", "ExecutionFailed", {"error": self.error, "cause": self.cause})

    def _context(self) -> dict[str, Any]:
        # Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
        return {
            "Execution": {
                "Id": self.arn,
                "Input": self.input.value,
                "Name": self.name,
                "RoleArn": self.revision.role_arn,
                "StartTime": format_timestamp(self.start_date),
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": self.revision.machine_arn, "Name": self.revision.name},
        }
