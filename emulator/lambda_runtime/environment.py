"""One execution environment: a process, its Runtime API endpoint, its log pipe and its current invocation.

Source of the life cycle: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import contextlib
import enum
import json
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Protocol

from emulator.lambda_runtime.completion import Completion, Outcome
from emulator.lambda_runtime.environment_spec import EnvironmentSpec
from emulator.lambda_runtime.http_protocol import RuntimeApiProtocol
from emulator.lambda_runtime.invocation import UNHANDLED, Invocation, describe_exit, error_payload
from emulator.lambda_runtime.limits import INIT_SECONDS, RESPONSE_PAYLOAD_BYTES
from emulator.lambda_runtime.process_memory import ResidentMemory
from emulator.lambda_runtime.zygote_client import ProcessSpec, ZygoteClient

LOG_READ_BYTES = 65536
LONGEST_LOG_LINE = 256 * 1024  # CloudWatch's limit for one event; longer lines are cut there


class Phase(enum.Enum):
    """Where an environment stands."""

    STARTING = enum.auto()
    IDLE = enum.auto()
    BUSY = enum.auto()
    DYING = enum.auto()
    GONE = enum.auto()


class EnvironmentOwner(Protocol):
    """Who keeps the environment and gives it work."""

    def on_ready(self, environment: "Environment") -> None: ...
    def on_init_failed(self, environment: "Environment") -> None: ...
    def on_gone(self, environment: "Environment") -> None: ...


class Environment:
    """Runs one invocation at a time in one process; module state lives as long as the process."""

    def __init__(
        self, spec: EnvironmentSpec, owner: EnvironmentOwner, zygote: ZygoteClient, completion: Completion, work_dir: Path
    ) -> None:
        identifier = uuid.uuid4().hex
        self.spec = spec
        self.phase = Phase.STARTING
        self.pid = 0
        self.is_bound = False
        self.was_starting = False
        self.idle_since = 0.0
        # Source of the form: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
        self.log_stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{spec.version}]{identifier}"
        self._owner = owner
        self._zygote = zygote
        self._completion = completion
        self._loop = asyncio.get_running_loop()
        self._temporary = work_dir / identifier
        self._server: asyncio.Server | None = None
        self._connection: RuntimeApiProtocol | None = None
        self._log_descriptor = -1
        self._log_rest = b""
        self._memory: ResidentMemory | None = None
        self._max_memory_mb = 0
        self._invocation: Invocation | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._born = self._loop.time()
        self._init_ms: float | None = None  # until the first invocation has reported it
        self._init_phase = "init"
        self._init_error: tuple[bytes, str] | None = None
        self._init_timed_out = False
        self._out_of_memory = False

    async def start(self, bound: Invocation | None = None) -> None:
        """Start the process. `bound`: the invocation in whose time a failed INIT is repeated."""
        self._server = await self._loop.create_server(lambda: RuntimeApiProtocol(self), "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self._temporary.mkdir(parents=True)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self._log_descriptor = reader
        self._loop.add_reader(reader, self._read_log)
        variables = {
            **self.spec.variables,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
            "TMPDIR": str(self._temporary),
        }
        self._born = self._loop.time()
        if bound is None:
            self._timer = self._loop.call_later(INIT_SECONDS, self._on_init_timeout)
        else:
            self._init_phase = "invoke"
            self._begin(bound)
        try:
            self.pid = await self._zygote.fork(
                ProcessSpec(self.spec.handler, self.spec.task_root, self.spec.path, variables), writer, self._on_exit
            )
        finally:
            os.close(writer)
        if self.phase is Phase.DYING:
            self._zygote.kill(self.pid)
        elif self.phase is not Phase.GONE:
            self._memory = ResidentMemory(self.pid)

    def run(self, invocation: Invocation) -> None:
        """Hand an event to the waiting runtime."""
        invocation.init_ms, self._init_ms = self._init_ms, None
        self._begin(invocation)
        self._deliver()

    def stop(self) -> None:
        """Kill the process group; what is running is not answered by this."""
        if self.phase not in (Phase.DYING, Phase.GONE):
            self.phase = Phase.DYING
            if self.pid:
                self._zygote.kill(self.pid)

    def check_memory(self) -> None:
        """Kill the environment when it holds more than its function's MemorySize."""
        if self._memory is None or self.phase not in (Phase.STARTING, Phase.BUSY):
            return
        self._max_memory_mb = max(self._max_memory_mb, self._memory.read_mb())
        if self._max_memory_mb > self.spec.memory_mb:
            self._out_of_memory = True
            self._zygote.kill(self.pid)

    # What the runtime says, through the Runtime API

    def on_next(self, connection: RuntimeApiProtocol) -> None:
        self._connection = connection
        if self.phase is Phase.STARTING:
            if self._timer is not None:
                self._timer.cancel()
            self._init_ms = (self._loop.time() - self._born) * 1000
            if self._invocation is not None:  # the repeated INIT is a part of the invocation's duration
                self._init_ms = None
                self.phase = Phase.BUSY
                self._deliver()
                return
        elif self.phase is not Phase.BUSY:
            return
        elif self._invocation is not None:
            # The runtime asks for more without having answered: the service gives that environment up.
            self._zygote.kill(self.pid)
            return
        self.phase = Phase.IDLE
        self.idle_since = self._loop.time()
        self._owner.on_ready(self)

    def on_response(self, request_id: str, body: bytes) -> bool:
        if self._invocation is None or self._invocation.request_id != request_id:
            return False
        self._finish(Outcome(body))
        return True

    def on_response_too_large(self, request_id: str) -> None:
        if self._invocation is not None and self._invocation.request_id == request_id:
            message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_PAYLOAD_BYTES} bytes)."
            error_type = "Function.ResponseSizeTooLarge"
            self._finish(Outcome(error_payload(error_type, message), UNHANDLED, error_type, "error"))

    def on_error(self, request_id: str, body: bytes, error_type: str) -> bool:
        if self._invocation is None or self._invocation.request_id != request_id:
            return False
        # An error that the handler raised leaves the environment as it is, and REPORT without a status.
        self._finish(Outcome(body, UNHANDLED, error_type or read_error_type(body)))
        return True

    def on_init_error(self, body: bytes, error_type: str) -> None:
        self._init_error = (body, error_type or read_error_type(body))

    # Inside

    def _begin(self, invocation: Invocation) -> None:
        if self.phase is not Phase.STARTING:
            self.phase = Phase.BUSY
        self._invocation = invocation
        invocation.started = self._loop.time()
        invocation.started_epoch = time.time()
        self._timer = self._loop.call_later(self.spec.timeout_seconds, self._on_timeout)
        self.spec.log.write(self.log_stream, f"START RequestId: {invocation.request_id} Version: {self.spec.version}")
        if invocation.tail is not None:
            invocation.tail += f"START RequestId: {invocation.request_id} Version: {self.spec.version}\n".encode()

    def _deliver(self) -> None:
        invocation = self._invocation
        assert invocation is not None
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

    def _finish(self, outcome: Outcome) -> None:
        invocation, self._invocation = self._invocation, None
        assert invocation is not None
        if self._timer is not None:
            self._timer.cancel()
        ended = self._loop.time()
        # What the handler wrote is in the pipe before its answer is on the connection.
        self._invocation_log(invocation)
        if self._memory is not None:
            self._max_memory_mb = max(self._max_memory_mb, self._memory.read_mb())
        self._completion.complete(self.spec, self.log_stream, invocation, outcome, ended, self._max_memory_mb)

    def _on_timeout(self) -> None:
        invocation = self._invocation
        assert invocation is not None
        text = f"Task timed out after {self.spec.timeout_seconds:.2f} seconds"
        # Source: https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html (Sandbox.Timedout)
        payload = error_payload("Sandbox.Timedout", f"RequestId: {invocation.request_id} Error: {text}")
        self._finish(Outcome(payload, UNHANDLED, "Sandbox.Timedout", "timeout", text))
        self.stop()

    def _on_init_timeout(self) -> None:
        self._init_timed_out = True
        self._zygote.kill(self.pid)

    def _on_exit(self, status: int) -> None:
        was_starting = self.phase is Phase.STARTING
        unanswered = self._invocation
        if was_starting and self._timer is not None and unanswered is None:
            self._timer.cancel()
        if was_starting and self._init_error is None and not self._init_timed_out:
            self._init_error = (b"", "Runtime.ExitError")
        self._drain_log()
        if was_starting:
            self._report_init()
        if unanswered is not None:
            self._finish(self._describe_loss(unanswered, status))
        failed_init = was_starting and unanswered is None
        self.phase = Phase.GONE
        self.release()
        if failed_init:
            self._owner.on_init_failed(self)
        self._owner.on_gone(self)

    def _describe_loss(self, invocation: Invocation, status: int) -> Outcome:
        """The answer for an invocation whose process ended."""
        if self._init_error is not None and self._init_error[0]:
            return Outcome(self._init_error[0], UNHANDLED, self._init_error[1], "error")
        text = describe_exit(status)
        payload = error_payload("Runtime.ExitError", f"RequestId: {invocation.request_id} Error: {text}")
        error_type = "Runtime.OutOfMemory" if self._out_of_memory else "Runtime.ExitError"
        return Outcome(payload, UNHANDLED, error_type, "error", f"Error: {text}")

    def _report_init(self) -> None:
        status = "timeout" if self._init_timed_out else f"error\tError Type: {self._init_error[1] if self._init_error else ''}"
        duration = (self._loop.time() - self._born) * 1000
        self.spec.log.write(
            self.log_stream, f"INIT_REPORT Init Duration: {duration:.2f} ms\tPhase: {self._init_phase}\tStatus: {status}\t"
        )

    def _invocation_log(self, invocation: Invocation) -> None:
        self._read_log(invocation)
        if self._log_rest:
            self._write_log_line(self._log_rest)
            self._log_rest = b""

    def _drain_log(self) -> None:
        self._read_log()
        if self._log_rest:
            self._write_log_line(self._log_rest)
            self._log_rest = b""

    def _read_log(self, invocation: Invocation | None = None) -> None:
        if self._log_descriptor < 0:
            return
        tail = (invocation or self._invocation or _NOBODY).tail
        while True:
            try:
                data = os.read(self._log_descriptor, LOG_READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._loop.remove_reader(self._log_descriptor)
                return
            if tail is not None:
                tail += data
            *lines, self._log_rest = (self._log_rest + data).split(b"\n")
            for line in lines:
                self._write_log_line(line)
            if len(self._log_rest) > LONGEST_LOG_LINE:
                self._write_log_line(self._log_rest)
                self._log_rest = b""
            if len(data) < LOG_READ_BYTES:
                return

    def _write_log_line(self, line: bytes) -> None:
        self.spec.log.write(self.log_stream, line.decode("utf-8", "backslashreplace"))

    def release(self) -> None:
        """Give back descriptors, the port and the temporary directory."""
        if self._log_descriptor >= 0:
            self._loop.remove_reader(self._log_descriptor)
            os.close(self._log_descriptor)
            self._log_descriptor = -1
        if self._memory is not None:
            self._memory.close()
        if self._connection is not None:
            self._connection.close()
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._temporary)


def read_error_type(body: bytes) -> str:
    """The `errorType` of a runtime's error document."""
    try:
        document = json.loads(body)
    except ValueError:
        return "Runtime.Unknown"
    return str(document.get("errorType", "Runtime.Unknown")) if isinstance(document, dict) else "Runtime.Unknown"


class _Nobody:
    tail: bytearray | None = None


_NOBODY = _Nobody()
