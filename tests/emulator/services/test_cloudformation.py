"""Stacks by change sets: each step, and what is refused."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.services.cloudformation import CloudFormationService
from tests.emulator.stack.fake_aws import FakeAws

_URL = "https://artifacts.s3.eu-west-1.amazonaws.com/templates/a.yaml"
_TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters: { Name: { Type: String } }
Resources:
  Queue: { Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Name } }
  Function:
    Type: AWS::Serverless::Function
    Properties:
      { CodeUri: s3://artifacts/code.zip, Handler: a.b, Runtime: python3.13, Role: arn:aws:iam::123456789012:role/r }
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: s3://artifacts/machine.json
      DefinitionSubstitutions: { Target: !Ref Function }
      Role: arn:aws:iam::123456789012:role/r
Outputs: { QueueName: { Value: !GetAtt Queue.QueueName } }
"""
_REQUEST = {
    "StackName": "demo",
    "ChangeSetName": "release",
    "ChangeSetType": "CREATE",
    "TemplateURL": _URL,
    "Parameters": [{"ParameterKey": "Name", "ParameterValue": "rows"}],
    "Tags": [{"Key": "Project", "Value": "p"}],
}


class Cloud:
    """The service with a bucket of objects and a fake of the other services."""

    def __init__(self, work_dir: Path) -> None:
        self.objects = {
            ("artifacts", "templates/a.yaml"): _TEMPLATE.encode(),
            ("artifacts", "code.zip"): b"zip",
            ("artifacts", "machine.json"): json.dumps({"Comment": "${Target}"}).encode(),
        }
        self.aws = FakeAws()
        self.service = CloudFormationService(Identity(), self.aws, self._fetch, work_dir)

    async def _fetch(self, bucket: str, key: str) -> bytes:
        if (bucket, key) not in self.objects:
            raise AwsError("NoSuchKey", f"{key} does not exist", 404)
        return self.objects[bucket, key]

    async def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """The answer, once all that it began has ended."""
        answer = await self.service.call(operation, request)
        await self.service.settle()
        return answer

    async def make_change_set(self, **changes: Any) -> dict[str, Any]:
        """The change set as it is described."""
        arn = (await self.call("CreateChangeSet", **{**_REQUEST, **changes}))["Id"]
        return await self.call("DescribeChangeSet", ChangeSetName=arn)

    async def release(self) -> None:
        """The stack, created."""
        await self.make_change_set()
        await self.call("ExecuteChangeSet", ChangeSetName="release", StackName="demo", ClientRequestToken="token")

    async def describe(self) -> dict[str, Any]:
        """The stack as it is described."""
        stack: dict[str, Any] = (await self.call("DescribeStacks", StackName="demo"))["Stacks"][0]
        return stack


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Cloud], Coroutine[Any, Any, None]]], None]:
    """Carries out a test's steps in a cloud of its own."""
    return lambda steps: asyncio.run(steps(Cloud(tmp_path)))


Run = Callable[[Callable[[Cloud], Coroutine[Any, Any, None]]], None]


