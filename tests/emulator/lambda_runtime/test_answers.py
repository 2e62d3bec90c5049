"""Every answer fits AWS's own description of the API, so that a gateway can write it and boto3 can read it."""

import asyncio
from pathlib import Path
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from emulator.identity import Identity
from emulator.lambda_runtime import LambdaService
from tests.emulator.lambda_runtime.harness import make_zip

NAME = {"FunctionName": "sync_users"}
ARN = "arn:aws:lambda:us-east-1:123456789012:function:sync_users"
CODE = {"ZipFile": make_zip({"app.py": ""})}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("PublishLayerVersion", {"LayerName": "job", "Content": CODE, "CompatibleRuntimes": ["python3.11"]}),
    ("ListLayers", {}),
    ("ListLayerVersions", {"LayerName": "job"}),
    ("GetLayerVersion", {"LayerName": "job", "VersionNumber": 1}),
    (
        "CreateFunction",
        {
            **NAME,
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Role": "arn:aws:iam::123456789012:role/test",
            "Code": CODE,
            "Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:job:1"],
            "Environment": {"Variables": {"CHUNK_SIZE": "500"}},
            "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
            "Tags": {"TenantGroup": "acme"},
        },
    ),
    ("PutFunctionConcurrency", {**NAME, "ReservedConcurrentExecutions": 5}),
    ("GetFunctionConcurrency", NAME),
    ("GetFunction", NAME),
    ("GetFunctionConfiguration", NAME),
    ("UpdateFunctionConfiguration", {**NAME, "Timeout": 9}),
    ("UpdateFunctionCode", {**NAME, **CODE, "Publish": True}),
    ("PublishVersion", NAME),
    ("ListVersionsByFunction", NAME),
    ("CreateAlias", {**NAME, "Name": "live", "FunctionVersion": "1"}),
    ("UpdateAlias", {**NAME, "Name": "live", "Description": "what customers call"}),
    ("GetAlias", {**NAME, "Name": "live"}),
    ("ListAliases", NAME),
    ("AddPermission", {**NAME, "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}),
    ("GetPolicy", NAME),
    ("PutFunctionEventInvokeConfig", {**NAME, "MaximumRetryAttempts": 1}),
    ("UpdateFunctionEventInvokeConfig", {**NAME, "MaximumEventAgeInSeconds": 60}),
    ("GetFunctionEventInvokeConfig", NAME),
    ("ListTags", {"Resource": ARN}),
    ("ListFunctions", {"FunctionVersion": "ALL"}),
    ("GetAccountSettings", {}),
]


def test_answers_fit_the_model_of_the_api(tmp_path: Path) -> None:
    model = botocore.session.get_session().get_service_model("lambda")

    async def scenario() -> None:
        service = LambdaService(Identity(), runtime_dir=tmp_path, work_dir=tmp_path / "work")
        for operation, request in CALLS:
            # GIVEN a request that boto3 would send
            shapes = model.operation_model(operation)
            assert shapes.input_shape is not None
            assert shapes.output_shape is not None
            report = ParamValidator().validate(request, shapes.input_shape)
            assert not report.has_errors(), f"{operation}: {report.generate_report()}"
            # WHEN it is carried out
            answer = await service.call(operation, request)
            # THEN the answer has the types and no members but those of the API
            report = ParamValidator().validate(answer, shapes.output_shape)
            assert not report.has_errors(), f"{operation}: {report.generate_report()}"
            assert find_unknown(answer, shapes.output_shape, operation) == []

    asyncio.run(scenario())


def find_unknown(answer: Any, shape: Any, path: str) -> list[str]:
    """Members of the answer that the shape does not have."""
    if shape.type_name == "structure":
        unknown = [f"{path}.{name}" for name in answer if name not in shape.members]
        known = [(name, value) for name, value in answer.items() if name in shape.members]
        return unknown + [
            item for name, value in known for item in find_unknown(value, shape.members[name], f"{path}.{name}")
        ]
    if shape.type_name == "list":
        return [item for value in answer for item in find_unknown(value, shape.member, f"{path}[]")]
    return []
