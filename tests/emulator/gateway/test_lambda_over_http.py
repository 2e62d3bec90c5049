"""boto3's Lambda client against the gateway."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from emulator.errors import AwsError
from tests.emulator.gateway.conftest import MakeClient
from tests.emulator.gateway.fakes import FakeService

UUID = "5e9a3a0e-31d5-4c36-b4d5-2d0f5a0a2f11"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:sync-users"


def test_invoke_gives_payload_and_headers_when_the_function_answers(client: MakeClient, functions: FakeService) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    # GIVEN a function that failed
    functions.answers["Invoke"] = {
        "StatusCode": 200,
        "FunctionError": "Unhandled",
        "LogResult": "bG9n",
        "ExecutedVersion": "7",
        "Payload": b'{"errorType":"KeyError"}',
    }
    # WHEN it is invoked by ARN and version
    answer = client("lambda").invoke(FunctionName=ARN, Qualifier="7", LogType="Tail", Payload=b'{"a":1}')
    # THEN the request arrives whole
    assert functions.requests == [
        ("Invoke", {"FunctionName": ARN, "Qualifier": "7", "LogType": "Tail", "Payload": b'{"a":1}'})
    ]
    # AND so does the answer
    assert answer["Payload"].read() == b'{"errorType":"KeyError"}'
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-function-error"] == answer["FunctionError"] == "Unhandled"
    assert headers["x-amz-log-result"] == answer["LogResult"] == "bG9n"
    assert headers["x-amz-executed-version"] == answer["ExecutedVersion"] == "7"
    assert answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(("kind", "status"), [("Event", 202), ("DryRun", 204)])
def test_invoke_answers_the_types_status_when_nothing_is_waited_for(
    client: MakeClient, functions: FakeService, kind: str, status: int
) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (StatusCode)"""
    functions.answers["Invoke"] = {"StatusCode": status}
    answer = client("lambda").invoke(FunctionName="f", InvocationType=kind)
    assert functions.requests[0][1]["InvocationType"] == kind
    assert answer["StatusCode"] == answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert answer["Payload"].read() == b""


def test_create_function_gets_the_zips_bytes_when_they_travel_as_base64(
    client: MakeClient, functions: FakeService
) -> None:
    functions.answers["CreateFunction"] = {"FunctionName": "f", "FunctionArn": ARN, "Timeout": 30}
    answer = client("lambda").create_function(
        FunctionName="f", Role="arn:aws:iam::123456789012:role/r", Code={"ZipFile": b"\x00zip\xff"}, Timeout=30
    )
    assert functions.requests[0][1]["Code"] == {"ZipFile": b"\x00zip\xff"}
    assert answer["Timeout"] == 30
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201


def test_event_source_mappings_go_to_their_own_service_when_one_is_registered(
    client: MakeClient, functions: FakeService, mappings: FakeService
) -> None:
    modified = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    mappings.answers["UpdateEventSourceMapping"] = {"UUID": UUID, "LastModified": modified, "BatchSize": 7}
    answer = client("lambda").update_event_source_mapping(UUID=UUID, BatchSize=7)
    assert mappings.requests == [("UpdateEventSourceMapping", {"UUID": UUID, "BatchSize": 7})]
    assert functions.requests == []
    assert answer["LastModified"] == modified


def test_error_has_code_status_and_message_when_the_service_raises(client: MakeClient, functions: FakeService) -> None:
    functions.answers["GetFunction"] = AwsError("ResourceNotFoundException", "Function not found: f", 404)
    with pytest.raises(ClientError) as caught:
        client("lambda").get_function(FunctionName="f")
    error = caught.value.response
    assert error["Error"]["Code"] == "ResourceNotFoundException"
    assert error["Error"]["Message"] == "Function not found: f"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_throttle_raises_its_own_exception_class_when_boto3_knows_it(
    client: MakeClient, functions: FakeService
) -> None:
    functions.answers["Invoke"] = AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
    aws = client("lambda")
    with pytest.raises(aws.exceptions.TooManyRequestsException, match="Rate Exceeded"):
        aws.invoke(FunctionName="f")


def test_operation_is_refused_by_name_when_the_service_lacks_it(client: MakeClient) -> None:
    with pytest.raises(ClientError, match="ListLayers is not emulated"):
        client("lambda").list_layers()


def test_fault_of_the_emulator_is_a_500_when_a_service_breaks(client: MakeClient, functions: FakeService) -> None:
    functions.answers["ListFunctions"] = RuntimeError("broken")
    with pytest.raises(ClientError, match="RuntimeError: broken") as caught:
        client("lambda").list_functions()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
