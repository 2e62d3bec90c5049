"""The run bucket in S3."""

from collections.abc import Iterator
from functools import cached_property
from xml.etree import ElementTree

from express_batch.adapters.s3_requests import S3Requests
from express_batch.errors import StorageUnavailableError

_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class S3Store:
    """An ObjectStore over one bucket. Its methods raise StorageUnavailableError and StorageRefusedError."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    @cached_property
    def _requests(self) -> S3Requests:
        return S3Requests(self._bucket)

    def put(self, key: str, body: bytes) -> None:
        """Store `body` under `key`."""
        self._requests.send("PUT", key, body=body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` unless `key` exists
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html)."""
        answer = self._requests.send(
            "PUT", key, body=body, headers={"If-None-Match": "*"}, expected_errors=("PreconditionFailed", "412")
        )
        return answer.error_code is None

    def get(self, key: str) -> bytes | None:
        """The object, or None; TOO_LARGE where it has more bytes than one of its key may have.

        Without s3:ListBucket S3 answers 403 for an absent key, so the roles have it.
        """
        answer = self._requests.send("GET", key, expected_errors=("NoSuchKey",))
        return answer.body if answer.error_code is None else None

    def get_with_version(self, key: str) -> tuple[bytes, str] | None:
        """The object and its ETag, or None."""
        answer = self._requests.send("GET", key, expected_errors=("NoSuchKey",))
        return (answer.body, answer.etag) if answer.error_code is None else None

    def put_if_version(self, key: str, body: bytes, version: str) -> bool:
        """Store `body` while the object's ETag is still `version`; S3 wants s3:GetObject for it as well."""
        answer = self._requests.send(
            "PUT",
            key,
            body=body,
            headers={"If-Match": version},
            expected_errors=("PreconditionFailed", "412", "NoSuchKey"),
        )
        return answer.error_code is None

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Every key under `prefix`, a thousand a call
        (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html)."""
        query = {"list-type": "2", "prefix": prefix}
        while True:
            page = _parse_page(self._requests.send("GET", "", query=query).body, prefix)
            yield from (item.findtext(f"{_NAMESPACE}Key", "") for item in page.iter(f"{_NAMESPACE}Contents"))
            token = page.findtext(f"{_NAMESPACE}NextContinuationToken")
            if token is None:
                return
            query = query | {"continuation-token": token}


def _parse_page(body: bytes, prefix: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314  # S3's own answer, over TLS
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the latter for an encoding that is none
        raise StorageUnavailableError(f"S3 answers no list of {prefix}: {len(body)} bytes that are no XML") from error
