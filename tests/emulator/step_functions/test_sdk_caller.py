"""The SdkCaller that uses botocore, against a small HTTP server on loopback."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.step_functions.sdk_caller import BotocoreSdkCaller

NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"


class FakeS3(BaseHTTPRequestHandler):
    """Has one object, b/present, and remembers what was put."""

    put: list[tuple[str, bytes]]

    def do_GET(self) -> None:
        if self.path == "/b/present":
            self._answer(200, b"content")
        else:
            self._answer(404, NO_SUCH_KEY)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.put.append((self.path, body))
        self._answer(200, b"")

    def do_POST(self) -> None:
        self.put.append((self.headers["X-Amz-Target"], self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(200, b'{"status": "SUCCEEDED"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Writes nothing."""


@contextmanager
def fake_endpoint() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """The URL of a server, and what was sent to it."""
    received: list[tuple[str, bytes]] = []
    handler = type("Handler", (FakeS3,), {"put": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


def call(service: str, operation: str, parameters: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """The answer of one call, and what the server received."""
    with fake_endpoint() as (url, received):
        caller = BotocoreSdkCaller(Identity(), url)
        try:
            return asyncio.run(caller.call(service, operation, parameters)), received
        finally:
            caller.close()


def test_call_sends_the_request_to_the_endpoint() -> None:
    _answer, received = call("s3", "PutObject", {"Bucket": "b", "Key": "runs/r1/x.json", "Body": b"{}"})

    ((path, body),) = received
    assert path == "/b/runs/r1/x.json"
    assert b"{}" in body


def test_call_reads_a_streaming_body_when_the_answer_has_one() -> None:
    answer, _received = call("s3", "GetObject", {"Bucket": "b", "Key": "present"})

    assert answer["Body"] == b"content"


def test_call_raises_awss_code_when_the_service_refuses() -> None:
    with pytest.raises(AwsError) as caught:
        call("s3", "GetObject", {"Bucket": "b", "Key": "missing"})

    assert (caught.value.code, caught.value.status) == ("NoSuchKey", 404)
    assert caught.value.message == "The specified key does not exist."


def test_call_uses_the_endpoint_as_it_is_when_the_api_has_a_host_prefix() -> None:
    # StartSyncExecution goes to sync-states.<region> on AWS; "sync-127.0.0.1" would be no host.
    answer, received = call("stepfunctions", "StartSyncExecution", {"stateMachineArn": "arn:x"})

    assert answer["status"] == "SUCCEEDED"
    assert received[0][0] == "AWSStepFunctions.StartSyncExecution"


def test_call_raises_the_sdks_own_error_when_nothing_listens() -> None:
    with fake_endpoint() as (url, _received):
        pass
    caller = BotocoreSdkCaller(Identity(), url)
    try:
        with pytest.raises(AwsError) as caught:
            asyncio.run(caller.call("s3", "GetObject", {"Bucket": "b", "Key": "k"}))
    finally:
        caller.close()

    assert caught.value.code == "SdkClientException"
    assert "Could not connect" in caught.value.message
