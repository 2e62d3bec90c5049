"""A headless Chromium, driven over its DevTools protocol through a pair of pipes: without a port, without a driver.

https://chromedevtools.github.io/devtools-protocol/ names the methods; messages are JSON, ended by a zero byte.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from base64 import b64decode
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

Scheme = Literal["light", "dark"]

_ANSWER_SECONDS = 30  # for a machine that is busy with other things; an answer takes milliseconds
_SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class BrowserError(Exception):
    """Chromium is missing, or does not do what it is asked for."""


class Browser:
    """A browser of its own profile with one page; leaving the context ends it."""

    def __init__(self) -> None:
        program = shutil.which("chromium")
        if program is None:
            raise BrowserError("chromium is not installed: run 'make test', or install it as your system does")
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        self._number = 0
        self._unread = b""
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # Chromium takes orders from descriptor 3 and answers on 4.
        script = f'exec 3<&{theirs_in} 4>&{theirs_out} && exec "$0" "$@"'
        self._log = Path(self._profile, "chromium.log").open("wb")  # noqa: SIM115  # closed with the browser
        self._process = subprocess.Popen(
            ["bash", "-c", script, program, *_SWITCHES, f"--user-data-dir={self._profile}/profile", "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)

    def __enter__(self) -> "Browser":
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        os.killpg(self._process.pid, signal.SIGKILL)  # its own group: renderers and all
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._log.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a method; what happens meanwhile goes to `events`."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") != number:
                self.events.append(answer)
            elif "error" in answer:
                raise BrowserError(f"{method}: {answer['error']}")
            else:
                return dict(answer["result"])

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise's when it is kept."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(str(answer["exceptionDetails"].get("exception", answer["exceptionDetails"])))
        return answer["result"].get("value")

    def open_report(self, path: Path, width: int, scheme: Scheme, height: int = 900) -> str:
        """Opens a report in a window of this width and waits until its charts are drawn: light, dark or failed."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.set_scheme(scheme)
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        self._wait_for("Page.loadEventFired")
        return str(self.run(self.until_drawn("true")))

    def set_scheme(self, scheme: Scheme) -> None:
        """The reader's preference."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def until_drawn(self, as_what: str) -> str:
        """An expression: kept when the charts are drawn and `as_what` is true."""
        return (
            "new Promise((kept) => { const look = () => { const drawn = document.documentElement.dataset.charts;"
            f" if (drawn && ({as_what})) kept(drawn); }};"
            " addEventListener('charts-drawn', look); look(); })"
        )

    def take_picture(self, path: Path, height: int | None = None) -> None:
        """A PNG of the page from its top, all of it where no height is given."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(height or 30_000, size["height"]), "scale": 1}
        picture = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(b64decode(picture["data"]))

    def _wait_for(self, method: str) -> None:
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._read())

    def _write(self, message: bytes) -> None:
        try:
            while message:
                message = message[os.write(self._out, message) :]
        except BrokenPipeError:
            raise BrowserError(self._tell_end()) from None

    def _read(self) -> dict[str, Any]:
        until = time.monotonic() + _ANSWER_SECONDS
        while b"\0" not in self._unread:
            if not select.select([self._in], [], [], max(0.0, until - time.monotonic()))[0]:
                raise BrowserError(f"chromium did not answer within {_ANSWER_SECONDS} s; {self._tell_end()}")
            piece = os.read(self._in, 1 << 16)
            if not piece:
                raise BrowserError(self._tell_end())
            self._unread += piece
        message, self._unread = self._unread.split(b"\0", 1)
        return dict(json.loads(message))

    def _tell_end(self) -> str:
        self._log.flush()
        said = Path(self._log.name).read_text(errors="replace").splitlines()[-5:]
        return f"chromium's last words: {' | '.join(said) or 'none'}"
