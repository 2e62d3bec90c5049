"""The S3 adapter: what S3 answers, in the batch's words."""

import functools
import socket
import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from express_batch.adapters.s3_store import S3Store
from express_batch.errors import StorageUnavailableError

KEY = "runs/20261122T083000Z/started.json"


class StoreOver(S3Store):
    """The adapter over a client that a test made."""

    def __init__(self, client: Any) -> None:
        super().__init__("bucket")
        self.__dict__["_client"] = client


@functools.cache
def make_client(endpoint_url: str | None = None) -> Any:
    return botocore.session.get_session().create_client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        endpoint_url=endpoint_url,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=2),
    )


@pytest.fixture
def stubber() -> Iterator[Stubber]:
    with Stubber(make_client()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def over(stubber: Stubber) -> StoreOver:
    return StoreOver(stubber.client)


def test_put_if_absent_asks_s3_to_write_only_when_there_is_nothing(stubber: Stubber) -> None:
    """Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    expected = {"Bucket": "bucket", "Key": KEY, "Body": b"x", "IfNoneMatch": "*"}
    stubber.add_response("put_object", {}, expected)

    assert over(stubber).put_if_absent(KEY, b"x") is True


def test_put_if_absent_is_false_when_the_object_exists(stubber: Stubber) -> None:
    stubber.add_client_error("put_object", "PreconditionFailed", http_status_code=412)

    assert over(stubber).put_if_absent(KEY, b"x") is False


def test_put_overwrites_without_condition(stubber: Stubber) -> None:
    stubber.add_response("put_object", {}, {"Bucket": "bucket", "Key": KEY, "Body": b"x"})

    over(stubber).put(KEY, b"x")


def test_get_is_none_when_there_is_no_object(stubber: Stubber) -> None:
    stubber.add_client_error("get_object", "NoSuchKey", http_status_code=404)

    assert over(stubber).get(KEY) is None


RETRYABLE = [("InternalError", 500), ("SlowDown", 503), ("RequestTimeout", 400), ("ConditionalRequestConflict", 409)]
PERMANENT = [("AccessDenied", 403), ("NoSuchBucket", 404), ("InvalidAccessKeyId", 403)]


@pytest.mark.parametrize(("code", "status"), RETRYABLE)
@pytest.mark.parametrize("operation", ["put_object", "get_object", "list_objects_v2"])
def test_storage_is_unavailable_by_name_when_s3_may_answer_later(
    stubber: Stubber, operation: str, code: str, status: int
) -> None:
    stubber.add_client_error(operation, code, http_status_code=status)

    with pytest.raises(StorageUnavailableError, match=f"{code} for bucket/{KEY}"):
        call(over(stubber), operation)


@pytest.mark.parametrize(("code", "status"), PERMANENT)
@pytest.mark.parametrize("operation", ["put_object", "get_object", "list_objects_v2"])
def test_error_of_s3_propagates_as_it_is_when_somebody_has_to_act(
    stubber: Stubber, operation: str, code: str, status: int
) -> None:
    stubber.add_client_error(operation, code, http_status_code=status)

    with pytest.raises(ClientError, match=code):
        call(over(stubber), operation)


def call(store: S3Store, operation: str) -> None:
    if operation == "put_object":
        store.put_if_absent(KEY, b"x")
    elif operation == "get_object":
        store.get(KEY)
    else:
        list(store.list_keys(KEY))


def test_list_keys_reads_every_page(stubber: Stubber) -> None:
    asked = {"Bucket": "bucket", "Prefix": "runs/"}
    first = {"IsTruncated": True, "NextContinuationToken": "more", "Contents": [{"Key": "runs/1"}, {"Key": "runs/2"}]}
    stubber.add_response("list_objects_v2", first, asked)
    last = {"IsTruncated": False, "Contents": [{"Key": "runs/3"}]}
    stubber.add_response("list_objects_v2", last, {**asked, "ContinuationToken": "more"})

    assert list(over(stubber).list_keys("runs/")) == ["runs/1", "runs/2", "runs/3"]


def test_list_keys_is_empty_when_there_is_nothing(stubber: Stubber) -> None:
    stubber.add_response("list_objects_v2", {"IsTruncated": False}, {"Bucket": ANY, "Prefix": ANY})

    assert list(over(stubber).list_keys("runs/")) == []


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


def test_storage_is_unavailable_when_the_object_breaks_off(breaking_server: str) -> None:
    with pytest.raises(StorageUnavailableError, match=f"bucket/{KEY}"):
        StoreOver(make_client(breaking_server)).get(KEY)


def test_storage_is_unavailable_when_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        store = StoreOver(make_client(f"http://127.0.0.1:{unused.getsockname()[1]}"))

        with pytest.raises(StorageUnavailableError, match="EndpointConnectionError"):
            store.put(KEY, b"x")
