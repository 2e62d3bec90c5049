"""Functions and what belongs to them: layers, versions, aliases, permissions, asynchronous settings."""

from collections.abc import Mapping
from typing import Any, ClassVar

from emulator.errors import AwsError
from emulator.stack.artifacts import zip_source
from emulator.stack.aws_caller import AwsCaller
from emulator.stack.errors import TemplateError
from emulator.stack.providers.base import Made, Request, pick, wait_until
from emulator.stack.shapes import shape_parameters, to_tag_map

_NOTHING_LEFT_OUT: Mapping[str, str] = {}


class FunctionProvider:
    """AWS::Lambda::Function."""

    # As CreateFunction names them; the code, the tags and the reserved concurrency travel another way.
    _PASSED: ClassVar[tuple[str, ...]] = (
        "Architectures", "DeadLetterConfig", "Description", "Environment", "EphemeralStorage", "Handler", "Layers",
        "LoggingConfig", "MemorySize", "Role", "Runtime", "SnapStart", "Timeout", "TracingConfig",
    )  # fmt: skip
    properties: ClassVar[frozenset[str]] = frozenset(
        {*_PASSED, "Code", "FunctionName", "PackageType", "ReservedConcurrentExecutions", "Tags"}
    )
    left_out: ClassVar[Mapping[str, str]] = {
        "VpcConfig": "the function runs on this machine, outside any VPC; security groups guard nothing",
        "KmsKeyArn": "environment variables are not encrypted on this machine",
    }
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The function, active, with its reserved concurrency."""
        given = request.properties
        if given.get("PackageType", "Zip") != "Zip":
            raise TemplateError(f"{request.where('PackageType')}: images are not emulated, only Zip")
        name = str(given.get("FunctionName", request.physical_name))
        parameters = shape_parameters("lambda", "CreateFunction", pick(given, *self._PASSED), request.logical_id)
        answer = await aws.call(
            "lambda",
            "CreateFunction",
            **parameters,
            FunctionName=name,
            Code={"ZipFile": _read_code(request)},
            Tags=to_tag_map(given.get("Tags")),
        )
        reserved = given.get("ReservedConcurrentExecutions")
        if reserved is not None:
            await aws.call(
                "lambda", "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=int(reserved)
            )

        async def is_active() -> bool:
            found = await aws.call("lambda", "GetFunctionConfiguration", FunctionName=name)
            if found.get("State") == "Failed":
                raise AwsError("FunctionFailed", f"{name}: {found.get('StateReason', 'no reason given')}")
            return bool(found.get("State", "Active") == "Active")

        if answer.get("State", "Active") != "Active":
            await wait_until(is_active, f"function {name} did not become active")
        return Made(name, {"Arn": answer["FunctionArn"]})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the function with its versions and aliases."""
        await aws.call("lambda", "DeleteFunction", FunctionName=made.physical_id)


class LayerVersionProvider:
    """AWS::Lambda::LayerVersion."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {"CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LayerName", "LicenseInfo"}
    )
    left_out: ClassVar[Mapping[str, str]] = _NOTHING_LEFT_OUT
    attributes: ClassVar[frozenset[str]] = frozenset({"LayerVersionArn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """A new version of the layer."""
        passed = pick(request.properties, "CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo")
        content = request.properties["Content"]
        answer = await aws.call(
            "lambda",
            "PublishLayerVersion",
            **shape_parameters("lambda", "PublishLayerVersion", passed, request.logical_id),
            LayerName=str(request.properties.get("LayerName", request.physical_name)),
            Content={"ZipFile": request.code.read(content["S3Bucket"], content["S3Key"], request.where("Content"))},
        )
        arn = str(answer["LayerVersionArn"])
        return Made(arn, {"LayerVersionArn": arn})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove this version; functions that have it keep it."""
        name, version = made.physical_id.split(":")[-2:]
        await aws.call("lambda", "DeleteLayerVersion", LayerName=name, VersionNumber=int(version))


class VersionProvider:
    """AWS::Lambda::Version."""

    properties: ClassVar[frozenset[str]] = frozenset({"CodeSha256", "Description", "FunctionName"})
    left_out: ClassVar[Mapping[str, str]] = _NOTHING_LEFT_OUT
    attributes: ClassVar[frozenset[str]] = frozenset({"FunctionArn", "Version"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """A version of the function as it stands now."""
        parameters = shape_parameters("lambda", "PublishVersion", request.properties, request.logical_id)
        answer = await aws.call("lambda", "PublishVersion", **parameters)
        return Made(answer["FunctionArn"], {"FunctionArn": answer["FunctionArn"], "Version": answer["Version"]})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the version."""
        function, version = made.physical_id.rsplit(":", 1)
        await aws.call("lambda", "DeleteFunction", FunctionName=function, Qualifier=version)


class AliasProvider:
    """AWS::Lambda::Alias."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {"Description", "FunctionName", "FunctionVersion", "Name", "RoutingConfig"}
    )
    left_out: ClassVar[Mapping[str, str]] = _NOTHING_LEFT_OUT
    attributes: ClassVar[frozenset[str]] = frozenset({"AliasArn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The alias, on its version."""
        parameters = shape_parameters("lambda", "CreateAlias", request.properties, request.logical_id)
        answer = await aws.call("lambda", "CreateAlias", **parameters)
        return Made(answer["AliasArn"], {"AliasArn": answer["AliasArn"]})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the alias; its version stays."""
        function, name = made.physical_id.rsplit(":", 1)
        await aws.call("lambda", "DeleteAlias", FunctionName=function, Name=name)


class PermissionProvider:
    """AWS::Lambda::Permission."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {"Action", "EventSourceToken", "FunctionName", "Principal", "SourceAccount", "SourceArn"}
    )
    left_out: ClassVar[Mapping[str, str]] = _NOTHING_LEFT_OUT
    attributes: ClassVar[frozenset[str]] = frozenset({"Id"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """A statement of the function's resource policy."""
        parameters = shape_parameters("lambda", "AddPermission", request.properties, request.logical_id)
        await aws.call("lambda", "AddPermission", **parameters, StatementId=request.physical_name)
        return Made(request.physical_name, {"Id": request.physical_name, "FunctionName": parameters["FunctionName"]})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the statement."""
        function = made.attributes["FunctionName"]
        await aws.call("lambda", "RemovePermission", FunctionName=function, StatementId=made.physical_id)


class EventInvokeConfigProvider:
    """AWS::Lambda::EventInvokeConfig."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {"DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier"}
    )
    left_out: ClassVar[Mapping[str, str]] = _NOTHING_LEFT_OUT
    attributes: ClassVar[frozenset[str]] = frozenset()

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """How the function is invoked asynchronously."""
        parameters = shape_parameters("lambda", "PutFunctionEventInvokeConfig", request.properties, request.logical_id)
        await aws.call("lambda", "PutFunctionEventInvokeConfig", **parameters)
        return Made(request.physical_name, {"Target": pick(parameters, "FunctionName", "Qualifier")})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Back to Lambda's own settings."""
        await aws.call("lambda", "DeleteFunctionEventInvokeConfig", **made.attributes["Target"])


def _read_code(request: Request) -> bytes:
    code: dict[str, Any] = request.properties["Code"]
    if "S3Key" in code:
        return request.code.read(code["S3Bucket"], code["S3Key"], request.where("Code"))
    if "ZipFile" in code:
        # Code that stands in the template is the module `index`.
        return zip_source("index.py", str(code["ZipFile"]))
    raise TemplateError(f"{request.where('Code')}: {', '.join(code)} is not emulated: use a local CodeUri")
