"""Published versions and aliases.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html and configuration-aliases.html
"""

import uuid
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime.configuration import FunctionConfiguration
from emulator.lambda_runtime.functions import Alias, Function, FunctionStore
from emulator.lambda_runtime.identifiers import LATEST, function_not_found, make_function_arn, parse_reference
from emulator.lambda_runtime.launcher import Launcher


class VersionOperations:
    """The operations on versions and aliases."""

    def __init__(self, identity: Identity, store: FunctionStore, launcher: Launcher) -> None:
        self._identity = identity
        self._store = store
        self._launcher = launcher

    async def publish_version(self, request: dict[str, Any]) -> dict[str, Any]:
        function = self._find(request)
        sha256 = request.get("CodeSha256")
        if sha256 is not None and sha256 != function.latest.package.sha256:
            raise AwsError(
                "InvalidParameterValueException",
                f"CodeSHA256 ({sha256}) is different from current CodeSHA256 in $LATEST "
                f"({function.latest.package.sha256}). Please try again with the CodeSHA256 in $LATEST.",
            )
        return self.publish(function, request.get("Description")).describe(self._identity, qualified=True)

    def publish(self, function: Function, description: str | None = None) -> FunctionConfiguration:
        """The new version; the last one where nothing has changed since."""
        last = function.versions.get(str(function.last_version))
        if last is not None and _same_content(last, function.latest):
            return last
        function.last_version += 1
        version = str(function.last_version)
        changes: dict[str, Any] = {"version": version}
        if description is not None:
            changes["description"] = description
        published = function.latest.touched(**changes)
        function.versions[version] = published
        return published

    def delete(self, function: Function, version: str) -> None:
        """Remove a published version that no alias names."""
        users = [a.name for a in function.aliases.values() if version == a.version or version in a.weights]
        if users:
            raise AwsError(
                "ResourceConflictException",
                f"Version {version} cannot be deleted: the aliases {', '.join(sorted(users))} refer to it.",
                409,
            )
        del function.versions[version]
        self._launcher.retire(function, version)

    async def list_versions_by_function(self, request: dict[str, Any]) -> dict[str, Any]:
        function = self._find(request)
        return {
            "Versions": [
                configuration.describe(self._identity, qualified=True)
                for configuration in (function.latest, *function.versions.values())
            ]
        }

    async def create_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        function = self._find(request)
        name = request["Name"]
        if name in function.aliases:
            arn = make_function_arn(self._identity, function.name, name)
            raise AwsError("ResourceConflictException", f"Alias already exists: {arn}", 409)
        if name.isdigit() or name == LATEST:
            raise AwsError("InvalidParameterValueException", f"Invalid alias name: {name}")
        alias = Alias(name, "", request.get("Description", ""), {}, "")
        self._change(function, alias, request)
        function.aliases[name] = alias
        return self._describe(function, alias)

    async def update_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        function, alias = self._find_alias(request)
        self._change(function, alias, request)
        return self._describe(function, alias)

    async def get_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._describe(*self._find_alias(request))

    async def list_aliases(self, request: dict[str, Any]) -> dict[str, Any]:
        function = self._find(request)
        version = request.get("FunctionVersion")
        aliases = [alias for _name, alias in sorted(function.aliases.items()) if version in (None, alias.version)]
        return {"Aliases": [self._describe(function, alias) for alias in aliases]}

    async def delete_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        self._find(request).aliases.pop(request["Name"], None)
        return {}

    def _find(self, request: dict[str, Any]) -> Function:
        return self._store.find(parse_reference(request["FunctionName"], self._identity))

    def _find_alias(self, request: dict[str, Any]) -> tuple[Function, Alias]:
        function = self._find(request)
        alias = function.aliases.get(request["Name"])
        if alias is None:
            arn = make_function_arn(self._identity, function.name, request["Name"])
            raise AwsError("ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)
        return function, alias

    def _change(self, function: Function, alias: Alias, request: dict[str, Any]) -> None:
        version = request.get("FunctionVersion", alias.version)
        weights = alias.weights
        if request.get("RoutingConfig") is not None:
            weights = dict(request["RoutingConfig"].get("AdditionalVersionWeights") or {})
        for named in (version, *weights):
            if named != LATEST and named not in function.versions:
                raise function_not_found(make_function_arn(self._identity, function.name, named))
        if weights and (LATEST in (version, *weights) or len(weights) > 1 or not 0 <= sum(weights.values()) <= 1):
            raise AwsError(
                "InvalidParameterValueException",
                "RoutingConfig takes one further published version with a weight between 0.0 and 1.0.",
            )
        alias.version = version
        alias.weights = weights
        alias.description = request.get("Description", alias.description)
        alias.revision_id = str(uuid.uuid4())

    def _describe(self, function: Function, alias: Alias) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "AliasArn": make_function_arn(self._identity, function.name, alias.name),
            "Name": alias.name,
            "FunctionVersion": alias.version,
            "Description": alias.description,
            "RevisionId": alias.revision_id,
        }
        if alias.weights:
            answer["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
        return answer


def _same_content(published: FunctionConfiguration, latest: FunctionConfiguration) -> bool:
    ignored = ("version", "description", "last_modified", "revision_id")
    return all(
        getattr(published, name) == getattr(latest, name)
        for name in published.__dataclass_fields__
        if name not in ignored
    )
