"""Each provided type calls its service as AWS's API wants it, and is removed by the matching call."""

import asyncio
import json
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.stack import CreateError, Stack, TemplateError
from emulator.stack.providers.registry import PROVIDERS
from tests.emulator.stack.fake_aws import FakeAws
from tests.emulator.stack.loader import Loader


def _make(
    load: Loader,
    resource_type: str,
    properties: dict[str, Any],
    *,
    delete: bool = False,
    refused: dict[str, AwsError] | None = None,
) -> tuple[Stack, FakeAws]:
    aws = FakeAws(refused or {})
    plan = load({"Resources": {"It": {"Type": resource_type, "Properties": properties}}})

    async def make() -> Stack:
        stack = await plan.create(aws)
        if delete:
            aws.calls.clear()
            await stack.delete()
        return stack

    return asyncio.run(make()), aws


_FUNCTION = {"Code": {"ZipFile": "def handle(event, context): ..."}, "Role": "arn:role", "Handler": "index.handle"}
_TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
_EXAMPLES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "AWS::DynamoDB::Table": (
        {
            **_TABLE,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "true"},
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        },
        ["CreateTable", "UpdateContinuousBackups", "UpdateTimeToLive"],
        ["DeleteTable"],
    ),
    "AWS::IAM::ManagedPolicy": (
        {"PolicyDocument": {"Version": "1"}, "Roles": ["reader"]},
        ["CreatePolicy", "AttachRolePolicy"],
        ["ListEntitiesForPolicy", "DeletePolicy"],
    ),
    "AWS::IAM::Policy": (
        {"PolicyName": "read", "PolicyDocument": {"Version": "1"}, "Roles": ["reader"]},
        ["PutRolePolicy"],
        ["DeleteRolePolicy"],
    ),
    "AWS::IAM::Role": (
        {
            "AssumeRolePolicyDocument": {"Version": "1"},
            "ManagedPolicyArns": ["arn:aws:iam::123456789012:policy/mine", "arn:aws:iam::aws:policy/ReadOnlyAccess"],
        },
        # What nobody can judge, since AWS's own policies are not here, and the one that is.
        ["CreateRole", "PutRolePolicy", "AttachRolePolicy"],
        ["ListRolePolicies", "ListAttachedRolePolicies", "DeleteRole"],
    ),
    "AWS::Kinesis::Stream": (
        {
            "ShardCount": "2",
            "RetentionPeriodHours": 48,
            "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "a"},
        },
        ["CreateStream", "IncreaseStreamRetentionPeriod", "StartStreamEncryption"],
        ["DeleteStream"],
    ),
    "AWS::Lambda::Alias": (
        {"FunctionName": "job", "FunctionVersion": "1", "Name": "live"},
        ["CreateAlias"],
        ["DeleteAlias"],
    ),
    "AWS::Lambda::EventInvokeConfig": (
        {"FunctionName": "job", "Qualifier": "$LATEST", "MaximumRetryAttempts": "0"},
        ["PutFunctionEventInvokeConfig"],
        ["DeleteFunctionEventInvokeConfig"],
    ),
    "AWS::Lambda::EventSourceMapping": (
        {
            "EventSourceArn": "arn:s",
            "FunctionName": "job",
            "BatchSize": "10",
            "BisectBatchOnFunctionError": "true",
        },
        ["CreateEventSourceMapping"],
        ["DeleteEventSourceMapping"],
    ),
    "AWS::Lambda::Function": (_FUNCTION, ["CreateFunction"], ["DeleteFunction"]),
    "AWS::Lambda::Permission": (
        {"FunctionName": "job", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"},
        ["AddPermission"],
        ["RemovePermission"],
    ),
    "AWS::Lambda::Version": ({"FunctionName": "job"}, ["PublishVersion"], ["DeleteFunction"]),
    "AWS::Logs::LogGroup": ({"RetentionInDays": "7"}, ["CreateLogGroup", "PutRetentionPolicy"], ["DeleteLogGroup"]),
    "AWS::S3::Bucket": ({}, ["CreateBucket"], ["DeleteBucket"]),
    "AWS::SNS::Topic": (
        {"TopicName": "alarms", "Subscription": [{"Protocol": "email", "Endpoint": "a@example.com"}]},
        ["CreateTopic", "Subscribe"],
        ["DeleteTopic"],
    ),
    "AWS::SQS::Queue": ({"VisibilityTimeout": 5}, ["CreateQueue"], ["DeleteQueue"]),
    "AWS::SQS::QueuePolicy": (
        {"Queues": ["http://q/1", "http://q/2"], "PolicyDocument": {"Version": "1"}},
        ["SetQueueAttributes", "SetQueueAttributes"],
        ["SetQueueAttributes", "SetQueueAttributes"],
    ),
    "AWS::StepFunctions::StateMachineAlias": (
        {"Name": "live", "DeploymentPreference": {"StateMachineVersionArn": "arn:v:1", "Type": "ALL_AT_ONCE"}},
        ["CreateStateMachineAlias"],
        ["DeleteStateMachineAlias"],
    ),
    "AWS::StepFunctions::StateMachineVersion": (
        {"StateMachineArn": "arn:machine", "StateMachineRevisionId": "INITIAL"},
        ["PublishStateMachineVersion"],
        ["DeleteStateMachineVersion"],
    ),
    "AWS::StepFunctions::StateMachine": (
        {"Definition": {"StartAt": "A"}, "RoleArn": "arn:role"},
        ["CreateStateMachine"],
        ["DeleteStateMachine"],
    ),
}
_WAITING = {"DescribeStreamSummary", "DescribeTable", "GetEventSourceMapping", "GetFunctionConfiguration"}


