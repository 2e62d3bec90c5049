"""`sam local invoke` and `sam local start-lambda` of the built functions."""

import contextlib
import re
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.sam.sam_cli import SAM_BIN, Invoked, SamCli

START_SECONDS = 120
_READY = re.compile(r"Running on (http://\S+)")


@dataclass(frozen=True)
class SamLocal:
    """SAM CLI with a built template and the functions' variables."""

    sam: SamCli
    template: Path
    variables: Path

    def invoke(self, logical_id: str, event: object) -> Invoked:
        """One invocation in a container of its own."""
        return self.sam.invoke(self.template, logical_id, event, self.variables)

    @contextlib.contextmanager
    def start_lambda(self) -> Iterator[str]:
        """The URL of a Lambda endpoint with warm containers; they are stopped with it."""
        command = [
            "setpriv",
            "--pdeathsig",
            "TERM",
            str(SAM_BIN / "sam"),
            "local",
            "start-lambda",
            "--warm-containers",
            "EAGER",
            "--no-watch",
        ]
        command += ["--port", str(_free_port()), *self.sam.local_options(self.template, self.variables)]
        lines: deque[str] = deque(maxlen=40)
        url: list[str] = []
        ready = threading.Event()
        with subprocess.Popen(
            command, env=self.sam.environment, cwd=self.sam.work_dir,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip

            def read() -> None:
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line)
                    if found := _READY.search(line):
                        url.append(found[1])
                        ready.set()
                ready.set()  # it has ended

            reader = threading.Thread(target=read, name="output of start-lambda")
            reader.start()
            try:
                ready.wait(START_SECONDS)
                if not url:
                    raise RuntimeError(f"sam local start-lambda does not answer:\n{''.join(lines)}")
                yield url[0]
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                reader.join()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
