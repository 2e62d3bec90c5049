"""A Docker engine of the tests' own: started as a child, gone with all of its containers afterwards."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from pathlib import Path

from emulator.services.run_directory import RunDirectory
from tests.sam.docker_api import DockerApi

# Two engines would share the bridge docker0, so one runs at a time on a machine, whichever checkout it is for.
LOCK = Path(tempfile.gettempdir(), "express-batch-engine.lock")
MACHINES_ENGINE = Path("/var/run/docker.sock")
BRIDGE = "docker0"
BRIDGE_ADDRESS = "172.17.0.1"
START_SECONDS = 60
STOP_SECONDS = 30
_READY = re.compile(r"API listen on ")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class ContainerEngine:
    """`with ContainerEngine() as engine`: a running engine without iptables or forwarding. Needs root.

    Containers reach this machine at `address`, and nothing beyond it. Raises RuntimeError that ends with the engine's
    last lines when it does not start.
    """

    address = BRIDGE_ADDRESS

    def __enter__(self) -> "ContainerEngine":
        program = shutil.which("dockerd", path=_PATH)
        if program is None:
            raise RuntimeError("dockerd is not installed: `make test-sam` installs it where it runs as root on Debian")
        if DockerApi(MACHINES_ENGINE).is_up():
            raise RuntimeError(f"a Docker engine runs at {MACHINES_ENGINE} and has {BRIDGE}: stop it for these tests")
        self._lock = os.open(LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # A socket's path may have 107 bytes, so the directory is not under the checkout.
        self._directory = RunDirectory("xb-engine-")
        root = self._directory.path
        self.url = f"unix://{root}/docker.sock"
        self.api = DockerApi(root / "docker.sock")
        self._last_lines: deque[str] = deque(maxlen=20)
        self._process = subprocess.Popen(
            [
                # It ends with us, and by SIGTERM: by SIGKILL its containers would outlive it.
                *("setpriv", "--pdeathsig", "TERM", program),
                f"--host={self.url}",
                f"--data-root={root}/data",
                f"--exec-root={root}/exec",
                f"--pidfile={root}/dockerd.pid",
                f"--bip={BRIDGE_ADDRESS}/16",
                "--storage-driver=overlay2",
                "--exec-opt=native.cgroupdriver=cgroupfs",  # there need be no systemd
                "--iptables=false",
                "--ip6tables=false",
                "--ip-masq=false",
                "--ip-forward=false",
            ],
            env={**os.environ, "PATH": _PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self.api.is_up():
                self.api.remove_containers()
        finally:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()
            # dockerd leaves it behind.
            subprocess.run(["ip", "link", "delete", BRIDGE], env={"PATH": _PATH}, check=False, capture_output=True)
            self._directory.remove()
            os.close(self._lock)

    def _wait_until_ready(self) -> None:
        ready = threading.Event()

        def read() -> None:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                self._last_lines.append(line.rstrip())
                if _READY.search(line):
                    ready.set()
            ready.set()  # it has ended

        self._reader = threading.Thread(target=read, name="output of dockerd")
        self._reader.start()
        in_time = ready.wait(START_SECONDS)
        if not in_time or self._process.poll() is not None or not self.api.is_up():
            said = "\n".join(self._last_lines)
            why = "ended" if in_time else f"was not ready after {START_SECONDS} s"
            raise RuntimeError(f"the container engine {why}; it needs root. Its last lines:\n{said}")
