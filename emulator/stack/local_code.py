"""The code that a stack's functions, layers and state machines are made of, read or built once."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from emulator.stack.artifacts import Artifact, read_function_code
from emulator.stack.errors import TemplateError
from emulator.stack.layer_build import read_layer
from emulator.stack.template_file import LOCAL_BUCKET


class LocalCode:
    """Holds each artifact as the bytes that its service takes."""

    def __init__(self, artifacts: Mapping[str, Artifact], cache_dir: Path) -> None:
        self._artifacts = artifacts
        self._cache_dir = cache_dir
        self._contents: dict[str, bytes] = {}

    async def prepare(self, logical_ids: Iterable[str]) -> None:
        """Read and build what the resources need, several at once; ArtifactError before anything is created."""
        wanted = set(logical_ids)
        keys = [key for key, artifact in self._artifacts.items() if artifact.logical_id in wanted]
        contents = await asyncio.gather(*(asyncio.to_thread(self._read, self._artifacts[key]) for key in keys))
        self._contents.update(zip(keys, contents, strict=True))

    @property
    def contents(self) -> Mapping[str, bytes]:
        """What was prepared, by the key that the transform gave it."""
        return self._contents

    def read(self, bucket: str, key: str, where: str) -> bytes:
        """The zip or file behind the address that the transform wrote."""
        if bucket != LOCAL_BUCKET or key not in self._contents:
            raise TemplateError(
                f"{where}: s3://{bucket}/{key} is no local code; load the template from before `sam package`"
            )
        return self._contents[key]

    def _read(self, artifact: Artifact) -> bytes:
        if artifact.kind == "layer":
            return read_layer(artifact, self._cache_dir)
        if artifact.kind == "function":
            return read_function_code(artifact)
        return artifact.path.read_bytes()
