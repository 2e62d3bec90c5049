"""A stack is created through the services' API, in order, and is removed again as a whole."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.stack import CreateError, DeleteError, ParameterError, Stack
from tests.emulator.stack.fake_aws import FakeAws
from tests.emulator.stack.loader import Loader

_STORAGE = """
Resources:
  Policy: { Type: AWS::SQS::QueuePolicy, Properties: { Queues: [!Ref Queue], PolicyDocument: { Version: "1" } } }
  Bucket: { Type: AWS::S3::Bucket, DeletionPolicy: Retain }
  Queue: { Type: AWS::SQS::Queue, DependsOn: Bucket, Properties: { MessageRetentionPeriod: 60 } }
  Role: { Type: AWS::IAM::Role, Properties: { Policies: [{ PolicyName: send, PolicyDocument: !GetAtt Queue.Arn }] } }
  Schedule: { Type: AWS::Scheduler::Schedule, Properties: { Target: !GetAtt Queue.Arn } }
  Alarm: { Type: AWS::CloudWatch::Alarm }
Outputs:
  BucketName: { Value: !Ref Bucket, Export: { Name: !Sub "${AWS::StackName}-bucket" } }
  QueueArn: { Value: !GetAtt Queue.Arn }
  RoleArn: { Value: !GetAtt Role.Arn }