def test_every_provided_type_has_an_example_when_one_is_added() -> None:
    # A layer needs a folder: the tests of the whole stack make one.
    assert set(_EXAMPLES) == set(PROVIDERS) - {"AWS::Lambda::LayerVersion"}


@pytest.mark.parametrize("resource_type", list(_EXAMPLES))
def test_provider_calls_the_service_when_the_resource_is_made(load: Loader, resource_type: str) -> None:
    properties, made_by, _ = _EXAMPLES[resource_type]

    _, aws = _make(load, resource_type, properties)

    assert [operation for operation in aws.operations() if operation not in _WAITING] == made_by


@pytest.mark.parametrize("resource_type", list(_EXAMPLES))
def test_provider_calls_the_service_when_the_resource_is_removed(load: Loader, resource_type: str) -> None:
    properties, _, removed_by = _EXAMPLES[resource_type]

    stack, aws = _make(load, resource_type, properties, delete=True)

    assert [operation for operation in aws.operations() if operation not in _WAITING] == removed_by
    assert stack.resources == {}


def test_bucket_provider_speaks_the_api_words_when_the_template_has_others(load: Loader) -> None:
    properties = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {"Id": "old", "Status": "Enabled", "Prefix": "runs/", "ExpirationInDays": "14"},
                {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
            ]
        },
    }

    _, aws = _make(load, "AWS::S3::Bucket", properties)

    encryption = aws.parameters("PutBucketEncryption")["ServerSideEncryptionConfiguration"]
    assert encryption == {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    lifecycle = aws.parameters("PutBucketLifecycleConfiguration")["LifecycleConfiguration"]
    assert lifecycle["Rules"] == [
        {"Filter": {"Prefix": "runs/"}, "ID": "old", "Status": "Enabled", "Expiration": {"Days": 14}},
        {"Filter": {"Prefix": ""}, "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    ]


def test_bucket_provider_names_the_key_when_a_lifecycle_rule_is_not_emulated(load: Loader) -> None:
    rule = {"Status": "Enabled", "Transitions": []}

    with pytest.raises(CreateError, match=r"It\.LifecycleConfiguration: Transitions of a rule is not emulated"):
        _make(load, "AWS::S3::Bucket", {"LifecycleConfiguration": {"Rules": [rule]}})


def test_table_provider_speaks_the_api_words_when_the_template_has_others(load: Loader) -> None:
    properties = {**_TABLE, "SSESpecification": {"SSEEnabled": "true", "SSEType": "KMS"}, "TableClass": "STANDARD"}

    stack, aws = _make(load, "AWS::DynamoDB::Table", properties)

    made = aws.parameters("CreateTable")
    assert made["SSESpecification"] == {"Enabled": True, "SSEType": "KMS"}
    assert made["TableName"] == stack.resources["It"].physical_id
    assert "TableClass" not in made


def test_table_provider_takes_the_name_when_the_template_gives_one(load: Loader) -> None:
    stack, _ = _make(load, "AWS::DynamoDB::Table", {**_TABLE, "TableName": "limits"})

    made = stack.resources["It"]
    assert (made.physical_id, made.attributes["Arn"]) == (
        "limits",
        "arn:aws:dynamodb:us-east-1:123456789012:table/limits",
    )


@pytest.mark.parametrize("name", ["StreamSpecification", "KinesisStreamSpecification", "ResourcePolicy"])
def test_table_is_refused_by_name_when_a_property_of_it_is_not_emulated(load: Loader, name: str) -> None:
    with pytest.raises(TemplateError, match=f"It: property {name} of AWS::DynamoDB::Table is not emulated"):
        _make(load, "AWS::DynamoDB::Table", {**_TABLE, name: {}})


def test_queue_provider_sends_every_attribute_as_text_when_it_is_made(load: Loader) -> None:
    properties = {"FifoQueue": True, "SqsManagedSseEnabled": True, "RedrivePolicy": {"maxReceiveCount": 3}}

    _, aws = _make(load, "AWS::SQS::Queue", properties)

    made = aws.parameters("CreateQueue")
    assert made["Attributes"] == {
        "FifoQueue": "true",
        "SqsManagedSseEnabled": "true",
        "RedrivePolicy": '{"maxReceiveCount": 3}',
    }
    assert made["QueueName"].endswith(".fifo")


def test_function_provider_makes_the_module_index_when_the_code_stands_in_the_template(load: Loader) -> None:
    _, aws = _make(load, "AWS::Lambda::Function", _FUNCTION)

    assert b"index.py" in aws.parameters("CreateFunction")["Code"]["ZipFile"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"PackageType": "Image"}, r"It\.PackageType: images are not emulated"),
        ({"Code": {"ImageUri": "x"}}, r"It\.Code: ImageUri is not emulated"),
        ({"Code": {"S3Bucket": "elsewhere", "S3Key": "k"}}, r"s3://elsewhere/k is no local code"),
    ],
)
def test_function_provider_refuses_the_code_by_name_when_it_is_not_emulated(
    load: Loader, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(CreateError, match=message):
        _make(load, "AWS::Lambda::Function", {**_FUNCTION, **change})


def test_function_provider_says_why_when_the_function_fails_to_become_active(load: Loader) -> None:
    class _FailingAws(FakeAws):
        def _lambda_GetFunctionConfiguration(self, _parameters: dict[str, Any]) -> dict[str, Any]:
            return {"State": "Failed", "StateReason": "the zip is broken"}

    plan = load({"Resources": {"It": {"Type": "AWS::Lambda::Function", "Properties": _FUNCTION}}})

    with pytest.raises(CreateError, match="the zip is broken"):
        asyncio.run(plan.create(_FailingAws()))


def test_mapping_provider_raises_the_error_when_the_service_fails_while_it_waits(load: Loader) -> None:
    class _FailingAws(FakeAws):
        def _lambda_GetEventSourceMapping(self, _parameters: dict[str, Any]) -> dict[str, Any]:
            raise AwsError("ServiceException", "broken", 500)

    properties = _EXAMPLES["AWS::Lambda::EventSourceMapping"][0]
    plan = load({"Resources": {"It": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}}})

    with pytest.raises(CreateError, match="ServiceException: broken"):
        asyncio.run(plan.create(_FailingAws()))


