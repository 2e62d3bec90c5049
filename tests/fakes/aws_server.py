"""A little HTTP server that answers as an AWS service does, from a script."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedAws:
    """Answers with the script's (status, body) one after the other; the last one again and again."""

    script: list[tuple[int, bytes]]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    def next_answer(self) -> tuple[int, bytes]:
        """What the present request is answered."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def error(code: str) -> bytes:
    """An error's body (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'.encode()


@contextmanager
def serve_aws(*script: tuple[int, bytes]) -> Iterator[ScriptedAws]:
    """A running server, on loopback."""
    s3 = ScriptedAws(list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            s3.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            status, text = s3.next_answer()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = answer  # noqa: N815  # the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    s3.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield s3
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
