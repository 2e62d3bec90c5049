"""The process that forks Lambda execution environments; run as a script, never imported by the emulator.

Started as `python -I -S -X utf8 zygote.py CONTROL_FD RUNTIME_DIRECTORY CACHE_BYTECODE`. It imports AWS's runtime
interface client once, then answers each request on the control socket with a fork, so that an environment costs
milliseconds and shares the interpreter's pages. The function's own code is imported in the environment.

One JSON object a line. In: {"fork": {...}} with the log pipe's descriptor attached, {"kill": pid}.
Out: {"ready": pid} once, {"forked": pid}, {"exited": pid, "status": wait status}.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
# Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (file descriptors)
FILE_DESCRIPTORS = 1024
FIRST_PRIVATE_DESCRIPTOR = 3
HIGHEST_ZYGOTE_DESCRIPTOR = 64


def die_with_parent(parent: int, death_signal: int) -> None:
    """Ask the kernel to signal this process when its parent dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    # The parent may have died before the request took effect.
    if os.getppid() != parent:
        os._exit(1)


def become_environment(request: dict[str, Any], log_descriptor: int, zygote: int) -> None:
    """Turn the forked child into the execution environment that `request` describes."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with_parent(zygote, signal.SIGKILL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log_descriptor, 1)
    os.dup2(log_descriptor, 2)
    os.closerange(FIRST_PRIVATE_DESCRIPTOR, HIGHEST_ZYGOTE_DESCRIPTOR)
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILE_DESCRIPTORS, hard_limit), hard_limit))
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["task_root"])
    sys.path[:0] = request["path"]
    sys.argv[:] = ["bootstrap", request["handler"]]
    del sys.modules["ctypes"]


def run_runtime_client(handler: str) -> None:
    """Serve invocations with AWS's runtime interface client until the environment is killed."""
    bootstrap = importlib.import_module("awslambdaric.bootstrap")
    lambda_runtime_client = importlib.import_module("awslambdaric.lambda_runtime_client")
    # The native client takes the endpoint from the environment once for all, so it is loaded here, not in the zygote.
    del sys.modules["runtime_client"]
    native_client = importlib.import_module("runtime_client")
    native_client.initialize_client(lambda_runtime_client._user_agent())
    vars(lambda_runtime_client)["runtime_client"] = native_client
    # These were read from the zygote's environment when it imported them.
    lambda_runtime_client.BaseLambdaRuntimeClient.marshaller = lambda_runtime_client.LambdaMarshaller()
    if "AWS_LAMBDA_LOG_FORMAT" in os.environ or "AWS_LAMBDA_LOG_LEVEL" in os.environ:
        importlib.reload(bootstrap)
    config = importlib.import_module("awslambdaric.lambda_config").LambdaConfigProvider(["bootstrap", handler])
    client = lambda_runtime_client.LambdaRuntimeClient(config.api_address, config.use_thread_polling)
    bootstrap.run(handler, client)


class Zygote:
    """The control loop: forks on request, reports exits, dies with the parent and takes its environments along."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.environments: set[int] = set()
        self.received = b""
        self.descriptors: list[int] = []

    def serve(self) -> tuple[dict[str, Any], int] | None:
        """Loop until the parent goes (None), or, in a forked child, return what to become."""
        wake_reader, wake_writer = os.pipe()
        for descriptor in (wake_reader, wake_writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGTERM, lambda _number, _frame: self.leave())
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(wake_reader, select.POLLIN)
        while True:
            for descriptor, _event in poll.poll():
                if descriptor == wake_reader:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_reader, 4096)
                    self.report_exits()
                elif not self.receive():
                    self.leave()
                while b"\n" in self.received:
                    line, self.received = self.received.split(b"\n", 1)
                    became = self.obey(json.loads(line))
                    if became is not None:
                        return became

    def receive(self) -> bool:
        try:
            data, descriptors, _flags, _address = socket.recv_fds(self.control, 65536, 8)
        except ConnectionResetError:
            return False
        self.descriptors.extend(descriptors)
        self.received += data
        return bool(data)

    def obey(self, command: dict[str, Any]) -> tuple[dict[str, Any], int] | None:
        if "kill" in command:
            self.kill(command["kill"])
            return None
        log_descriptor = self.descriptors.pop(0)
        zygote = os.getpid()
        child = os.fork()
        if child == 0:
            become_environment(command["fork"], log_descriptor, zygote)
            return command["fork"], log_descriptor
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        os.close(log_descriptor)
        self.environments.add(child)
        self.say({"forked": child})
        return None

    def kill(self, pid: int) -> None:
        if pid in self.environments:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def report_exits(self) -> None:
        while self.environments:
            gone = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if gone is None:
                return
            # What the handler started goes with it. The leader is not reaped yet, so its id cannot be another's.
            self.kill(gone.si_pid)
            _pid, status = os.waitpid(gone.si_pid, 0)
            self.environments.discard(gone.si_pid)
            self.say({"exited": gone.si_pid, "status": status})

    def say(self, message: dict[str, Any]) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            self.leave()

    def leave(self) -> None:
        for pid in list(self.environments):
            self.kill(pid)
        os._exit(0)


def main() -> None:
    """Prepare the interpreter as AWS's is, fork on request; in a child, run the function."""
    control_descriptor, runtime_directory, cache_bytecode, parent = sys.argv[1:5]
    die_with_parent(int(parent), signal.SIGTERM)
    sys.dont_write_bytecode = cache_bytecode != "1"
    sys.path.insert(0, runtime_directory)
    sys.modules["runtime_client"] = None  # type: ignore[assignment]  # see run_runtime_client
    importlib.import_module("awslambdaric.bootstrap")
    importlib.import_module("awslambdaric.lambda_config")
    zygote = Zygote(socket.socket(fileno=int(control_descriptor)))
    zygote.say({"ready": os.getpid()})
    # Frozen objects are not touched by the collector, so their pages stay shared with the environments.
    gc.collect()
    gc.freeze()
    became = zygote.serve()
    if became is not None:
        zygote.control.detach()
        del zygote
        run_runtime_client(became[0]["handler"])


if __name__ == "__main__":
    main()
