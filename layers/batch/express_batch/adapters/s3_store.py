"""The run bucket in S3."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from express_batch.adapters.aws_clients import make_client
from express_batch.errors import StorageUnavailableError

T = TypeVar("T")


class S3Store:
    """An ObjectStore over one bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    @cached_property
    def _client(self) -> Any:
        return make_client("s3")

    def put(self, key: str, body: bytes) -> None:
        """Store `body` under `key`."""
        self._call(key, lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=body))

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` unless `key` exists
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html)."""
        try:
            self._call(key, lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*"))
        except _RefusedError as refused:
            if refused.code in ("PreconditionFailed", "412"):
                return False
            raise refused.error from refused
        return True

    def get(self, key: str) -> bytes | None:
        """The object, or None. Without s3:ListBucket S3 answers 403 for an absent key, so the role has it."""
        try:
            return self._call(key, lambda: self._read(key))
        except _RefusedError as refused:
            if refused.code in ("NoSuchKey", "404"):
                return None
            raise refused.error from refused

    def _read(self, key: str) -> bytes:
        body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Every key under `prefix`, a thousand a call."""
        token: dict[str, str] = {}
        while True:
            page = self._call(prefix, lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **token))  # noqa: B023
            yield from (item["Key"] for item in page.get("Contents", []))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _call(self, key: str, request: Callable[[], T]) -> T:
        try:
            return request()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            # 409 ConditionalRequestConflict: a delete came between; S3 asks to try again.
            if status >= 500 or code in ("SlowDown", "RequestTimeout", "ConditionalRequestConflict"):
                raise StorageUnavailableError(f"S3 answers {code} for {self._bucket}/{key}") from error
            if code in ("PreconditionFailed", "412", "NoSuchKey", "404"):
                raise _RefusedError(code, error) from error
            raise
        except BotoCoreError as error:
            raise StorageUnavailableError(
                f"S3 cannot be reached for {self._bucket}/{key} ({type(error).__name__})"
            ) from error


class _RefusedError(Exception):
    def __init__(self, code: str, error: ClientError) -> None:
        super().__init__(code)
        self.code = code
        self.error = error
