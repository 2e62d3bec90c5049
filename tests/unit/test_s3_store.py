"""The S3 adapter: what it asks, and what S3 answers in the batch's words."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.compat import HTTPHeaders
from express_batch import object_sizes
from express_batch.adapters import s3_requests
from express_batch.adapters.s3_store import S3Store
from express_batch.errors import StorageRefusedError, StorageUnavailableError

from tests.fakes.aws_server import error, serve_aws

KEY = "runs/20261122T083000Z/started.json"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("SECRET_ACCESS_KEY", "secret"),
        ("REGION", "ap-northeast-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-token")
    monkeypatch.setattr(s3_requests, "BASE_DELAY_SECONDS", 0.001)


def store_at(url: str, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """The adapter over one endpoint."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    return S3Store("bucket")


def test_put_stores_the_bytes_without_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, b"")) as s3:
        store_at(s3.url, monkeypatch).put(KEY, b"content")

    (asked,) = s3.asked
    assert (asked.method, asked.path, asked.body) == ("PUT", f"/bucket/{KEY}", b"content")
    assert "If-None-Match" not in asked.headers
    assert asked.headers["X-Amz-Security-Token"] == "session-token"


def test_put_if_absent_asks_s3_to_write_only_when_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    with serve_aws((200, b"")) as s3:
        assert store_at(s3.url, monkeypatch).put_if_absent(KEY, b"x") is True

    assert s3.asked[0].headers["If-None-Match"] == "*"


def test_put_if_absent_is_false_when_the_object_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((412, error("PreconditionFailed"))) as s3:
        assert store_at(s3.url, monkeypatch).put_if_absent(KEY, b"x") is False


def test_get_is_none_when_there_is_no_object(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((404, error("NoSuchKey"))) as s3:
        assert store_at(s3.url, monkeypatch).get(KEY) is None


def test_get_gives_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, b"\x00content\xff")) as s3:
        assert store_at(s3.url, monkeypatch).get(KEY) == b"\x00content\xff"


@pytest.fixture
def few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents of ten bytes at most."""
    monkeypatch.setattr(object_sizes, "MAX_DOCUMENT_BYTES", 10)


@pytest.mark.usefixtures("few_bytes")
def test_get_says_too_large_when_the_object_has_more_bytes_than_one_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, b"0123456789"), (200, b"0123456789a"), (200, b"0123456789")) as s3:
        store = store_at(s3.url, monkeypatch)

        assert store.get(KEY) == b"0123456789"
        assert store.get(KEY) == object_sizes.TOO_LARGE
        assert store.get(KEY) == b"0123456789"  # by a connection of its own

    assert len(s3.asked) == 3


@pytest.mark.usefixtures("few_bytes")
def test_version_is_told_when_the_object_is_too_large_so_that_it_can_be_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serve_aws((200, b"0123456789a")) as s3:
        assert store_at(s3.url, monkeypatch).get_with_version(KEY) == (object_sizes.TOO_LARGE, "")


@pytest.mark.usefixtures("few_bytes")
def test_get_reads_no_further_when_the_object_never_ends(
    endless_server: tuple[str, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, is_left = endless_server

    assert store_at(url, monkeypatch).get(KEY) == object_sizes.TOO_LARGE
    assert is_left.wait(10)


@pytest.mark.usefixtures("few_bytes")
def test_object_is_taken_whole_when_it_is_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, b"0123456789a")) as s3:
        assert store_at(s3.url, monkeypatch).get("runs/20261122T083000Z/chunks/00001.json") == b"0123456789a"


@pytest.mark.parametrize(
    ("code", "status"),
    [("InternalError", 500), ("SlowDown", 503), ("RequestTimeout", 400), ("ConditionalRequestConflict", 409)],
)
def test_request_is_repeated_when_s3_may_answer_later(monkeypatch: pytest.MonkeyPatch, code: str, status: int) -> None:
    with serve_aws((status, error(code)), (status, error(code)), (200, b"")) as s3:
        store_at(s3.url, monkeypatch).put_if_absent(KEY, b"x")

    assert [asked.body for asked in s3.asked] == [b"x"] * 3


def test_storage_is_unavailable_by_name_when_s3_goes_on_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        serve_aws((503, error("SlowDown"))) as s3,
        pytest.raises(StorageUnavailableError, match=f"SlowDown for bucket/{KEY}"),
    ):
        store_at(s3.url, monkeypatch).get(KEY)

    assert len(s3.asked) == s3_requests.ATTEMPTS


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("NoSuchBucket", 404), ("NoSuchKey", 404)])
def test_storage_refuses_by_name_at_once_when_somebody_has_to_act(
    monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    with (
        serve_aws((status, error(code))) as s3,
        pytest.raises(StorageRefusedError, match=f"PUT of bucket/{KEY} with {code}"),
    ):
        store_at(s3.url, monkeypatch).put(KEY, b"x")

    assert len(s3.asked) == 1


def page(keys: list[str], token: str | None = None) -> bytes:
    """A page of ListObjectsV2 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html)."""
    contents = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{contents}{more}'
        "</ListBucketResult>"
    ).encode()


def test_list_keys_reads_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, page(["runs/1", "runs/a&amp;b"], "to/ken==")), (200, page(["runs/3"]))) as s3:
        assert list(store_at(s3.url, monkeypatch).list_keys("runs/")) == ["runs/1", "runs/a&b", "runs/3"]

    assert s3.asked[0].path == "/bucket?list-type=2&prefix=runs%2F"
    assert s3.asked[1].path == "/bucket?list-type=2&prefix=runs%2F&continuation-token=to%2Fken%3D%3D"


def test_list_keys_is_empty_when_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, page([]))) as s3:
        assert list(store_at(s3.url, monkeypatch).list_keys("runs/")) == []


@pytest.fixture
def endless_server() -> Iterator[tuple[str, threading.Event]]:
    """An address that sends an object without an end, and the event that its reader has gone."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_left = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    connection.sendall(bytes(65536))
            except OSError:
                is_left.set()

    thread = threading.Thread(target=serve)
    thread.start()
    host, port = listener.getsockname()
    yield f"http://{host}:{port}", is_left
    listener.close()
    thread.join()


