"""The project's own template: every resource of it is made here or is listed by name."""

import asyncio
import json
from pathlib import Path

import pytest

from emulator.stack import Stack
from emulator.stack.artifacts import Artifact
from emulator.stack.layer_build import build_environment, layer_cache_path
from tests.emulator.stack.fake_aws import FakeAws
from tests.template.project_template import EXISTING_PROXY, LOCAL, ROOT, plan_project

_FUNCTIONS = ("CloseRun", "ListUsers", "SyncUsers", "WriteRows")
# What a developer's machine makes of template.yaml. The id of a layer or a version ends in a digest of its contents.
_MADE = {
    "BatchLayer": "AWS::Lambda::LayerVersion",
    **{f"{name}FunctionAliaslive": "AWS::Lambda::Alias" for name in _FUNCTIONS},
    **{f"{name}FunctionVersion": "AWS::Lambda::Version" for name in _FUNCTIONS},
    "CloseRunFunction": "AWS::Lambda::Function",
    "CloseRunLogGroup": "AWS::Logs::LogGroup",
    "FailedRecordsQueue": "AWS::SQS::Queue",
    "FailedRecordsQueuePolicy": "AWS::SQS::QueuePolicy",
    "JobLayer": "AWS::Lambda::LayerVersion",
    "ListUsersFunction": "AWS::Lambda::Function",
    "ListUsersLogGroup": "AWS::Logs::LogGroup",
    "FunctionTracingPolicy": "AWS::IAM::ManagedPolicy",
    **{f"{name}Role": "AWS::IAM::Role" for name in (*_FUNCTIONS, "Release", "Schedule", "SmokeRun", "UserBatch")},
    "RowStream": "AWS::Kinesis::Stream",
    "RowStreamMapping": "AWS::Lambda::EventSourceMapping",
    "RunBucket": "AWS::S3::Bucket",
    "ScheduleDeadLetterQueue": "AWS::SQS::Queue",
    "ScheduleDeadLetterQueuePolicy": "AWS::SQS::QueuePolicy",
    "SmokeRun": "AWS::StepFunctions::StateMachine",
    "SyncUsersFunction": "AWS::Lambda::Function",
    "SyncUsersLogGroup": "AWS::Logs::LogGroup",
    "UserBatch": "AWS::StepFunctions::StateMachine",
    "UserBatchAliaslive": "AWS::StepFunctions::StateMachineAlias",
    "UserBatchVersion": "AWS::StepFunctions::StateMachineVersion",
    "UserBatchLogGroup": "AWS::Logs::LogGroup",
    "WriteRowsFunction": "AWS::Lambda::Function",
    "WriteRowsLogGroup": "AWS::Logs::LogGroup",
}
_QUERIES = ("Runs", "FailuresByReason", "SlowestSlices", "OneRun", "OneChunk", "WriterLag", "RejectedRecords")
_ALARMS = (
    "GroupInTrouble", "RunsFailed", "RunMissing", "RunsSlow", "UsersFailed", "UsersMissing", "WriterBehind",
    "FailedRecords", "LostStarts", "PartnerThrottling", "CircuitOpen", "SyncUsersErrors", "SyncUsersThrottles",
    "WriteRowsErrors",
)  # fmt: skip
_LISTED = {
    *((f"{name}Alarm", None) for name in _ALARMS),
    *((f"{name}Query", None) for name in _QUERIES),
    ("TraceGroup", None),
    ("RunBucketPolicy", None),
    ("Schedule", None),
    # CodeDeploy, which nothing is shifted by here: an alias takes its new version at once.
    ("ServerlessDeploymentApplication", None),
    *((f"{name}FunctionAliaslive", "UpdatePolicy") for name in _FUNCTIONS),
    *((f"{name}FunctionDeploymentGroup", None) for name in _FUNCTIONS),
    ("UserBatchSamplingRule", None),
}
# What more there is of a stack in a VPC, and to say of it.
_MADE_IN_VPC = {"DatabaseConnectPolicy": "AWS::IAM::ManagedPolicy", "FunctionNetworkPolicy": "AWS::IAM::ManagedPolicy"}
_LISTED_IN_VPC = {
    ("CloseRunFunction", "VpcConfig"),
    ("DatabaseFromStack", None),
    ("FunctionSecurityGroup", None),
    ("FunctionsToDatabase", None),
    ("ListUsersFunction", "VpcConfig"),
    ("WriteRowsFunction", "VpcConfig"),
}


