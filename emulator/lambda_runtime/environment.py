"""One execution environment: a process, its Runtime API endpoint, its log pipe and its current invocation.

Source of the life cycle: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import contextlib
import enum
import json
import shutil
import time
import uuid
from pathlib import Path
from typing import Protocol

from emulator.faults.clock import make_skew_variables
from emulator.faults.effects import HoldAnswer, KillEnvironment, SkewClock
from emulator.faults.plan import FaultPlan
from emulator.lambda_runtime.completion import Completion, Outcome
from emulator.lambda_runtime.environment_spec import EnvironmentSpec
from emulator.lambda_runtime.http_protocol import RuntimeApiProtocol
from emulator.lambda_runtime.invocation import UNHANDLED, Invocation, describe_exit, error_payload
from emulator.lambda_runtime.limits import INIT_SECONDS, RESPONSE_PAYLOAD_BYTES
from emulator.lambda_runtime.log_pipe import LogPipe
from emulator.lambda_runtime.platform_lines import format_init_report, format_start
from emulator.lambda_runtime.process_memory import ResidentMemory
from emulator.lambda_runtime.zygote_client import ProcessSpec, ZygoteClient


class Phase(enum.Enum):
    """Where an environment stands."""

    STARTING = enum.auto()
    IDLE = enum.auto()
    BUSY = enum.auto()  # until the runtime asks for the next event, which is a little after its answer
    DYING = enum.auto()
    GONE = enum.auto()


class EnvironmentOwner(Protocol):
    """Who keeps the environment and gives it work."""

    def on_answered(self, environment: "Environment") -> None: ...
    def on_ready(self, environment: "Environment") -> None: ...
    def on_init_failed(self, environment: "Environment") -> None: ...
    def on_gone(self, environment: "Environment") -> None: ...


class Environment:
    """Runs one invocation at a time in one process; module state lives as long as the process."""

    def __init__(
        self,
        spec: EnvironmentSpec,
        owner: EnvironmentOwner,
        zygote: ZygoteClient,
        completion: Completion,
        work_dir: Path,
        *,
        bound: Invocation | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        """`bound` is the invocation in whose time a failed INIT is repeated; `faults` what shall go wrong."""
        identifier = uuid.uuid4().hex
        self.spec = spec
        self.phase = Phase.STARTING
        self.pid = 0
        self.idle_since = 0.0
        self.is_bound = bound is not None
        self.is_outdated = False  # the owner's mark: takes no further invocation
        self.is_starting = False  # the owner's mark: in its INIT phase
        self.is_coming = False  # the owner's mark: expected to be ready soon
        # Source of the form: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
        self.log_stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{spec.version}]{identifier}"
        self._owner = owner
        self._zygote = zygote
        self._completion = completion
        self._loop = asyncio.get_running_loop()
        self._temporary = work_dir / identifier
        self._pipe = LogPipe(spec.log, self.log_stream)
        self._server: asyncio.Server | None = None
        self._connection: RuntimeApiProtocol | None = None
        self._memory: ResidentMemory | None = None
        self._max_memory_mb = 0
        self._invocation = bound
        self._timer: asyncio.TimerHandle | None = None
        self._born = self._loop.time()
        self._init_ms: float | None = None  # until the first invocation has reported it
        self._init_error: tuple[bytes, str] | None = None
        self._init_timed_out = False
        self._out_of_memory = False
        self._faults = faults
        self._answer_is_held = False

    async def start(self) -> None:
        """Start the process; OSError when the machine cannot."""
        self._server = await self._loop.create_server(lambda: RuntimeApiProtocol(self), "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self._temporary.mkdir(parents=True)
        variables = {
            **self.spec.variables,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
            "TMPDIR": str(self._temporary),
            **self._skew_variables(),
        }
        process = ProcessSpec(self.spec.handler, self.spec.task_root, self.spec.path, variables)
        self._born = self._loop.time()
        if self._invocation is None:
            self._timer = self._loop.call_later(INIT_SECONDS, self._on_init_timeout)
        else:
            self._begin(self._invocation)
        self.pid = await self._zygote.fork(process, self._pipe.writer, self._on_exit)
        self._pipe.close_writer()
        if self.phase is Phase.DYING:
            self._zygote.kill(self.pid)
        elif self.phase is not Phase.GONE:
            self._memory = ResidentMemory(self.pid)

    def run(self, invocation: Invocation) -> None:
        """Hand an event to the waiting runtime."""
        invocation.init_ms, self._init_ms = self._init_ms, None
        self.phase = Phase.BUSY
        self._invocation = invocation
        self._begin(invocation)
        self._deliver(invocation)

    def stop(self) -> None:
        """Kill the process group; what is running is not answered by this."""
        if self.phase not in (Phase.DYING, Phase.GONE):
            self.phase = Phase.DYING
            if self.pid:
                self._zygote.kill(self.pid)

    def check_memory(self) -> None:
        """Kill the environment when it holds more than its function's MemorySize."""
        if self._memory is None or self._out_of_memory or self.phase not in (Phase.STARTING, Phase.BUSY):
            return
        self._max_memory_mb = max(self._max_memory_mb, self._memory.read_mb())
        if self._max_memory_mb > self.spec.memory_mb:
            self._out_of_memory = True
            self._zygote.kill(self.pid)

    def release(self) -> None:
        """Give back descriptors, the port and the temporary directory."""
        self.phase = Phase.GONE
        if self._timer is not None:
            self._timer.cancel()
        self._pipe.close()
        if self._memory is not None:
            self._memory.close()
        if self._connection is not None:
            self._connection.close()
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._temporary)

    # What the runtime says, through the Runtime API

    def on_next(self, connection: RuntimeApiProtocol) -> None:
        self._connection = connection
        if self.phase is Phase.STARTING:
            if self._invocation is not None:  # the repeated INIT is a part of the invocation's duration
                self.phase = Phase.BUSY
                self._deliver(self._invocation)
                return
            if self._timer is not None:
                self._timer.cancel()
            self._init_ms = (self._loop.time() - self._born) * 1000
        elif self.phase is not Phase.BUSY or self._answer_is_held:
            return
        elif self._invocation is not None:
            # The runtime asks for more without having answered: that environment is given up.
            self._zygote.kill(self.pid)
            return
        self.phase = Phase.IDLE
        self.idle_since = self._loop.time()
        self._owner.on_ready(self)

    def on_response(self, request_id: str, body: bytes) -> bool:
        if self._invocation is None or self._invocation.request_id != request_id:
            return False
        if self._faults is not None and self._faults.armed and self._is_struck(HoldAnswer):
            self._answer_is_held = True
            return True
        self._owner.on_answered(self)
        self._finish(self._invocation, Outcome(body))
        return True

    def on_response_too_large(self, request_id: str) -> None:
        if self._invocation is None or self._invocation.request_id != request_id:
            return
        error_type = "Function.ResponseSizeTooLarge"
        message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_PAYLOAD_BYTES} bytes)."
        self._owner.on_answered(self)
        self._finish(
            self._invocation, Outcome(error_payload(error_type, message), UNHANDLED, error_type, "error", message)
        )

    def on_error(self, request_id: str, body: bytes, error_type: str) -> bool:
        if self._invocation is None or self._invocation.request_id != request_id:
            return False
        self._owner.on_answered(self)
        # An error that the handler raised leaves the environment as it is, and REPORT without a status.
        self._finish(self._invocation, Outcome(body, UNHANDLED, error_type or read_error_type(body)))
        return True

    def on_init_error(self, body: bytes, error_type: str) -> None:
        self._init_error = (body, error_type or read_error_type(body))

    # Inside

    def _begin(self, invocation: Invocation) -> None:
        invocation.started = self._loop.time()
        invocation.started_epoch = time.time()
        self._timer = self._loop.call_later(self.spec.timeout_seconds, self._on_timeout)
        self._pipe.drain()  # what was written between invocations is no part of this one's tail
        self._pipe.tail = invocation.tail
        self._pipe.write(format_start(invocation.request_id, self.spec.version, as_json=self.spec.json_logs))

    def _deliver(self, invocation: Invocation) -> None:
        assert self._connection is not None
        deadline = int((invocation.started_epoch + self.spec.timeout_seconds) * 1000)
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {invocation.request_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {deadline}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {invocation.function_arn}\r\n"
        )
        if invocation.trace is not None:
            head += f"Lambda-Runtime-Trace-Id: {invocation.trace.header()}\r\n"
        if invocation.client_context is not None:
            head += f"Lambda-Runtime-Client-Context: {invocation.client_context}\r\n"
        self._connection.send(f"{head}Content-Length: {len(invocation.payload)}\r\n\r\n".encode() + invocation.payload)
        if self._faults is not None and self._faults.armed:
            kill = self._faults.strike(KillEnvironment, function=self.spec.function_name)
            if kill is not None:
                self._loop.call_later(kill.after_seconds, self._kill_during, invocation)

    def _kill_during(self, invocation: Invocation) -> None:
        if self._invocation is invocation:
            self._zygote.kill(self.pid)

    def _is_struck(self, kind: type[HoldAnswer]) -> bool:
        return self._faults is not None and self._faults.strike(kind, function=self.spec.function_name) is not None

    def _skew_variables(self) -> dict[str, str]:
        """What libfaketime reads; it does nothing where it was not preloaded."""
        if self._faults is None or not self._faults.armed:
            return {}
        skew = self._faults.strike(SkewClock, function=self.spec.function_name)
        return {} if skew is None else make_skew_variables(skew.seconds)

    def _finish(self, invocation: Invocation, outcome: Outcome) -> None:
        self._invocation = None
        if self._timer is not None:
            self._timer.cancel()
        ended = self._loop.time()
        # What the handler wrote is in the pipe before its answer is on the connection.
        self._pipe.drain()
        if self._memory is not None:
            self._max_memory_mb = max(self._max_memory_mb, self._memory.read_mb())
        self._completion.complete(
            self.spec, self._pipe, invocation, outcome, ended=ended, max_memory_mb=self._max_memory_mb
        )
        self._pipe.tail = None

    def _on_timeout(self) -> None:
        assert self._invocation is not None
        text = f"Task timed out after {self.spec.timeout_seconds:.2f} seconds"
        # Source: https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html (Sandbox.Timedout)
        payload = error_payload("Sandbox.Timedout", f"RequestId: {self._invocation.request_id} Error: {text}")
        self._finish(self._invocation, Outcome(payload, UNHANDLED, "Sandbox.Timedout", "timeout", text))
        self.stop()

    def _on_init_timeout(self) -> None:
        self._init_timed_out = True
        self._zygote.kill(self.pid)

    def _on_exit(self, status: int) -> None:
        invocation = self._invocation
        init_failed = self.phase is Phase.STARTING
        self._pipe.drain()
        if init_failed:
            self._report_init()
        if invocation is not None:
            self._finish(invocation, self._describe_loss(invocation, status))
        self.release()
        if init_failed and invocation is None:
            self._owner.on_init_failed(self)
        self._owner.on_gone(self)

    def _describe_loss(self, invocation: Invocation, status: int) -> Outcome:
        """The answer for an invocation whose process ended."""
        if self._init_error is not None:
            return Outcome(self._init_error[0], UNHANDLED, self._init_error[1], "error")
        text = describe_exit(status)
        payload = error_payload("Runtime.ExitError", f"RequestId: {invocation.request_id} Error: {text}")
        error_type = "Runtime.OutOfMemory" if self._out_of_memory else "Runtime.ExitError"
        return Outcome(payload, UNHANDLED, error_type, "error", f"Error: {text}")

    def _report_init(self) -> None:
        error_type = None
        if not self._init_timed_out:
            error_type = self._init_error[1] if self._init_error is not None else "Runtime.ExitError"
        line = format_init_report(
            (self._loop.time() - self._born) * 1000,
            "invoke" if self.is_bound else "init",
            "timeout" if self._init_timed_out else "error",
            error_type,
            as_json=self.spec.json_logs,
        )
        self._pipe.write(line)


def read_error_type(body: bytes) -> str:
    """The `errorType` of a runtime's error document."""
    try:
        document = json.loads(body)
    except ValueError:
        return "Runtime.Unknown"
    return str(document.get("errorType", "Runtime.Unknown")) if isinstance(document, dict) else "Runtime.Unknown"
