"""Lambda's control operations: shapes, names of errors, refusals."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime import LambdaService
from emulator.lambda_runtime.identifiers import FunctionReference, parse_reference
from tests.emulator.lambda_runtime.harness import create_function, invoke, make_zip, running_service

ARN = "arn:aws:lambda:us-east-1:123456789012:function:sync_users"
NAME = {"FunctionName": "sync_users"}
VERSION_TELLER = "def handler(event, context):\n    return [context.function_version, context.invoked_function_arn]\n"


def make_service(tmp_path: Path, **options: Any) -> LambdaService:
    """A service that needs no runtime, because nothing is invoked."""
    return LambdaService(Identity(), runtime_dir=tmp_path, work_dir=tmp_path / "work", **options)


def test_create_function_answers_in_aws_shape(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = make_service(tmp_path)
        members: dict[str, Any] = {
            "Timeout": 30,
            "MemorySize": 256,
            "Environment": {"Variables": {"CHUNK_SIZE": "500"}},
            "TracingConfig": {"Mode": "Active"},
            "Architectures": ["arm64"],
            "EphemeralStorage": {"Size": 1024},
            "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
            "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:q"},
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/batch/acme"},
        }
        created = await create_function(service, "", Tags={"TenantGroup": "acme"}, **members)
        assert {name: created[name] for name in members} == members
        assert (created["FunctionArn"], created["Version"], created["State"]) == (ARN, "$LATEST", "Active")
        got = await service.call("GetFunction", NAME)
        assert got["Configuration"] == created
        assert got["Tags"] == {"TenantGroup": "acme"}
        assert await service.call("GetFunctionConfiguration", {"FunctionName": ARN}) == created
        assert await service.call("ListFunctions", {}) == {"Functions": [{**created}]}
        await service.call("DeleteFunction", NAME)
        with pytest.raises(AwsError, match=f"ResourceNotFoundException: Function not found: {ARN}"):
            await service.call("GetFunction", NAME)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"Runtime": "nodejs22.x"}, "InvalidParameterValueException", "Runtime nodejs22.x is not emulated"),
        ({"PackageType": "Image"}, "InvalidParameterValueException", "PackageType Image is not emulated"),
        ({"FileSystemConfigs": [{"Arn": "a"}]}, "InvalidParameterValueException", "FileSystemConfigs is not emulated"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "InvalidParameterValueException", "SnapStart"),
        ({"Code": {"S3Bucket": "b", "S3Key": "k"}}, "InvalidParameterValueException", "without access to S3"),
        ({"Code": {"ImageUri": "i"}}, "InvalidParameterValueException", "ImageUri is not emulated"),
        ({"Timeout": 901}, "ValidationException", "less than or equal to 900"),
        ({"Timeout": 0}, "ValidationException", "greater than or equal to 1"),
        ({"MemorySize": 127}, "ValidationException", "greater than or equal to 128"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "AWS_REGION"),
        ({"Environment": {"Variables": {"A1": "x" * 4096}}}, "InvalidParameterValueException", "4KB limit"),
        ({"Layers": [f"arn:aws:lambda:us-east-1:123456789012:layer:x:{n}" for n in range(6)]}, None, "more than 5"),
        ({"Layers": ["arn:aws:lambda:us-east-1:999999999999:layer:x:1"]}, None, "does not exist"),
        ({"LoggingConfig": {"ApplicationLogLevel": "INFO"}}, None, "Log levels need LogFormat JSON"),
    ],
)
def test_create_function_refuses_by_name(
    tmp_path: Path, members: dict[str, Any], code: str | None, message: str
) -> None:
    async def scenario() -> None:
        service = make_service(tmp_path)
        with pytest.raises(AwsError, match=message) as refused:
            await create_function(service, "", **members)
        assert refused.value.code == (code or "InvalidParameterValueException")
        assert await service.call("ListFunctions", {}) == {"Functions": []}

    asyncio.run(scenario())


def test_create_function_conflicts_when_name_is_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = make_service(tmp_path)
        await create_function(service, "")
        with pytest.raises(AwsError, match="ResourceConflictException: Function already exist: sync_users"):
            await create_function(service, "")

    asyncio.run(scenario())


def test_create_function_reads_code_from_s3_when_it_has_a_fetcher(tmp_path: Path) -> None:
    async def fetch(bucket: str, key: str, version: str | None) -> bytes:
        if key == "missing":
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
        return make_zip({"app.py": f"# {bucket} {key} {version}"})

    async def scenario() -> None:
        service = make_service(tmp_path, fetch_object=fetch)
        code = {"S3Bucket": "code", "S3Key": "sync.zip", "S3ObjectVersion": "7"}
        created = await create_function(service, "", Code=code)
        assert created["CodeSize"] > 0
        with pytest.raises(AwsError, match="S3 Error Code: NoSuchKey"):
            await create_function(service, "", "other", Code={"S3Bucket": "code", "S3Key": "missing"})

    asyncio.run(scenario())


def test_call_refuses_when_operation_is_not_emulated(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(AwsError, match="operation CreateFunctionUrlConfig is not emulated") as refused:
            await make_service(tmp_path).call("CreateFunctionUrlConfig", NAME)
        assert refused.value.status == 501

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sync_users", FunctionReference("sync_users")),
        ("sync_users:live", FunctionReference("sync_users", "live")),
        ("123456789012:function:sync_users", FunctionReference("sync_users")),
        (ARN, FunctionReference("sync_users")),
        (f"{ARN}:$LATEST", FunctionReference("sync_users", "$LATEST")),
        (f"{ARN}:7", FunctionReference("sync_users", "7")),
    ],
)
def test_parse_reference_understands_every_form(text: str, expected: FunctionReference) -> None:
    assert parse_reference(text, Identity()) == expected


@pytest.mark.parametrize(
    ("text", "qualifier", "code"),
    [
        ("sync users", None, "ValidationException"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:sync_users", None, "ResourceNotFoundException"),
        ("arn:aws:lambda:us-east-1:999999999999:function:sync_users", None, "ResourceNotFoundException"),
        ("sync_users:1", "2", "InvalidParameterValueException"),
    ],
)
def test_parse_reference_refuses(text: str, qualifier: str | None, code: str) -> None:
    with pytest.raises(AwsError) as refused:
        parse_reference(text, Identity(), qualifier)
    assert refused.value.code == code


def test_versions_keep_their_code_when_function_moves_on(runtime_dir: Path, tmp_path: Path) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html"""

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            # GIVEN a published version behind an alias
            created = await create_function(service, VERSION_TELLER, Publish=True)
            assert (created["Version"], created["FunctionArn"]) == ("1", f"{ARN}:1")
            alias = await service.call("CreateAlias", {**NAME, "Name": "live", "FunctionVersion": "1"})
            assert alias["AliasArn"] == f"{ARN}:live"
            # WHEN $LATEST changes
            code = make_zip({"app.py": "def handler(event, context):\n    return 'latest'\n"})
            await service.call("UpdateFunctionCode", {**NAME, "ZipFile": code})
            # THEN the alias still runs the version, and says how it was called
            result = await invoke(service, function="sync_users:live")
            assert json.loads(result.payload) == ["1", f"{ARN}:live"]
            assert result.executed_version == "1"
            assert (await invoke(service)).payload == b'"latest"'
            # AND the alias can be moved, wholly or in part
            await service.call("PublishVersion", NAME)
            routing = {"AdditionalVersionWeights": {"2": 1.0}}
            await service.call("UpdateAlias", {**NAME, "Name": "live", "RoutingConfig": routing})
            assert (await invoke(service, function="sync_users:live")).executed_version == "2"
            with pytest.raises(AwsError, match="ResourceConflictException"):
                await service.call("DeleteFunction", {**NAME, "Qualifier": "1"})
            with pytest.raises(AwsError, match=f"Function not found: {ARN}:9"):
                await invoke(service, function="sync_users:9")

    asyncio.run(scenario())


