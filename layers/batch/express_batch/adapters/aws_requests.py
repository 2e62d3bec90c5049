"""Requests to AWS, signed and sent by botocore, without its session and clients.

The batch uses four operations of two services on its hot path. botocore's session, the two clients' models and their
endpoint rules cost 30 MB and about 0.25 s of CPU in every environment, most of a cold start; the signer and the HTTP
session below them cost a tenth of that (docs/adr/0007).
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ResponseStreamingError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import HTTPError

from express_batch.errors import SettingsError
from express_batch.object_sizes import TOO_LARGE
from express_batch.outside_json import decode_json

CONNECT_SECONDS, READ_SECONDS = 3, 10
# A page of 1,000 keys, the longest answer besides objects, has 1.5 MB.
MAX_ANSWER_BYTES = 8_000_000


class AwsAnswer(NamedTuple):
    """What came back, whatever the status; `body` is TOO_LARGE where it is longer than it may be."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class AwsRequests:
    """Sends requests of one service on connections that are kept."""

    def __init__(self, service: str, signer: type[SigV4Auth] = SigV4Auth) -> None:
        self._service = service
        self._signer = signer
        self._session = URLLib3Session(
            timeout=(CONNECT_SECONDS, READ_SECONDS),  # type: ignore[arg-type]  # it takes a pair as well
            max_pool_connections=16,
        )

    def send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], max_bytes: int = MAX_ANSWER_BYTES
    ) -> AwsAnswer:
        """The answer. Raises botocore's BotoCoreError when there is no whole answer."""
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers), stream_output=True)
        self._signer(get_credentials(), self._service, get_region()).add_auth(request)
        response = self._session.send(request.prepare())
        return AwsAnswer(response.status_code, _read(response, max_bytes), response.headers)


def _read(response: AWSResponse, max_bytes: int) -> bytes:
    announced = response.headers.get("Content-Length")
    expected = None if announced is None else int(announced)
    content = bytearray()
    if expected is None or expected <= max_bytes:
        try:
            for piece in response.raw.stream():
                content += piece
                if len(content) > max_bytes:
                    break
        except HTTPError as error:
            raise ResponseStreamingError(error=error) from error
    if len(content) > max_bytes or (expected or 0) > max_bytes:
        response.raw.close()  # with the connection: the rest is still on its way
        return TOO_LARGE
    # botocore's HTTP session leaves it to its clients to notice that an answer broke off.
    if expected is not None and expected != len(content):
        raise ResponseStreamingError(error=f"{len(content)} of {expected} bytes")
    return bytes(content)


def read_document(answer: bytes) -> dict[str, Any]:
    """The JSON object that an answer's body is; empty where it is none, as of a proxy on the way."""
    try:
        document = decode_json(answer)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def find_endpoint(service: str) -> str | None:
    """The endpoint that was set instead of AWS's own
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html): an emulator, a VPC endpoint."""
    endpoint = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")
    return endpoint.rstrip("/") if endpoint else None


def get_region() -> str:
    """The function's region. Raises SettingsError when there is none."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise SettingsError("no AWS region: set AWS_REGION, as Lambda does")
    return region


def get_credentials() -> ReadOnlyCredentials:
    """The credentials of the function's role, which Lambda keeps in the environment for as long as that lives
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html). Raises SettingsError."""
    try:
        return ReadOnlyCredentials(
            os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN")
        )
    except KeyError as error:
        raise SettingsError(f"no AWS credentials ({error} is missing): give the function a role") from error
