"""boto3's CloudFormation client against the gateway: the protocol query."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from emulator.errors import AwsError
from tests.emulator.gateway.conftest import MakeClient
from tests.emulator.gateway.fakes import FakeService

NOW = datetime(2026, 11, 22, 8, 0, 0, 250000, tzinfo=UTC)
PARAMETERS = [{"ParameterKey": "A", "ParameterValue": "1 & <2>"}, {"ParameterKey": "B", "ParameterValue": ""}]


def test_lists_and_texts_arrive_and_return_when_they_hold_what_forms_and_xml_escape(
    client: MakeClient, stacks: FakeService
) -> None:
    stack = {"StackName": "s", "CreationTime": NOW, "StackStatus": "CREATE_COMPLETE", "Parameters": PARAMETERS}
    stacks.answers |= {"CreateChangeSet": {"Id": "arn"}, "DescribeStacks": {"Stacks": [stack]}}
    request = {"StackName": "s", "ChangeSetName": "c", "Parameters": PARAMETERS, "Capabilities": []}

    aws = client("cloudformation")

    assert aws.create_change_set(**request)["Id"] == "arn"
    assert aws.describe_stacks(StackName="s")["Stacks"] == [stack]
    assert stacks.requests == [("CreateChangeSet", request), ("DescribeStacks", {"StackName": "s"})]


def test_operation_without_output_is_answered(client: MakeClient, stacks: FakeService) -> None:
    stacks.answers["DeleteStack"] = {}

    assert client("cloudformation").delete_stack(StackName="s")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_error_keeps_its_code_and_its_class(client: MakeClient, stacks: FakeService) -> None:
    stacks.answers["ExecuteChangeSet"] = AwsError("ChangeSetNotFound", "ChangeSet [c] does not exist", 404)
    aws = client("cloudformation")

    with pytest.raises(aws.exceptions.ChangeSetNotFoundException, match="does not exist") as caught:
        aws.execute_change_set(ChangeSetName="c", StackName="s")
    assert caught.value.response["Error"]["Type"] == "Sender"


def test_required_member_is_asked_for_when_a_client_does_not_check(client: MakeClient) -> None:
    with pytest.raises(ClientError, match="ChangeSetName is required"):
        client("cloudformation", parameter_validation=False).create_change_set(StackName="s")
