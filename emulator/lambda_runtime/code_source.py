"""Where a deployment package's bytes come from: the request itself, or S3 through a port."""

from typing import Any, Protocol

from emulator.errors import AwsError
from emulator.lambda_runtime.archive import check_upload_size


class ObjectFetcher(Protocol):
    """Reads an S3 object; raises AwsError as S3 does."""

    async def __call__(self, bucket: str, key: str, version: str | None) -> bytes: ...


class CodeSource:
    """Reads the zip that a `Code` or `Content` member stands for."""

    def __init__(self, fetch_object: ObjectFetcher | None) -> None:
        self._fetch_object = fetch_object

    async def read(self, code: dict[str, Any], member: str) -> bytes:
        """The zip's bytes; errors name `member`."""
        if code.get("ImageUri"):
            raise AwsError("InvalidParameterValueException", "ImageUri is not emulated: only zip packages are.")
        if code.get("ZipFile"):
            data = bytes(code["ZipFile"])
            check_upload_size(data)
            return data
        if code.get("S3Bucket") and code.get("S3Key"):
            return await self._fetch(code["S3Bucket"], code["S3Key"], code.get("S3ObjectVersion"))
        raise AwsError(
            "InvalidParameterValueException", f"Please provide a source for function code: {member} is empty."
        )

    async def _fetch(self, bucket: str, key: str, version: str | None) -> bytes:
        if self._fetch_object is None:
            raise AwsError(
                "InvalidParameterValueException",
                "S3Bucket and S3Key are refused: this Lambda service was started without access to S3. Use ZipFile.",
            )
        try:
            return await self._fetch_object(bucket, key, version)
        except AwsError as error:
            raise AwsError(
                "InvalidParameterValueException",
                f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}",
            ) from error
