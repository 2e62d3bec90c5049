"""What `sam package` does with a template's local code, and how a stack finds it again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from emulator.errors import AwsError
from emulator.stack.errors import ArtifactError, TemplateError
from emulator.stack.local_code import LocalCode
from emulator.stack.template_file import locate_code, read_template

FetchObject = Callable[[str, str], Awaitable[bytes]]
"""An object's bytes by bucket and key."""


async def package_template(
    template_path: Path, bucket: str, cache_dir: Path
) -> tuple[dict[str, Any], Mapping[str, bytes]]:
    """The template with the bucket's addresses in place of local code, and what has to be uploaded there by its key.

    Raises ArtifactError where code is missing or cannot be built.
    """
    body = read_template(template_path)
    artifacts = locate_code(body, template_path.resolve().parent, bucket)
    code = LocalCode(artifacts, cache_dir)
    await code.prepare({artifact.logical_id for artifact in artifacts.values()})
    return body, code.contents


class UploadedCode:
    """Code that a packaged template names by its address."""

    def __init__(self, template: Mapping[str, Any], fetch: FetchObject) -> None:
        """`template` is after the transform."""
        self._fetch = fetch
        self._contents: dict[tuple[str, str], bytes] = {}
        self._template = template

    @property
    def contents(self) -> Mapping[str, bytes]:
        """What was fetched, by its key."""
        return {key: content for (_, key), content in self._contents.items()}

    async def prepare(self, logical_ids: Iterable[str]) -> None:
        """Fetch what these resources name; ArtifactError where it is not there."""
        resources = self._template["Resources"]
        wanted = {
            address
            for logical_id in logical_ids
            if logical_id in resources and (address := _find_address(resources[logical_id])) is not None
        } - self._contents.keys()
        contents = await asyncio.gather(*(self._fetch_one(bucket, key) for bucket, key in wanted))
        self._contents.update(zip(wanted, contents, strict=True))

    async def _fetch_one(self, bucket: str, key: str) -> bytes:
        try:
            return await self._fetch(bucket, key)
        except AwsError as error:
            raise ArtifactError(f"s3://{bucket}/{key}: {error}") from error

    def read(self, bucket: str, key: str, where: str) -> bytes:
        """The zip or file at the address."""
        if (bucket, key) not in self._contents:
            raise TemplateError(f"{where}: s3://{bucket}/{key} was not fetched")
        return self._contents[bucket, key]


def _find_address(resource: Mapping[str, Any]) -> tuple[str, str] | None:
    properties = resource.get("Properties") or {}
    for name, bucket, key in (
        ("Code", "S3Bucket", "S3Key"),
        ("Content", "S3Bucket", "S3Key"),
        ("DefinitionS3Location", "Bucket", "Key"),
    ):
        location = properties.get(name)
        if isinstance(location, dict) and key in location:
            return str(location[bucket]), str(location[key])
    return None
