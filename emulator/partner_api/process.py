"""The partner API as a child process, seen from its parent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from emulator.partner_api.options import OptionError, PartnerApiOptions, merge_options

_REPOSITORY = Path(__file__).resolve().parents[2]
_CONTROL_TIMEOUT_SECONDS = 60
_STOP_TIMEOUT_SECONDS = 5


class PartnerApiError(RuntimeError):
    """The partner API did not start, or does not answer; the message says what to look at."""


class LastAnswer(NamedTuple):
    """A user's last good answer; `calls` counts all of the user's calls."""

    points: int
    tier: str
    updated_at: str
    calls: int


class PartnerApi:
    """Starts, controls and stops the child. Start it on a thread that lives as long as the child shall (PDEATHSIG)."""

    def __init__(
        self, options: PartnerApiOptions | None = None, *, log_path: Path | None = None, port: int = 0
    ) -> None:
        self.options = options or PartnerApiOptions()
        self.url = ""
        self._log_path = log_path
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> str:
        """The URL, once connections are accepted. Raises PartnerApiError."""
        if self._process is not None:
            raise PartnerApiError(f"the partner API runs already at {self.url}")
        read_fd, write_fd = os.pipe()
        with os.fdopen(read_fd, "rb") as ready:
            try:
                self._process = await self._spawn(write_fd)
            finally:
                os.close(write_fd)
            self.url = (await _read_line(ready)).decode().strip()
        if not self.url:
            code = await self._process.wait()
            self._process = None
            where = f"; its log is {self._log_path}" if self._log_path else ""
            raise PartnerApiError(f"the partner API ended with status {code} before it was ready{where}")
        self._port = urlsplit(self.url).port or 0  # a further start is at the same address
        return self.url

    async def _spawn(self, write_fd: int) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "emulator.partner_api", "--port", str(self._port)]
        command += ["--options-json", json.dumps(self.options.to_json())]
        command += ["--ready-fd", str(write_fd), "--parent-pid", str(os.getpid())]
        paths = [str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        with contextlib.ExitStack() as stack:
            log: IO[bytes] | None = stack.enter_context(self._log_path.open("ab")) if self._log_path else None
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(write_fd,),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )

    def pause(self) -> None:
        """Stops the child without ending it (SIGSTOP): connections are accepted and nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused child go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """Ends the child with its account; does nothing where it does not run.

        `start` brings it back, at the same address.
        """
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def stats(self) -> dict[str, Any]:
        """The counts that docs/reference/partner-api.md lists: calls, good, outcomes, in_flight_max, cpu_seconds ..."""
        stats: dict[str, Any] = json.loads(await self._request("GET", "/_control/stats"))
        return stats

    async def answers(self) -> dict[str, LastAnswer]:
        """The last good answer of each user that has one."""
        lines = (await self._request("GET", "/_control/answers")).splitlines()
        return {item.pop("user_id"): LastAnswer(**item) for item in map(json.loads, lines)}

    async def calls_by_user(self) -> dict[str, int]:
        """How often each user was called since the start or the last reset, whatever the answer."""
        lines = (await self._request("GET", "/_control/users")).splitlines()
        return {item["user_id"]: item["calls"] for item in map(json.loads, lines)}

    async def reset(self, *, keep_versions: bool = False) -> None:
        """Forgets counts, attempts and last answers; `keep_versions` lets changing answers go on where they were."""
        await self._request("POST", "/_control/reset", {"keep_versions": keep_versions})

    async def set_options(self, **changes: Any) -> PartnerApiOptions:
        """Changes options at run time and gives all of them; `users={"u1": None}` removes an override.

        Raises OptionError before anything is sent where one is wrong.
        """
        options = merge_options(self.options, changes)
        removed = {user_id: None for user_id in self.options.users if user_id not in options.users}
        document = options.to_json()
        document["users"].update(removed)
        await self._request("POST", "/_control/options", document)
        self.options = options
        return options

    async def _request(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> bytes:
        if self._process is None:
            raise PartnerApiError("the partner API does not run; call start() first")
        return await asyncio.to_thread(_send_request, self.url, method, path, document)


def _send_request(url: str, method: str, path: str, document: Mapping[str, Any] | None) -> bytes:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=_CONTROL_TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request(method, path, None if document is None else json.dumps(document).encode())
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            raise PartnerApiError(f"the partner API at {url} does not answer {method} {path}: {error}") from error
    if response.status == HTTPStatus.BAD_REQUEST:
        raise OptionError(json.loads(body)["message"])
    if response.status != HTTPStatus.OK:
        raise PartnerApiError(f"{method} {url}{path} was answered {response.status}: {body[:200]!r}")
    return body


async def _read_line(stream: IO[bytes]) -> bytes:
    """The first line of a pipe, or nothing where its other end closed."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stream)
    try:
        return await reader.readline()
    finally:
        transport.close()
