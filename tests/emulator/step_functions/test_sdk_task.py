"""Calling other AWS APIs.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.step_functions.sdk_catalog import find_action
from tests.emulator.step_functions.doubles import FakeSdk, event_types, jsonata, run_machine


def call(resource: str, arguments: Any, sdk: FakeSdk, **fields: Any) -> Any:
    """The execution of one Task."""
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, "End": True, **fields}
    return run_machine(jsonata("A", A=state), {"k": [1]}, sdk=sdk)


def answering(service: str, operation: str, answer: dict[str, Any]) -> FakeSdk:
    """A port that knows one operation."""
    return FakeSdk({(service, operation): lambda _request: answer})


def refusing(service: str, operation: str, code: str) -> FakeSdk:
    """A port whose one operation fails."""

    def refuse(_request: dict[str, Any]) -> dict[str, Any]:
        raise AwsError(code, "The specified thing is wrong.", 404)

    return FakeSdk({(service, operation): refuse})


def test_sdk_integration_passes_parameters_in_botocores_shape_and_gives_pascal_case_back() -> None:
    # GIVEN an API whose members begin with a small letter
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    sdk = answering("stepfunctions", "StartExecution", {"executionArn": "arn:x", "startDate": moment})

    # WHEN a task calls it
    execution = call("aws-sdk:sfn:startExecution", {"StateMachineArn": "arn:m", "Input": {"a": 1}}, sdk)

    # THEN the request is the API's, an object given for a string is its JSON, and the answer is the SDK's
    assert sdk.calls == [("stepfunctions", "StartExecution", {"stateMachineArn": "arn:m", "input": '{"a":1}'})]
    assert execution.output == {"ExecutionArn": "arn:x", "StartDate": "2026-01-02T00:00:00.000Z"}


def test_sdk_integration_writes_blobs_as_text_and_reads_them_as_text() -> None:
    sdk = answering("s3", "GetObject", {"Body": "é".encode(), "ContentLength": 2, "ResponseMetadata": {}})

    execution = call("aws-sdk:s3:getObject", {"Bucket": "b", "Key": "k"}, sdk)

    assert execution.output == {"Body": "é", "ContentLength": 2}


@pytest.mark.parametrize(
    ("body", "expected"), [("text", b"text"), ({"a": [1]}, b'{"a":[1]}'), ("{% $states.input %}", b'{"k":[1]}')]
)
def test_put_object_writes_its_body_as_json_when_it_is_no_text(body: Any, expected: bytes) -> None:
    sdk = answering("s3", "PutObject", {"ETag": '"e"'})

    call("aws-sdk:s3:putObject", {"Bucket": "b", "Key": "k", "Body": body}, sdk)

    assert sdk.calls[0][2]["Body"] == expected


def test_nested_structures_lists_and_maps_are_translated() -> None:
    sdk = answering("dynamodb", "PutItem", {})
    item = {"id": {"S": "1"}, "n": {"N": "2"}, "l": {"L": [{"S": "x"}]}}

    call("aws-sdk:dynamodb:putItem", {"TableName": "t", "Item": item}, sdk)

    assert sdk.calls[0][2] == {"TableName": "t", "Item": item}


@pytest.mark.parametrize(
    ("service", "operation", "resource", "arguments", "code", "expected"),
    [
        ("s3", "GetObject", "s3:getObject", {"Bucket": "b", "Key": "k"}, "NoSuchKey", "S3.NoSuchKeyException"),
        ("s3", "GetObject", "s3:getObject", {"Bucket": "b", "Key": "k"}, "NoSuchBucket", "S3.NoSuchBucketException"),
        ("s3", "PutObject", "s3:putObject", {"Bucket": "b", "Key": "k"}, "SlowDown", "S3.S3Exception"),
        ("s3", "PutObject", "s3:putObject", {"Bucket": "b", "Key": "k"}, "SdkClientException", "S3.SdkClientException"),
        (
            "dynamodb",
            "PutItem",
            "dynamodb:putItem",
            {"TableName": "t", "Item": {}},
            "ResourceNotFoundException",
            "DynamoDb.ResourceNotFoundException",
        ),
        (
            "dynamodb",
            "PutItem",
            "dynamodb:putItem",
            {"TableName": "t", "Item": {}},
            "ValidationException",
            "DynamoDb.DynamoDbException",
        ),
        (
            "secretsmanager",
            "CreateSecret",
            "secretsmanager:createSecret",
            {"Name": "n"},
            "ValidationException",
            "SecretsManager.SecretsManagerException",
        ),
        (
            "stepfunctions",
            "StartExecution",
            "sfn:startExecution",
            {"StateMachineArn": "m"},
            "StateMachineDoesNotExist",
            "Sfn.StateMachineDoesNotExistException",
        ),
    ],
)
def test_sdk_error_is_named_as_the_java_sdk_does(
    service: str, operation: str, resource: str, arguments: dict[str, Any], code: str, expected: str
) -> None:
    # The names are those that AWS gives: S3.NoSuchKeyException, S3.NoSuchBucketException, DynamoDb.DynamoDbException,
    # SecretsManager.SecretsManagerException. An error that the API's model does not name is the service's own.
    execution = call(f"aws-sdk:{resource}", arguments, refusing(service, operation, code))

    assert execution.error == expected
    assert "The specified thing is wrong. (Service: " in (execution.cause or "")
    assert "Status Code: 404" in (execution.cause or "")


@pytest.mark.parametrize(
    ("resource", "arguments", "service", "operation", "code", "expected"),
    [
        (
            "dynamodb:getItem",
            {"TableName": "t", "Key": {}},
            "dynamodb",
            "GetItem",
            "ResourceNotFoundException",
            "DynamoDB.ResourceNotFoundException",
        ),
        (
            "dynamodb:getItem",
            {"TableName": "t", "Key": {}},
            "dynamodb",
            "GetItem",
            "ValidationException",
            "DynamoDB.AmazonDynamoDBException",
        ),
        (
            "sqs:sendMessage",
            {"QueueUrl": "u", "MessageBody": "m"},
            "sqs",
            "SendMessage",
            "AccessDenied",
            "SQS.AmazonSQSException",
        ),
        ("sns:publish", {"Message": "m"}, "sns", "Publish", "InvalidParameter", "SNS.InvalidParameterException"),
        (
            "states:startExecution",
            {"StateMachineArn": "m"},
            "stepfunctions",
            "StartExecution",
            "StateMachineDoesNotExist",
            "StepFunctions.StateMachineDoesNotExistException",
        ),
    ],
)
def test_optimized_error_is_named_as_the_older_sdk_does(
    resource: str, arguments: dict[str, Any], service: str, operation: str, code: str, expected: str
) -> None:
    assert call(resource, arguments, refusing(service, operation, code)).error == expected


def test_optimized_integration_adds_the_metadata() -> None:
    answer = {"MessageId": "1", "ResponseMetadata": {"HTTPStatusCode": 200, "RequestId": "r"}}

    execution = call(
        "sqs:sendMessage",
        {"QueueUrl": "u", "MessageBody": {"n": "{% $states.input.k %}"}},
        sdk := answering("sqs", "SendMessage", answer),
    )

    assert sdk.calls[0][2]["MessageBody"] == '{"n":[1]}'
    assert execution.output == {
        "MessageId": "1",
        "SdkHttpMetadata": {"HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": "r"},
    }
    assert event_types(execution)[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]


def test_put_events_fails_when_one_entry_was_refused() -> None:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html
    answer = {"Entries": [{"ErrorCode": "MalformedDetail"}], "FailedEntryCount": 1}

    execution = call("events:putEvents", {"Entries": [{"Detail": {"a": 1}}]}, answering("events", "PutEvents", answer))

    assert execution.error == "EventBridge.FailedEntry"
    assert execution.cause == '{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail"}]}'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Bucket": "b"}, "The field 'Key' is required but was missing"),
        ({"Bucket": "b", "Key": "k", "Colour": "red"}, "The field 'Colour' is not supported by Step Functions"),
        ({"bucket": "b", "Key": "k"}, "The field 'bucket' is not supported by Step Functions"),
        ({"Bucket": "b", "Key": "k", "Metadata": "m"}, "The value of the field 'Metadata' must be an object"),
        ({"Bucket": "b", "Key": "k", "BucketKeyEnabled": "yes"}, "'BucketKeyEnabled' must be a boolean"),
        ({"Bucket": "b", "Key": "k", "Expires": "soon"}, "'Expires' must be a timestamp"),
    ],
)
def test_parameters_are_refused_by_name_before_anything_is_sent(arguments: dict[str, Any], message: str) -> None:
    sdk = FakeSdk()

    execution = call("aws-sdk:s3:putObject", arguments, sdk)

    assert execution.error == "States.Runtime"
    assert message in (execution.cause or "")
    assert sdk.calls == []


@pytest.mark.parametrize(
    ("name", "action", "service", "java_name"),
    [
        ("s3", "listObjectsV2", "s3", "S3"),
        ("dynamodb", "query", "dynamodb", "DynamoDb"),
        ("cloudwatchlogs", "putLogEvents", "logs", "CloudWatchLogs"),
        ("eventbridge", "putEvents", "events", "EventBridge"),
        ("sfn", "startExecution", "stepfunctions", "Sfn"),
        ("rds", "describeDbInstances", "rds", "Rds"),
        ("kinesis", "putRecords", "kinesis", "Kinesis"),
    ],
)
def test_action_is_found_by_the_java_sdks_names(name: str, action: str, service: str, java_name: str) -> None:
    found = find_action(name, action)

    assert (found.service, found.java_name) == (service, java_name)
    assert found.operation.lower() == action.lower()


def test_result_over_the_payload_limit_fails_the_task() -> None:
    body = b"x" * 262_144

    execution = call(
        "aws-sdk:s3:getObject", {"Bucket": "b", "Key": "k"}, answering("s3", "GetObject", {"Body": body}), Output=None
    )

    assert execution.error == "States.DataLimitExceeded"


def test_retry_takes_an_sdk_error_by_its_name() -> None:
    tries: list[int] = []

    def flaky(_request: dict[str, Any]) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise AwsError("SlowDown", "Please reduce your request rate.", 503)
        return {"ETag": '"e"'}

    handler: Callable[[dict[str, Any]], Any] = flaky
    retry = [{"ErrorEquals": ["S3.S3Exception"], "MaxAttempts": 1}]

    execution = call(
        "aws-sdk:s3:putObject", {"Bucket": "b", "Key": "k"}, FakeSdk({("s3", "PutObject"): handler}), Retry=retry
    )

    assert (execution.status, len(tries)) == ("SUCCEEDED", 2)