def test_stack_is_made_of_the_packaged_template_when_its_change_set_is_executed(run: Run) -> None:
    async def steps(cloud: Cloud) -> None:
        change_set = await cloud.make_change_set()

        assert (change_set["Status"], change_set["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
        assert {item["ResourceChange"]["LogicalResourceId"] for item in change_set["Changes"]} >= {"Queue", "Function"}
        assert (await cloud.describe())["StackStatus"] == "REVIEW_IN_PROGRESS"
        assert cloud.aws.operations() == []

        await cloud.call("ExecuteChangeSet", ChangeSetName=change_set["ChangeSetId"])

        stack = await cloud.describe()
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        assert stack["LastUpdatedTime"] >= stack["CreationTime"]
        assert stack["Tags"] == _REQUEST["Tags"]
        assert [output["OutputKey"] for output in stack["Outputs"]] == ["QueueName"]
        assert cloud.aws.parameters("CreateFunction")["Code"] == {"ZipFile": b"zip"}
        assert "demo-Function-" in cloud.aws.parameters("CreateStateMachine")["definition"]

    run(steps)


def test_events_come_with_the_newest_first_and_with_their_token(run: Run) -> None:
    async def steps(cloud: Cloud) -> None:
        await cloud.release()

        events = (await cloud.call("DescribeStackEvents", StackName="demo"))["StackEvents"]
        assert events[0]["ResourceStatus"] == "CREATE_COMPLETE"
        assert {event["ResourceStatus"] for event in events if event.get("ClientRequestToken") == "token"} == {
            "CREATE_IN_PROGRESS",
            "CREATE_COMPLETE",
        }
        assert events[-1]["ResourceStatus"] == "REVIEW_IN_PROGRESS"

    run(steps)


def test_stack_is_rolled_back_and_names_the_resource_when_a_service_refuses_it(run: Run) -> None:
    async def steps(cloud: Cloud) -> None:
        cloud.aws.refused["CreateQueue"] = AwsError("QueueDeletedRecently", "wait 60 seconds")

        await cloud.release()

        assert (await cloud.describe())["StackStatus"] == "ROLLBACK_COMPLETE"
        events = (await cloud.call("DescribeStackEvents", StackName="demo"))["StackEvents"]
        (failed,) = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
        assert (failed["LogicalResourceId"], failed["ResourceType"]) == ("Queue", "AWS::SQS::Queue")
        assert "wait 60 seconds" in failed["ResourceStatusReason"]
        change_set = await cloud.call("DescribeChangeSet", ChangeSetName="release", StackName="demo")
        assert change_set["ExecutionStatus"] == "EXECUTE_FAILED"
        with pytest.raises(AwsError, match="already exists and cannot be created again"):
            await cloud.call("CreateChangeSet", **{**_REQUEST, "ChangeSetName": "second"})

    run(steps)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Parameters": []}, "parameter Name has no value"),
        ({"TemplateURL": _URL + "x"}, "S3 error: templates/a.yamlx does not exist"),
        ({"TemplateURL": "https://example.com/"}, "names no object in S3"),
    ],
)
def test_change_set_fails_with_its_reason_when_no_stack_can_be_made_of_it(
    run: Run, changes: dict[str, Any], reason: str
) -> None:
    async def steps(cloud: Cloud) -> None:
        change_set = await cloud.make_change_set(**changes)

        assert (change_set["Status"], change_set["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
        assert reason in change_set["StatusReason"]
        with pytest.raises(AwsError, match="InvalidChangeSetStatus"):
            await cloud.call("ExecuteChangeSet", ChangeSetName=change_set["ChangeSetId"])

    run(steps)


def test_change_set_asks_for_the_capability_when_the_template_has_roles(run: Run) -> None:
    async def steps(cloud: Cloud) -> None:
        body = '{"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {}}}}'
        request = {**_REQUEST, "TemplateBody": body, "Parameters": []}
        del request["TemplateURL"]

        await cloud.call("CreateChangeSet", **request)
        refused = await cloud.call("DescribeChangeSet", ChangeSetName="release", StackName="demo")
        await cloud.call("DeleteChangeSet", ChangeSetName="release", StackName="demo")
        await cloud.call("CreateChangeSet", **request, Capabilities=["CAPABILITY_IAM"])
        taken = await cloud.call("DescribeChangeSet", ChangeSetName="release", StackName="demo")

        assert refused["StatusReason"] == "Requires capabilities : [CAPABILITY_IAM]"
        assert taken["Status"] == "CREATE_COMPLETE"

    run(steps)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [(_REQUEST["Tags"], "The submitted information didn't contain changes"), ([], "not implemented by this emulator")],
)
def test_update_fails_in_its_change_set_when_it_changes_nothing_or_something(
    run: Run, tags: list[dict[str, str]], reason: str
) -> None:
    async def steps(cloud: Cloud) -> None:
        await cloud.release()

        change_set = await cloud.make_change_set(ChangeSetType="UPDATE", ChangeSetName="second", Tags=tags)

        assert change_set["Status"] == "FAILED"
        assert change_set["StatusReason"].startswith(reason)
        assert (await cloud.describe())["StackStatus"] == "CREATE_COMPLETE"

    run(steps)


def test_stack_is_described_by_its_id_alone_when_it_was_deleted(run: Run) -> None:
    async def steps(cloud: Cloud) -> None:
        await cloud.release()
        arn = (await cloud.describe())["StackId"]

        await cloud.call("DeleteStack", StackName="demo")
        await cloud.call("DeleteStack", StackName="demo")

        assert "DeleteQueue" in cloud.aws.operations()
        assert (await cloud.call("DescribeStacks", StackName=arn))["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
        assert await cloud.call("DescribeStacks") == {"Stacks": []}
        with pytest.raises(AwsError, match="ValidationError: Stack with id demo does not exist"):
            await cloud.describe()
        await cloud.release()
        assert (await cloud.describe())["StackStatus"] == "CREATE_COMPLETE"

    run(steps)


@pytest.mark.parametrize(
    ("operation", "request_", "error"),
    [
        ("CreateStack", {"StackName": "demo"}, "not implemented by this emulator: CreateStack"),
        ("CreateChangeSet", {**_REQUEST, "ImportExistingResources": True}, "emulator: ImportExistingResources"),
        ("CreateChangeSet", {**_REQUEST, "ChangeSetType": "IMPORT"}, "emulator: ChangeSetType IMPORT"),
        ("CreateChangeSet", {**_REQUEST, "ChangeSetType": "UPDATE"}, r"Stack \[demo\] does not exist"),
        (
            "CreateChangeSet",
            {**_REQUEST, "Parameters": [{"ParameterKey": "Name", "UsePreviousValue": True}]},
            "emulator: UsePreviousValue",
        ),
        ("DescribeChangeSet", {"ChangeSetName": "arn:none"}, "ChangeSetNotFound"),
        ("DescribeStackEvents", {"StackName": "demo"}, "Stack with id demo does not exist"),
    ],
)
def test_request_is_refused_by_name_when_it_cannot_be_carried_out(
    run: Run, operation: str, request_: dict[str, Any], error: str
) -> None:
    async def steps(cloud: Cloud) -> None:
        with pytest.raises(AwsError, match=error):
            await cloud.call(operation, **request_)

    run(steps)


def test_change_set_is_refused_when_its_name_is_taken(run: Run) -> None:
    async def steps(cloud: Cloud) -> None:
        await cloud.make_change_set()

        with pytest.raises(AwsError, match="AlreadyExistsException"):
            await cloud.make_change_set()

    run(steps)
