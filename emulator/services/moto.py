"""moto's server as a child process: S3, SQS, SNS, DynamoDB and what else is not emulated here."""

import os
import re
import sys
from pathlib import Path

from emulator.identity import Identity
from emulator.services.child_process import ChildProcess

_LISTENING = re.compile(r"^moto listens on (\d+)$")


class Moto:
    """A moto server on a free port of the loopback; it loads a service when that is first called."""

    def __init__(self, identity: Identity, log_path: Path, *, start_timeout_seconds: float = 60) -> None:
        self._identity = identity
        self._start_timeout_seconds = start_timeout_seconds
        self._child = ChildProcess("moto", log_path)

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._child.pid

    async def start(self) -> str:
        """The server's URL, when it answers."""
        environment = dict(os.environ)
        environment["MOTO_ACCOUNT_ID"] = self._identity.account_id
        # moto itself must never look for an endpoint or for credentials of ours.
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            environment.pop(name, None)
        match = await self._child.start(
            [sys.executable, "-m", "emulator.services.moto_child"],
            _LISTENING,
            timeout_seconds=self._start_timeout_seconds,
            environment=environment,
            directory=Path(__file__).resolve().parents[2],
        )
        return f"http://127.0.0.1:{match.group(1)}"

    async def stop(self) -> None:
        """Return when the server is gone; what it held is gone with it."""
        await self._child.stop(grace_seconds=2)
