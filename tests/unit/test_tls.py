"""Nothing is sent to the partner or to AWS before TLS has shown that it is them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp.connector
import botocore.httpsession
import pytest
from botocore.exceptions import SSLError
from express_batch.adapters.kinesis_requests import KinesisRequests
from express_batch.adapters.partner_api import HttpPartnerApi, PartnerApiConnections
from express_batch.adapters.s3_requests import S3Requests
from express_batch.errors import StorageUnavailableError
from express_batch.job_contract import PartnerApi, User
from express_batch.partner_calls import SliceAnswers, fetch_slice

from tests.fakes.certificates import Authority, Certificate, TlsServer
from tests.fakes.job import ValueJob

_HOST = "127.0.0.1"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The one authority that the adapters trust, in the place of the system's, with their own ways of verifying."""
    authority = Authority(tmp_path, "trusted")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    # aiohttp makes its context when it is imported.
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", aiohttp.connector._make_ssl_context(verified=True))
    monkeypatch.setattr(botocore.httpsession, "where", lambda: str(authority.bundle))
    monkeypatch.setattr("express_batch.adapters.s3_requests.BASE_DELAY_SECONDS", 0.001)
    for name, value in (("ACCESS_KEY_ID", "AKIDEXAMPLE"), ("SECRET_ACCESS_KEY", "secret"), ("REGION", "eu-west-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    return authority


def _of_an_unknown_authority(trusted: Authority, tmp_path: Path) -> Certificate:
    return Authority(tmp_path, "unknown").issue(_HOST)


def _of_another_host(trusted: Authority, tmp_path: Path) -> Certificate:
    return trusted.issue("partner.example")


def _expired(trusted: Authority, tmp_path: Path) -> Certificate:
    return trusted.issue(_HOST, expired=True)


MakeCertificate = Callable[[Authority, Path], Certificate]
WRONG = pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_of_an_unknown_authority, "unable to get local issuer certificate"),
        (_of_another_host, "IP address mismatch|doesn't match 'partner.example'"),  # OpenSSL's words, and urllib3's
        (_expired, "certificate has expired"),
    ],
    ids=["unknown authority", "another host", "expired"],
)


def call_partner(url: str) -> SliceAnswers:
    """What a slice of one user gets from the partner at `url`."""
    connections = PartnerApiConnections(url, timeout_seconds=10, connections=2)

    async def fetch(api: PartnerApi) -> SliceAnswers:
        assert isinstance(api, HttpPartnerApi)
        try:
            return await fetch_slice(
                [User("u1", "acme")], first_position=0, job=ValueJob(), api=api, calls_in_flight=1, seconds_left=30,
                now_microseconds=lambda: 0,
            )  # fmt: skip
        finally:
            await api._session.close()

    try:
        return connections.run(fetch)
    finally:
        connections._loop.close()


def put_record() -> Any:
    return KinesisRequests().put_records(StreamName="rows", Records=[{"Data": b"{}", "PartitionKey": "0"}])


@WRONG
def test_partner_is_refused_by_name_and_once_when_its_certificate_does_not_hold(
    trusted: Authority, tmp_path: Path, make: MakeCertificate, reason: str
) -> None:
    with TlsServer(make(trusted, tmp_path)) as server:
        answers = call_partner(server.url)

    (failure,) = answers.failures
    assert failure.reason == "ApiUntrustedError"
    assert re.search(reason, failure.detail)
    assert (answers.tally.calls, answers.tally.retries) == (1, 0)
    assert server.requests == []


def test_partner_is_called_when_its_certificate_holds(trusted: Authority) -> None:
    with TlsServer(trusted.issue(_HOST)) as server:
        answers = call_partner(server.url)

    assert server.requests == ["/u1"]
    assert [failure.reason for failure in answers.failures] == ["MalformedAnswerError"]  # `{}` has no value


@WRONG
def test_aws_is_sent_nothing_when_a_certificate_does_not_hold(
    trusted: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: MakeCertificate, reason: str
) -> None:
    with TlsServer(make(trusted, tmp_path)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(StorageUnavailableError, match="SSLError"):
            S3Requests("bucket").send("PUT", "runs/x", body=b"{}")
        with pytest.raises(SSLError, match=reason):
            put_record()

    assert server.requests == []


def test_aws_is_called_when_its_certificate_holds(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with TlsServer(trusted.issue(_HOST)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        S3Requests("bucket").send("PUT", "runs/x", body=b"{}")
        put_record()

    assert server.requests == ["/bucket/runs/x", "/"]


def test_aws_is_reached_by_https_when_no_other_endpoint_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_KINESIS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    assert S3Requests("bucket")._base_url == "https://bucket.s3.eu-west-1.amazonaws.com"
    assert KinesisRequests()._url == "https://kinesis.eu-west-1.amazonaws.com/"