@pytest.mark.parametrize("definition", [{"DefinitionString": '{"A": "${X}"}'}, {"Definition": {"A": "${X}"}}])
def test_state_machine_provider_substitutes_when_the_definition_stands_in_the_template(
    load: Loader, definition: dict[str, Any]
) -> None:
    _, aws = _make(
        load,
        "AWS::StepFunctions::StateMachine",
        {**definition, "RoleArn": "arn:role", "DefinitionSubstitutions": {"X": 5}},
    )

    assert json.loads(aws.parameters("CreateStateMachine")["definition"]) == {"A": "5"}


def test_role_is_made_within_the_boundary_that_the_template_names(load: Loader) -> None:
    boundary = "arn:aws:iam::000000000000:policy/Boundary"

    _, aws = _make(load, "AWS::IAM::Role", {"AssumeRolePolicyDocument": {}, "PermissionsBoundary": boundary})

    assert aws.parameters("CreateRole")["PermissionsBoundary"] == boundary
    assert aws.operations().index("GetPolicy") < aws.operations().index("CreateRole")


def test_role_is_refused_when_its_boundary_does_not_exist(load: Loader) -> None:
    boundary = "arn:aws:iam::000000000000:policy/Gone"
    refused = {"GetPolicy": AwsError("NoSuchEntity", f"Policy {boundary} was not found", 404)}

    with pytest.raises(CreateError, match=r"policy/Gone was not found"):
        _make(
            load, "AWS::IAM::Role", {"AssumeRolePolicyDocument": {}, "PermissionsBoundary": boundary}, refused=refused
        )


def test_state_machine_provider_refuses_the_definition_when_it_is_no_json(load: Loader) -> None:
    with pytest.raises(CreateError, match="It: the definition is no JSON"):
        _make(load, "AWS::StepFunctions::StateMachine", {"DefinitionString": "{", "RoleArn": "arn:role"})
