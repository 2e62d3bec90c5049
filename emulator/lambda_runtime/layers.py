"""Layers: published versions, and the /opt that a function's layers make together.

Source: https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
"""

import contextlib
import datetime
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime.archive import Package
from emulator.lambda_runtime.code_source import CodeSource
from emulator.lambda_runtime.packages import PackageStore

LAYER_NAME = re.compile(r"[a-zA-Z0-9-_]{1,140}")


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One immutable version of a layer."""

    layer_arn: str
    version: int
    package: Package
    created: str
    description: str
    request: dict[str, Any]

    @property
    def arn(self) -> str:
        """The version's own ARN."""
        return f"{self.layer_arn}:{self.version}"

    def describe(self) -> dict[str, Any]:
        """The version as lists show it."""
        answer: dict[str, Any] = {
            "LayerVersionArn": self.arn,
            "Version": self.version,
            "Description": self.description,
            "CreatedDate": self.created,
        }
        for member in ("CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"):
            if self.request.get(member):
                answer[member] = self.request[member]
        return answer

    def describe_content(self) -> dict[str, Any]:
        """The version as its own Get shows it."""
        return {
            **self.describe(),
            "LayerArn": self.layer_arn,
            "Content": {
                "Location": self.package.directory.as_uri(),
                "CodeSha256": self.package.sha256,
                "CodeSize": self.package.size,
            },
        }


class LayerStore:
    """All layers, and the operations on them."""

    def __init__(self, identity: Identity, code: CodeSource, packages: PackageStore, directory: Path) -> None:
        self._identity = identity
        self._code = code
        self._packages = packages
        self._directory = directory  # of merged layers
        self._versions: dict[str, dict[int, LayerVersion]] = {}
        self._last: dict[str, int] = {}

    async def publish_layer_version(self, request: dict[str, Any]) -> dict[str, Any]:
        name = self._name(request["LayerName"])
        package = await self._packages.store(await self._code.read(request["Content"], "Content"))
        version = self._last.get(name, 0) + 1
        self._last[name] = version  # a deleted version's number is never used again
        created = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
        layer = LayerVersion(self._arn(name), version, package, created, request.get("Description", ""), request)
        self._versions.setdefault(name, {})[version] = layer
        return layer.describe_content()

    async def get_layer_version(self, request: dict[str, Any]) -> dict[str, Any]:
        name = self._name(request["LayerName"])
        layer = self._versions.get(name, {}).get(int(request["VersionNumber"]))
        if layer is None:
            raise _not_found(f"{self._arn(name)}:{request['VersionNumber']}")
        return layer.describe_content()

    async def get_layer_version_by_arn(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.find(request["Arn"]).describe_content()

    async def list_layer_versions(self, request: dict[str, Any]) -> dict[str, Any]:
        versions = self._versions.get(self._name(request["LayerName"]), {})
        return {"LayerVersions": [versions[number].describe() for number in sorted(versions, reverse=True)]}

    async def list_layers(self, _request: dict[str, Any]) -> dict[str, Any]:
        layers = [
            {
                "LayerName": name,
                "LayerArn": self._arn(name),
                "LatestMatchingVersion": versions[max(versions)].describe(),
            }
            for name, versions in sorted(self._versions.items())
            if versions
        ]
        return {"Layers": layers}

    async def delete_layer_version(self, request: dict[str, Any]) -> dict[str, Any]:
        # Functions that use it keep it, as on AWS; deleting what is not there is no error.
        self._versions.get(self._name(request["LayerName"]), {}).pop(int(request["VersionNumber"]), None)
        return {}

    def find(self, arn: str) -> LayerVersion:
        """The version with this ARN."""
        layer_arn, _colon, number = arn.rpartition(":")
        name = layer_arn.rpartition(":")[2]
        if layer_arn != self._arn(name) or not number.isdigit() or int(number) not in self._versions.get(name, {}):
            raise AwsError(
                "InvalidParameterValueException",
                f"Layer version {arn} does not exist. Publish it here: layers of other accounts cannot be fetched.",
            )
        return self._versions[name][int(number)]

    def package_directories(self) -> set[Path]:
        """Of all versions that there are."""
        return {layer.package.directory for versions in self._versions.values() for layer in versions.values()}

    def merge(self, layers: Sequence[LayerVersion]) -> Path | None:
        """The directory that stands for /opt: all layers in their order, a later one over an earlier one."""
        if not layers:
            return None
        for layer in layers:
            if (layer.package.directory / "extensions").is_dir():
                raise AwsError(
                    "InvalidParameterValueException",
                    f"Layer {layer.arn} brings an extension; extensions are not emulated.",
                )
        if len(layers) == 1:
            return layers[0].package.directory
        digest = hashlib.sha256("\n".join(layer.package.sha256 for layer in layers).encode()).hexdigest()[:32]
        target = self._directory / digest
        if target.is_dir():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="merge-", dir=target.parent))
        for layer in layers:
            shutil.copytree(layer.package.directory, scratch, dirs_exist_ok=True, copy_function=_link, symlinks=True)
        with contextlib.suppress(FileExistsError):
            scratch.rename(target)
        return target

    def _arn(self, name: str) -> str:
        return self._identity.arn("lambda", f"layer:{name}")

    def _name(self, text: str) -> str:
        name = text.removeprefix(self._identity.arn("lambda", "layer:"))
        if LAYER_NAME.fullmatch(name) is None:
            raise AwsError("InvalidParameterValueException", f"Invalid layer name: {text}")
        return name


def _link(source: str, target: str) -> str:
    with contextlib.suppress(FileNotFoundError):
        Path(target).unlink()
    os.link(source, target)
    return target


def _not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The resource you requested does not exist: {arn}", 404)
