"""The few calls of the Docker Engine API that the tests need, over the engine's socket; no client program is needed.

https://docs.docker.com/reference/api/engine/version/v1.41/
"""

import http.client
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

TIMEOUT_SECONDS = 120


class _SocketConnection(http.client.HTTPConnection):
    """HTTP through a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class DockerApi:
    """An engine, by its socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_up(self) -> bool:
        """Whether the engine answers."""
        try:
            return self._send("GET", "/_ping") == b"OK"
        except OSError:
            return False

    def import_image(self, archive: Path, repository: str, tag: str, changes: Sequence[str]) -> None:
        """Make an image of a root file system; `changes` are Dockerfile instructions."""
        query = [("fromSrc", "-"), ("repo", repository), ("tag", tag), *(("changes", change) for change in changes)]
        with archive.open("rb") as body:
            answer = self._send(
                "POST", f"/images/create?{urlencode(query)}", body, {"Content-Type": "application/x-tar"}
            )
        # The status is 200 before the image is made; what goes wrong then is in the stream.
        for line in answer.splitlines():
            if "error" in (message := json.loads(line)):
                raise RuntimeError(f"the engine refuses the image {repository}:{tag}: {message['error']}")

    def remove_containers(self) -> None:
        """Remove every container, running or not."""
        for container in json.loads(self._send("GET", "/containers/json?all=true")):
            self._send("DELETE", f"/containers/{container['Id']}?force=true&v=true")

    def _send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> bytes:
        connection = _SocketConnection(self._path)
        try:
            connection.request(method, path, body, headers or {}, encode_chunked=body is not None)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        # 404 and 409: a container that is gone, or going, by itself.
        if answer.status >= 400 and answer.status not in (404, 409):
            raise RuntimeError(f"the engine answers {answer.status} to {method} {path}: {content.decode()[:500]}")
        return content