def _source_id(logical_id: str) -> str:
    versions = (f"{name}FunctionVersion" for name in _FUNCTIONS)
    for made in ("BatchLayer", "JobLayer", *versions):
        if logical_id.startswith(made):
            return made
    return logical_id


@pytest.mark.parametrize(
    ("parameters", "expected", "listed"),
    [(LOCAL, _MADE, _LISTED), (EXISTING_PROXY, _MADE | _MADE_IN_VPC, _LISTED | _LISTED_IN_VPC)],
)
def test_template_is_made_or_listed_entirely_when_it_is_planned(
    tmp_path: Path, parameters: dict[str, str], expected: dict[str, str], listed: set[tuple[str, str | None]]
) -> None:
    plan = plan_project(parameters, tmp_path)

    made = {_source_id(name): item.resource_type for name, item in plan.resources.items() if item.is_provided}
    assert made == expected
    assert {(item.logical_id, item.property) for item in plan.not_emulated} == listed
    whole = {item.logical_id for item in plan.not_emulated if item.property is None}
    assert set(plan.resources) == whole | {name for name in plan.resources if _source_id(name) in expected}


def test_template_adds_what_applies_the_schema_when_a_user_for_it_is_named(tmp_path: Path) -> None:
    without = plan_project(LOCAL, tmp_path)
    plan = plan_project({**LOCAL, "MigrationUser": "express_batch"}, tmp_path)

    made = {name: item.resource_type for name, item in plan.resources.items() if item.is_provided}
    more = {name: kind for name, kind in made.items() if _source_id(name) not in _MADE}
    listed = {item.logical_id: item.meaning for item in plan.not_emulated if item not in without.not_emulated}
    layers = sorted(kind for name, kind in more.items() if name.startswith(("MigrateLayer", "MigrationsLayer")))
    assert layers == ["AWS::Lambda::LayerVersion"] * 2
    # No version and no alias: CloudFormation calls what the deployment brings.
    assert {name for name, kind in more.items() if kind != "AWS::Lambda::LayerVersion"} == {
        "MigrateSchemaFunction",
        "MigrateSchemaFunctionEventInvokeConfig",
        "MigrateSchemaLogGroup",
        "MigrateSchemaRole",
    }
    assert set(listed) == {"SchemaSteps"}
    assert "custom resource" in listed["SchemaSteps"]


@pytest.fixture
def stack(tmp_path: Path) -> tuple[Stack, FakeAws]:
    """The project's stack with layers that are taken from the cache, so that nothing is downloaded."""
    for logical_id, folder in {"BatchLayer": "batch", "JobLayer": "job"}.items():
        artifact = Artifact(logical_id, "layer", ROOT / "layers" / folder, "makefile")
        layer_cache_path(artifact, tmp_path, build_environment()).write_bytes(b"PK layer")
    aws = FakeAws()
    return asyncio.run(plan_project(LOCAL, tmp_path).create(aws)), aws