@pytest.fixture
def breaking_server() -> Iterator[str]:
    """An address that promises a hundred bytes, sends three and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")

    thread = threading.Thread(target=serve)
    thread.start()
    host, port = listener.getsockname()
    yield f"http://{host}:{port}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_storage_is_unavailable_when_the_object_breaks_off(
    breaking_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageUnavailableError, match=f"bucket/{KEY}"):
        store_at(breaking_server, monkeypatch).get(KEY)


def test_storage_is_unavailable_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        store = store_at(f"http://127.0.0.1:{unused.getsockname()[1]}", monkeypatch)

        with pytest.raises(StorageUnavailableError, match="EndpointConnectionError"):
            store.put(KEY, b"x")


@pytest.mark.parametrize("key", [KEY, "runs/a b+c&d=e/ü~.json"])
def test_request_is_addressed_as_botocores_own_client_does(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    # GIVEN what botocore's S3 client sends to AWS; the signature over an address is made by the same signer for both
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    client: Any = botocore.session.get_session().create_client(
        "s3", region_name="ap-northeast-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret"
    )
    addresses: list[str] = []

    def keep(request: Any, **_: Any) -> Any:
        addresses.append(request.url)
        return botocore.awsrequest.AWSResponse(request.url, 200, HTTPHeaders(), NoBody())

    client.meta.events.register("before-send.s3.GetObject", keep)
    client.get_object(Bucket="bucket", Key=key)
    requests = s3_requests.S3Requests("bucket")
    monkeypatch.setattr(requests._requests._session, "send", keep)

    # WHEN the adapter asks for the same object
    requests.send("GET", key)

    assert addresses[0] == addresses[1]


class NoBody:
    """An empty answer."""

    def stream(self) -> Iterator[bytes]:
        return iter(())


def test_put_if_version_asks_s3_to_write_only_over_the_same_object(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, b"")) as s3:
        assert store_at(s3.url, monkeypatch).put_if_version(KEY, b"content", '"etag-1"') is True
    assert s3.asked[0].headers["If-Match"] == '"etag-1"'


@pytest.mark.parametrize(("status", "code"), [(412, "PreconditionFailed"), (404, "NoSuchKey")])
def test_put_if_version_is_false_when_the_object_is_another_or_gone(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    with serve_aws((status, error(code))) as s3:
        assert store_at(s3.url, monkeypatch).put_if_version(KEY, b"content", '"etag-1"') is False


def test_get_with_version_is_none_when_there_is_no_object(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((404, error("NoSuchKey"))) as s3:
        assert store_at(s3.url, monkeypatch).get_with_version(KEY) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<ListBucketResult>",
        b'<?xml version="1.0" encoding="TF-8"?><a/>',
        b'<?xml version="1.0" encoding="utf-16-le-x"?><a/>',
        b"<ListBucketResult><Key>&#x1;</Key></ListBucketResult>",
    ],
)
def test_list_that_is_no_xml_is_storage_that_does_not_answer(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_aws((200, body)) as s3, pytest.raises(StorageUnavailableError, match="no list of runs/1/"):
        list(store_at(s3.url, monkeypatch).list_keys("runs/1/"))
