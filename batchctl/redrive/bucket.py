"""The run bucket as an operator reads it."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError
from express_batch.chunks import read_chunk
from express_batch.errors import ChunkUnreadableError
from express_batch.job_contract import User
from express_batch.object_sizes import read_object
from express_batch.run_layout import is_dry_run

from batchctl.redrive.stack import explained

_ABSENT = ("NoSuchKey", "404")


class Bucket:
    """Objects by key. All methods raise BatchctlError."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def get(self, key: str) -> bytes | None:
        """The object, or None; TOO_LARGE where it is none of the batch's."""
        found = self.get_dated(key)
        return None if found is None else found[0]

    def get_dated(self, key: str) -> tuple[bytes, float] | None:
        """The object and when it was put, by S3's clock, in seconds since 1970."""
        with explained(f"s3://{self.name}/{key}"):
            try:
                answer = self._client.get_object(Bucket=self.name, Key=key)
                return read_object(answer["Body"], key), answer["LastModified"].timestamp()
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _ABSENT:
                    return None
                raise

    def delete(self, key: str) -> None:
        """Remove the object."""
        with explained(f"s3://{self.name}/{key}"):
            self._client.delete_object(Bucket=self.name, Key=key)

    def list_keys(self, prefix: str) -> list[str]:
        """The keys below `prefix`."""
        return [item["Key"] for page in self._pages(Prefix=prefix) for item in page.get("Contents", [])]

    def list_run_ids(self) -> list[str]:
        """The runs that the bucket still holds, redrives among them and dry runs not, rising."""
        run_ids = [
            item["Prefix"].split("/")[1]
            for page in self._pages(Prefix="runs/", Delimiter="/")
            for item in page.get("CommonPrefixes", [])
        ]
        return sorted(run_id for run_id in run_ids if not is_dry_run(run_id))

    def read_users(self, run_id: str, chunk: int) -> list[User]:
        """The users of a chunk in the order of their positions; none where the chunk is gone."""
        try:
            return read_chunk(self, run_id, chunk)
        except ChunkUnreadableError:
            return []

    def put(self, key: str, body: bytes) -> None:
        """Not for an operator: only the functions write."""
        raise NotImplementedError(key)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """The same."""
        raise NotImplementedError(key)

    def _pages(self, **request: str) -> Iterator[dict[str, Any]]:
        with explained(f"s3://{self.name}"):
            yield from self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, **request)
