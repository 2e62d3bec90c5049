"""Functions: create, read, update, delete.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime.code_source import CodeSource
from emulator.lambda_runtime.concurrency import Concurrency
from emulator.lambda_runtime.configuration import change_configuration, check_layer_count, make_configuration
from emulator.lambda_runtime.functions import Function, FunctionStore
from emulator.lambda_runtime.identifiers import (
    LATEST,
    NAME,
    FunctionReference,
    function_not_found,
    make_function_arn,
    parse_reference,
)
from emulator.lambda_runtime.launcher import Launcher, make_log_variables
from emulator.lambda_runtime.layers import LayerStore, LayerVersion
from emulator.lambda_runtime.logs import LogStore
from emulator.lambda_runtime.packages import PackageStore
from emulator.lambda_runtime.versions import VersionOperations


class FunctionOperations:
    """The operations on functions as a whole and on their $LATEST version."""

    def __init__(
        self,
        identity: Identity,
        store: FunctionStore,
        layers: LayerStore,
        code: CodeSource,
        launcher: Launcher,
        concurrency: Concurrency,
        versions: VersionOperations,
        *,
        packages: PackageStore,
        logs: LogStore,
    ) -> None:
        self._identity = identity
        self._store = store
        self._layers = layers
        self._code = code
        self._launcher = launcher
        self._concurrency = concurrency
        self._versions = versions
        self._packages = packages
        self._logs = logs

    async def create_function(self, request: dict[str, Any]) -> dict[str, Any]:
        reference = parse_reference(request["FunctionName"], self._identity)
        if reference.qualifier is not None or NAME.fullmatch(reference.name) is None:
            raise AwsError("InvalidParameterValueException", f"Invalid function name: {request['FunctionName']}")
        self._refuse_existing(reference)
        package = await self._packages.store(await self._code.read(request["Code"], "Code"))
        self._refuse_existing(reference)  # another request may have come first while S3 was read
        layers = self._find_layers(request.get("Layers") or [])
        configuration = make_configuration({**request, "FunctionName": reference.name}, package, layers)
        self._launcher.check_layers(configuration)
        make_log_variables(configuration)
        function = Function(configuration, self._logs.of(reference.name), tags=dict(request.get("Tags") or {}))
        function.log.group = configuration.log_group
        self._store.functions[reference.name] = function
        if request.get("Publish"):
            return self._versions.publish(function).describe(self._identity, qualified=True)
        return configuration.describe(self._identity, qualified=False)

    async def update_function_code(self, request: dict[str, Any]) -> dict[str, Any]:
        function = self._find_latest(request)
        if request.get("PublishTo"):
            raise AwsError("InvalidParameterValueException", "PublishTo is not emulated.")
        package = await self._packages.store(await self._code.read(request, "UpdateFunctionCode"))
        configuration = function.latest.touched(package=package)
        if request.get("Architectures"):
            configuration = configuration.touched(
                stored={**configuration.stored, "Architectures": request["Architectures"]}
            )
        if request.get("DryRun"):
            return configuration.describe(self._identity, qualified=False)
        function.latest = configuration
        self._launcher.replace_latest(function)
        if request.get("Publish"):
            return self._versions.publish(function).describe(self._identity, qualified=True)
        return configuration.describe(self._identity, qualified=False)

    async def update_function_configuration(self, request: dict[str, Any]) -> dict[str, Any]:
        function = self._find_latest(request)
        layers = self._find_layers(request["Layers"]) if request.get("Layers") is not None else None
        configuration = change_configuration(function.latest, request, layers)
        self._launcher.check_layers(configuration)
        make_log_variables(configuration)
        function.latest = configuration
        function.log.group = configuration.log_group
        self._launcher.replace_latest(function)
        return configuration.describe(self._identity, qualified=False)

    async def get_function(self, request: dict[str, Any]) -> dict[str, Any]:
        reference = self._reference(request)
        function, configuration = self._store.resolve(reference)
        answer: dict[str, Any] = {
            "Configuration": configuration.describe(self._identity, qualified=reference.qualifier is not None),
            "Code": {"RepositoryType": "S3", "Location": configuration.package.directory.as_uri()},
        }
        if function.tags:
            answer["Tags"] = dict(function.tags)
        reserved = self._concurrency.reserved(function.name)
        if reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
        return answer

    async def get_function_configuration(self, request: dict[str, Any]) -> dict[str, Any]:
        reference = self._reference(request)
        _function, configuration = self._store.resolve(reference)
        return configuration.describe(self._identity, qualified=reference.qualifier is not None)

    async def list_functions(self, request: dict[str, Any]) -> dict[str, Any]:
        functions = [self._store.functions[name] for name in sorted(self._store.functions)]
        described = []
        for function in functions:
            described.append(
                function.latest.describe(self._identity, qualified=request.get("FunctionVersion") == "ALL")
            )
            if request.get("FunctionVersion") == "ALL":
                described += [
                    version.describe(self._identity, qualified=True) for version in function.versions.values()
                ]
        return {"Functions": described}

    async def delete_function(self, request: dict[str, Any]) -> dict[str, Any]:
        reference = self._reference(request)
        function = self._store.find(reference)
        if reference.qualifier is None:
            del self._store.functions[function.name]
            self._concurrency.unreserve(function.name)
            self._launcher.retire(function)
            return {}
        if reference.qualifier == LATEST:
            raise AwsError(
                "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function."
            )
        if reference.qualifier not in function.versions:
            raise function_not_found(make_function_arn(self._identity, function.name, reference.qualifier))
        self._versions.delete(function, reference.qualifier)
        return {}

    def _reference(self, request: dict[str, Any]) -> FunctionReference:
        return parse_reference(request["FunctionName"], self._identity, request.get("Qualifier"))

    def _find_latest(self, request: dict[str, Any]) -> Function:
        function = self._store.find(parse_reference(request["FunctionName"], self._identity))
        revision = request.get("RevisionId")
        if revision is not None and revision != function.latest.revision_id:
            raise AwsError(
                "PreconditionFailedException",
                "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API "
                "to retrieve the latest RevisionId",
                412,
            )
        return function

    def _refuse_existing(self, reference: FunctionReference) -> None:
        if reference.name in self._store.functions:
            raise AwsError("ResourceConflictException", f"Function already exist: {reference.name}", 409)

    def _find_layers(self, arns: list[str]) -> tuple[LayerVersion, ...]:
        check_layer_count(arns)
        return tuple(self._layers.find(arn) for arn in arns)