def test_code_of_a_deleted_version_is_removed_and_that_of_others_is_not(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            # GIVEN version 1, and other code in $LATEST
            await create_function(service, VERSION_TELLER, Publish=True)
            code = make_zip({"app.py": "def handler(event, context):\n    return 'latest'\n"})
            await service.call("UpdateFunctionCode", {**NAME, "ZipFile": code})
            assert [service.drop_unused_packages() for _ in range(3)] == [0, 0, 0]
            # WHEN version 1 is deleted
            await service.call("DeleteFunction", {**NAME, "Qualifier": "1"})
            # THEN its code goes with the second look
            assert [service.drop_unused_packages() for _ in range(3)] == [0, 1, 0]
            assert (await invoke(service)).payload == b'"latest"'

    asyncio.run(scenario())


def test_publish_version_answers_the_last_when_nothing_changed(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = make_service(tmp_path)
        await create_function(service, "")
        assert (await service.call("PublishVersion", NAME))["Version"] == "1"
        assert (await service.call("PublishVersion", NAME))["Version"] == "1"
        await service.call("UpdateFunctionConfiguration", {**NAME, "Timeout": 9})
        assert (await service.call("PublishVersion", NAME))["Version"] == "2"
        versions = (await service.call("ListVersionsByFunction", NAME))["Versions"]
        assert [(version["Version"], version["Timeout"]) for version in versions] == [
            ("$LATEST", 9),
            ("1", 30),
            ("2", 9),
        ]

    asyncio.run(scenario())


def test_layer_versions_count_up_and_are_deleted(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = make_service(tmp_path)
        content = {"ZipFile": make_zip({"python/job.py": ""})}
        request = {"LayerName": "job", "Content": content, "CompatibleRuntimes": ["python3.11"]}
        first = await service.call("PublishLayerVersion", request)
        second = await service.call("PublishLayerVersion", request)
        assert (first["Version"], second["Version"]) == (1, 2)
        assert second["LayerVersionArn"] == "arn:aws:lambda:us-east-1:123456789012:layer:job:2"
        assert await service.call("GetLayerVersion", {"LayerName": "job", "VersionNumber": 2}) == second
        await service.call("DeleteLayerVersion", {"LayerName": "job", "VersionNumber": 2})
        listed = (await service.call("ListLayerVersions", {"LayerName": "job"}))["LayerVersions"]
        assert [layer["Version"] for layer in listed] == [1]
        assert (await service.call("PublishLayerVersion", request))["Version"] == 3

    asyncio.run(scenario())


def test_create_function_refuses_layer_with_an_extension(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = make_service(tmp_path)
        request = {"LayerName": "agent", "Content": {"ZipFile": make_zip({"extensions/agent": ""})}}
        layer = await service.call("PublishLayerVersion", request)
        with pytest.raises(AwsError, match="extensions are not emulated"):
            await create_function(service, "", Layers=[layer["LayerVersionArn"]])

    asyncio.run(scenario())


def test_settings_are_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = make_service(tmp_path)
        await create_function(service, "")
        permission = {
            "StatementId": "events",
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": "arn:aws:events:us-east-1:123456789012:rule/x",
        }
        await service.call("AddPermission", {**NAME, **permission})
        policy = json.loads((await service.call("GetPolicy", NAME))["Policy"])
        assert policy["Statement"] == [
            {
                "Sid": "events",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Resource": ARN,
                "Condition": {"ArnLike": {"AWS:SourceArn": permission["SourceArn"]}},
            }
        ]
        with pytest.raises(AwsError, match="ResourceConflictException"):
            await service.call("AddPermission", {**NAME, **permission})
        await service.call("RemovePermission", {**NAME, "StatementId": "events"})
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await service.call("GetPolicy", NAME)
        await service.call("TagResource", {"Resource": ARN, "Tags": {"a": "1", "b": "2"}})
        await service.call("UntagResource", {"Resource": ARN, "TagKeys": ["a"]})
        assert await service.call("ListTags", {"Resource": ARN}) == {"Tags": {"b": "2"}}
        with pytest.raises(AwsError, match="MaximumRetryAttempts must be between 0 and 2"):
            await service.call("PutFunctionEventInvokeConfig", {**NAME, "MaximumRetryAttempts": 3})
        await service.call("PutFunctionEventInvokeConfig", {**NAME, "MaximumRetryAttempts": 1})
        assert (await service.call("GetFunctionEventInvokeConfig", NAME))["MaximumRetryAttempts"] == 1
        assert (await service.call("GetAccountSettings", {}))["AccountLimit"]["ConcurrentExecutions"] == 1000

    asyncio.run(scenario())


def test_invoke_does_nothing_when_it_is_a_dry_run(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = make_service(tmp_path)
        await create_function(service, "")
        assert await service.call("Invoke", {**NAME, "InvocationType": "DryRun"}) == {"StatusCode": 204}
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await service.call("Invoke", {"FunctionName": "nobody", "InvocationType": "DryRun"})

    asyncio.run(scenario())