"""


def test_create_calls_the_services_in_order_when_resources_need_each_other(load: Loader) -> None:
    aws = FakeAws()

    asyncio.run(load(_STORAGE).create(aws))

    assert aws.operations() == [
        "CreateBucket", "CreateQueue", "SetQueueAttributes", "CreateRole", "PutRolePolicy",
    ]  # fmt: skip


def test_create_gives_resources_and_outputs_when_all_are_made(load: Loader) -> None:
    stack = asyncio.run(load(_STORAGE).create(FakeAws()))

    bucket = stack.resources["Bucket"]
    assert re.fullmatch(r"demo-bucket-[a-z0-9]{12}", bucket.physical_id)
    assert bucket.type == "AWS::S3::Bucket"
    assert stack.outputs["BucketName"] == bucket.physical_id
    assert stack.exports == {"demo-bucket": bucket.physical_id}
    assert re.fullmatch(r"arn:aws:sqs:us-east-1:123456789012:demo-Queue-[A-Z0-9]{12}", stack.outputs["QueueArn"])
    assert stack.outputs["RoleArn"].startswith("arn:aws:iam::123456789012:role/demo-Role-")
    assert [item.logical_id for item in stack.not_emulated] == ["Schedule", "Alarm"]


def test_create_records_resolved_properties_when_the_resource_is_a_schedule(load: Loader) -> None:
    stack = asyncio.run(load(_STORAGE).create(FakeAws()))

    assert stack.recorded == {"Schedule": {"Target": stack.outputs["QueueArn"]}}


def test_create_makes_different_names_when_two_stacks_have_one_template(load: Loader) -> None:
    plan = load(_STORAGE)

    first, second = (asyncio.run(plan.create(FakeAws())) for _ in range(2))

    assert first.outputs["BucketName"] != second.outputs["BucketName"]


def test_create_removes_what_was_made_when_a_service_refuses(load: Loader) -> None:
    aws = FakeAws(refused={"CreateQueue": AwsError("QueueNameExists", "taken")})

    with pytest.raises(CreateError, match=r"stack demo: Queue \(AWS::SQS::Queue\): QueueNameExists: taken"):
        asyncio.run(load(_STORAGE).create(aws))

    assert aws.operations()[-1] == "DeleteBucket"
    assert aws.parameters("DeleteBucket") == {"Bucket": aws.parameters("CreateBucket")["Bucket"]}


def test_create_says_what_is_left_when_removing_fails_too(load: Loader) -> None:
    refused = {"CreateQueue": AwsError("QueueNameExists", "taken"), "DeleteBucket": AwsError("BucketNotEmpty", "full")}

    with pytest.raises(CreateError, match=r"taken; removing what was made failed too: Bucket .*BucketNotEmpty"):
        asyncio.run(load(_STORAGE).create(FakeAws(refused=refused)))


def test_create_calls_nothing_when_a_layer_cannot_be_built(load: Loader, tmp_path: Path) -> None:
    _write_layer(tmp_path, "build-Shared:\n\techo no luck >&2; exit 3\n")
    aws = FakeAws()

    with pytest.raises(Exception, match=r"Shared: `make build-Shared` in .* failed: .*no luck"):
        asyncio.run(load(_LAYERED).create(aws))

    assert aws.calls == []


def test_delete_goes_backwards_and_keeps_what_is_to_be_retained_when_asked_plainly(load: Loader) -> None:
    aws = FakeAws()

    async def create_and_delete() -> tuple[Stack, list[str]]:
        stack = await load(_STORAGE).create(aws)
        aws.calls.clear()
        return stack, await stack.delete()

    stack, retained = asyncio.run(create_and_delete())

    assert retained == ["Bucket"]
    role = ["ListRolePolicies", "ListAttachedRolePolicies", "DeleteRole"]
    assert aws.operations() == [*role, "SetQueueAttributes", "DeleteQueue"]
    assert list(stack.resources) == ["Bucket"]


def test_delete_leaves_nothing_when_purging(load: Loader) -> None:
    aws = FakeAws()

    async def create_and_purge() -> Stack:
        stack = await load(_STORAGE).create(aws)
        aws.calls.clear()
        await stack.delete(purge=True)
        return stack

    stack = asyncio.run(create_and_purge())

    assert aws.operations()[3:] == ["SetQueueAttributes", "DeleteQueue", "ListObjectVersions", "DeleteBucket"]
    assert stack.resources == {}


def test_delete_removes_the_rest_and_can_be_repeated_when_one_resource_refuses(load: Loader) -> None:
    aws = FakeAws()

    async def fail_then_repeat() -> Stack:
        stack = await load(_STORAGE).create(aws)
        aws.refused["DeleteQueue"] = AwsError("Busy", "later")
        with pytest.raises(DeleteError, match=r"Queue \(AWS::SQS::Queue\): Busy: later"):
            await stack.delete(purge=True)
        assert list(stack.resources) == ["Queue"]
        aws.refused.clear()
        await stack.delete(purge=True)
        return stack

    assert asyncio.run(fail_then_repeat()).resources == {}


_LAYERED = """
Transform: AWS::Serverless-2016-10-31
Parameters: { Memory: { Type: Number, Default: 256 } }
Globals: { Function: { Runtime: python3.11, Handler: app.handle } }
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Metadata: { BuildMethod: makefile }
    Properties: { ContentUri: layer, RetentionPolicy: Delete }
  Job:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: job
      Role: arn:aws:iam::123456789012:role/job
      Layers: [!Ref Shared]
      MemorySize: !Ref Memory
      ReservedConcurrentExecutions: 3
      Environment: { Variables: { SIZE: !Ref Memory, PLAIN: 1 } }
      VpcConfig: { SubnetIds: [subnet-1] }
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: EXPRESS
      Role: arn:aws:iam::123456789012:role/machine
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: { JobArn: !GetAtt Job.Arn, Limit: !Ref Memory }
"""


def _write_layer(folder: Path, makefile: str) -> None:
    (folder / "layer").mkdir()
    (folder / "layer" / "Makefile").write_text(makefile)
    (folder / "layer" / "shared.py").write_text("SHARED = 1\n")
    (folder / "job").mkdir()
    (folder / "job" / "app.py").write_text("def handle(event, context): ...\n")
    (folder / "machine.asl.json").write_text('{"Target": "${JobArn}", "Limit": "{% ${Limit} %}"}')


def test_create_gives_lambda_code_layers_and_numbers_when_the_template_is_sam(load: Loader, tmp_path: Path) -> None:
    _write_layer(
        tmp_path, "build-Shared:\n\tmkdir -p $(ARTIFACTS_DIR)/python && cp shared.py $(ARTIFACTS_DIR)/python\n"
    )
    aws = FakeAws()

    stack = asyncio.run(load(_LAYERED, Memory="512").create(aws))

    layer_arn = next(item.physical_id for item in stack.resources.values() if item.type == "AWS::Lambda::LayerVersion")
    made = aws.parameters("CreateFunction")
    assert made["MemorySize"] == 512
    assert made["Layers"] == [layer_arn]
    assert made["Environment"] == {"Variables": {"SIZE": "512", "PLAIN": "1"}}
    assert made["Code"]["ZipFile"].startswith(b"PK")
    assert "VpcConfig" not in made
    assert aws.parameters("PutFunctionConcurrency")["ReservedConcurrentExecutions"] == 3
    assert aws.parameters("PublishLayerVersion")["Content"]["ZipFile"].startswith(b"PK")
    assert [(item.logical_id, item.property) for item in stack.not_emulated] == [("Job", "VpcConfig")]


def test_create_substitutes_the_definition_when_the_machine_is_in_a_file(load: Loader, tmp_path: Path) -> None:
    _write_layer(
        tmp_path, "build-Shared:\n\tmkdir -p $(ARTIFACTS_DIR)/python && cp shared.py $(ARTIFACTS_DIR)/python\n"
    )
    aws = FakeAws()

    stack = asyncio.run(load(_LAYERED).create(aws))

    made = aws.parameters("CreateStateMachine")
    arn = stack.resources["Job"].attributes["Arn"]
    assert made["definition"] == f'{{"Target": "{arn}", "Limit": "{{% 256 %}}"}}'
    assert made["type"] == "EXPRESS"
    assert made["roleArn"] == "arn:aws:iam::123456789012:role/machine"


def test_create_names_the_substitution_when_the_definition_uses_an_unknown_one(load: Loader, tmp_path: Path) -> None:
    _write_layer(
        tmp_path, "build-Shared:\n\tmkdir -p $(ARTIFACTS_DIR)/python && cp shared.py $(ARTIFACTS_DIR)/python\n"
    )
    (tmp_path / "machine.asl.json").write_text('{"Target": "${Nowhere}"}')

    with pytest.raises(CreateError, match=r"Machine: the definition uses \$\{Nowhere\}"):
        asyncio.run(load(_LAYERED).create(FakeAws()))


def test_load_stack_names_the_parameter_when_its_value_is_wrong_before_code_is_looked_for(load: Loader) -> None:
    # The folders of the template do not exist here: the parameter is what is said first.
    with pytest.raises(ParameterError, match="parameter Memory: value 'much' is no number"):
        load(_LAYERED, Memory="much")


@pytest.mark.parametrize("location", ["s3://bucket/key", "gone"])
def test_load_stack_names_the_function_when_its_code_is_not_here(load: Loader, location: str) -> None:
    template: dict[str, Any] = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Job": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"CodeUri": location, "Handler": "a.b", "Runtime": "python3.13"},
            }
        },
    }

    with pytest.raises(Exception, match=rf"Job: CodeUri .*{location}"):
        load(template)


_RELEASED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Job:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "def handle(event, context): ..."
      Handler: index.handle
      Runtime: python3.13
      AutoPublishAlias: live
      DeploymentPreference: { Type: Canary10Percent5Minutes }
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: EXPRESS
      Role: arn:aws:iam::123456789012:role/machine
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: { JobArn: !Ref Job.Alias }
      AutoPublishAlias: live
"""


def test_create_publishes_versions_and_aliases_when_sam_is_to_release_safely(load: Loader, tmp_path: Path) -> None:
    (tmp_path / "machine.asl.json").write_text('{"Target": "${JobArn}"}')
    aws = FakeAws()

    stack = asyncio.run(load(_RELEASED).create(aws))

    # THEN the machine calls the function's alias
    aliases = {name: item.physical_id for name, item in stack.resources.items() if item.type.endswith("Alias")}
    assert aliases["JobAliaslive"].endswith(":live")
    assert aliases["JobAliaslive"] in aws.parameters("CreateStateMachine")["definition"]
    # AND the machine's own alias sends everything to its first version
    assert aws.parameters("PublishStateMachineVersion")["revisionId"] == "INITIAL"
    assert aws.parameters("CreateStateMachineAlias")["routingConfiguration"] == [
        {"stateMachineVersionArn": f"{stack.resources['Machine'].physical_id}:1", "weight": 100}
    ]
    # AND what CodeDeploy would do is named
    listed = {(item.resource_type, item.property) for item in stack.not_emulated}
    assert {("AWS::CodeDeploy::DeploymentGroup", None), ("AWS::Lambda::Alias", "UpdatePolicy")} <= listed