def test_template_gives_functions_the_agreed_environment_when_it_is_made(stack: tuple[Stack, FakeAws]) -> None:
    _, aws = stack
    database = {"DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_AUTH", "DATABASE_TLS"}
    database |= {"DATABASE_PASSWORD", "SCHEMA_STEPS"}
    everywhere = {"TENANT_GROUP", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL", "RUN_BUCKET"}
    everywhere |= {"METRICS", "USER_IDS_IN_LOGS"}

    variables = {
        parameters["FunctionName"].removeprefix("express-batch-demo-"): set(parameters["Environment"]["Variables"])
        for _, operation, parameters in aws.calls
        if operation == "CreateFunction"
    }

    partner = {"ROW_STREAM", "CALLS_IN_FLIGHT", "PARTNER_API_URL", "PARTNER_API_TIMEOUT_SECONDS"}
    assert variables == {
        "ListUsers": everywhere | database | {"CHUNK_SIZE", "RUN_OVERLAP", "MAX_UNWRITTEN_USERS"},
        "SyncUsers": everywhere | partner | {"TRACED_CALLS_PER_INVOCATION"},
        "WriteRows": everywhere | database,
        "CloseRun": everywhere | database | {"CLOSE_RUN_WAIT_SECONDS", "RUN_RETENTION_DAYS", "LEDGER_RETENTION_DAYS"},
    }


def test_template_fills_the_definition_when_the_machine_is_made(stack: tuple[Stack, FakeAws]) -> None:
    made, aws = stack

    machines = {
        parameters["name"]: parameters for _, operation, parameters in aws.calls if operation == "CreateStateMachine"
    }
    machine = machines["express-batch-demo-UserBatch"]
    smoke_run = machines["express-batch-demo-SmokeRun"]

    assert "${" not in machine["definition"] + smoke_run["definition"]
    assert f'"{made.resources["SyncUsersFunctionAliaslive"].physical_id}"' in machine["definition"]
    assert f'"{made.resources["UserBatchAliaslive"].physical_id}"' in smoke_run["definition"]
    assert machine["type"] == "EXPRESS"
    assert machine["tracingConfiguration"] == {"enabled": True}


def test_template_gives_the_mapping_its_failure_properties_when_it_is_made(stack: tuple[Stack, FakeAws]) -> None:
    made, aws = stack

    mapping = aws.parameters("CreateEventSourceMapping")

    assert mapping == {
        "FunctionName": made.resources["WriteRowsFunctionAliaslive"].physical_id,
        "EventSourceArn": made.resources["RowStream"].attributes["Arn"],
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 2,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 20,
        "MaximumRecordAgeInSeconds": 3600,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": made.resources["FailedRecordsQueue"].attributes["Arn"]}},
    }


def test_template_gives_the_functions_both_layers_when_it_is_made(stack: tuple[Stack, FakeAws]) -> None:
    _, aws = stack
    published = [parameters for _, operation, parameters in aws.calls if operation == "PublishLayerVersion"]

    assert sorted(parameters["LayerName"] for parameters in published) == [
        "express-batch-demo-batch",
        "express-batch-demo-job",
    ]
    functions = [parameters for _, operation, parameters in aws.calls if operation == "CreateFunction"]
    assert {len(parameters["Layers"]) for parameters in functions} == {2}


def test_template_gives_roles_policies_with_real_arns_when_it_is_made(stack: tuple[Stack, FakeAws]) -> None:
    made, aws = stack

    policy = json.loads(aws.parameters("PutRolePolicy", PolicyName="sync-users")["PolicyDocument"])
    statements = policy["Statement"]

    resources = [statement["Resource"] for statement in statements]
    bucket = f"arn:aws:s3:::{made.outputs['RunBucketName']}"
    keys = ("runs/*/chunks/*", "control/stop.json", "control/circuit.json")
    assert [f"{bucket}/{key}" for key in keys] in resources
    assert made.resources["RowStream"].attributes["Arn"] in resources


def test_outputs_are_all_there_when_the_template_is_made(stack: tuple[Stack, FakeAws]) -> None:
    made, _ = stack

    assert made.outputs["UserBatchArn"].endswith(":stateMachine:express-batch-demo-UserBatch")
    assert made.outputs["DatabaseEndpoint"] == "127.0.0.1"
    assert all(made.outputs.values())
    assert len(made.outputs) == 19
