"""The roles of each account: enough for template.yaml, under its stacks' names, and no way up."""

import re
from functools import cache
from typing import Any

import pytest

from batchctl.groups.group import RESERVED_STACKS
from emulator.access.ask import Ask
from emulator.access.policy import Statement, find_refusal, read_policy
from emulator.identity import Identity
from emulator.stack.intrinsics import Resolver
from emulator.stack.parameters import resolve_parameters
from emulator.stack.template_file import read_template
from tests.pipeline.base_pipeline import (
    DEPLOY_ROLES,
    GROUP_DEPLOYER,
    ROOT,
    list_actions,
    list_statements,
    read_resources,
)
from tests.template.asl_definitions import list_states, read_definitions

# The prefix of the actions on each service's resources, where it is not the service's own name in lower case.
_PREFIXES = {"Logs": "logs", "Serverless": "lambda", "StepFunctions": "states", "CodeDeploy": "codedeploy"}
_STATEMENTS = list_statements(DEPLOY_ROLES)
_IDENTITY = Identity()
_BOUNDARY = f"arn:aws:iam::{_IDENTITY.account_id}:policy/ExpressBatchBoundary"
_CLOUDFORMATION = [statement for name, statement in _STATEMENTS if name.startswith("Stack")]


def test_roles_have_the_names_that_the_rendered_pipeline_assumes() -> None:
    from batchctl.groups.actions import DEPLOY_ROLE

    resources = read_resources(DEPLOY_ROLES)

    assert resources["DeployRole"]["Properties"]["RoleName"] == DEPLOY_ROLE


def test_group_deployer_has_the_name_and_the_roles_that_the_others_give_it() -> None:
    from batchctl.groups.actions import DEPLOY_MACHINE

    roles = read_resources(DEPLOY_ROLES)
    machine = read_resources(GROUP_DEPLOYER)["DeployGroup"]["Properties"]
    own = f"role/{roles['GroupDeployerRole']['Properties']['RoleName']}"
    cloudformation = f"role/{roles['CloudFormationRole']['Properties']['RoleName']}"
    source = roles["GroupDeployerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"][
        "ArnLike"
    ]

    assert machine["Name"] == DEPLOY_MACHINE
    assert machine["Type"] == "STANDARD"  # the action waits for no other
    assert machine["Role"]["Fn::Sub"].endswith(own)
    assert machine["DefinitionSubstitutions"]["CloudFormationRoleArn"]["Fn::Sub"].endswith(cloudformation)
    assert source["aws:SourceArn"]["Fn::Sub"].endswith(f":stateMachine:{DEPLOY_MACHINE}")


def test_stacks_cannot_change_the_machine_that_deploys_them() -> None:
    from batchctl.groups.actions import DEPLOY_MACHINE

    parameters = read_template(DEPLOY_ROLES)["Parameters"]
    assert not DEPLOY_MACHINE.startswith(parameters["StackPrefix"]["Default"])
    # And with no other prefix: it is lower case.
    assert re.match(parameters["StackPrefix"]["AllowedPattern"].rstrip("$"), DEPLOY_MACHINE) is None


def test_cloudformation_may_make_every_service_that_the_template_has() -> None:
    # A custom resource is its function, which has a test of its own.
    made = {item["Type"] for item in read_template(ROOT / "template.yaml")["Resources"].values()}
    types = {kind for kind in made if not kind.startswith("Custom::")} | {"AWS::CodeDeploy::Application"}
    needed = {_PREFIXES.get(kind.split("::")[1], kind.split("::")[1].lower()) for kind in types}
    allowed = {
        action.split(":")[0]
        for statement in _CLOUDFORMATION
        if statement["Effect"] == "Allow"
        for action in list_actions(statement)
    }

    assert needed - allowed == set()


@pytest.mark.parametrize(
    ("kind", "actions", "resource"),
    [
        ("AWS::CloudWatch::Alarm", {"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"}, ":alarm:${StackPrefix}*"),
        ("AWS::CloudWatch::CompositeAlarm", {"cloudwatch:PutCompositeAlarm", "cloudwatch:DescribeAlarms"}, "*"),
        (
            "AWS::CloudWatch::Dashboard",
            {"cloudwatch:PutDashboard", "cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"},
            ":dashboard/${StackPrefix}*",
        ),
        (
            "AWS::Logs::QueryDefinition",
            {"logs:PutQueryDefinition", "logs:DescribeQueryDefinitions", "logs:DeleteQueryDefinition"},
            "*",
        ),
        (
            "AWS::XRay::Group",
            {"xray:CreateGroup", "xray:GetGroup", "xray:UpdateGroup", "xray:DeleteGroup"},
            ":group/batch-*",
        ),
    ],
)
def test_cloudformation_may_make_what_is_watched(kind: str, actions: set[str], resource: str) -> None:
    assert kind in {item["Type"] for item in read_template(ROOT / "template.yaml")["Resources"].values()}
    allowed = {
        action
        for statement in _CLOUDFORMATION
        if statement["Effect"] == "Allow" and str(statement["Resource"]).removesuffix("'}").endswith(resource)
        for action in list_actions(statement)
    }

    assert actions - allowed == set()


def test_cloudformation_may_make_what_applies_the_schema_and_call_that_function_alone() -> None:
    # What SAM makes of EventInvokeConfig, and of a layer.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    config = {f"lambda:{verb}FunctionEventInvokeConfig" for verb in ("Delete", "Get", "Put", "Update")}
    layers = {"lambda:DeleteLayerVersion", "lambda:GetLayerVersion", "lambda:PublishLayerVersion"}
    by_action = {action: statement for statement in _CLOUDFORMATION for action in list_actions(statement)}

    assert all(":function:${StackPrefix}*" in str(by_action[action]["Resource"]) for action in config)
    assert all(":layer:${StackPrefix}*" in str(by_action[action]["Resource"]) for action in layers)
    assert by_action["lambda:InvokeFunction"]["Resource"]["Fn::Sub"].endswith(":function:${StackPrefix}*-MigrateSchema")
    function = read_template(ROOT / "template.yaml")["Resources"]["MigrateSchemaFunction"]["Properties"]
    assert function["FunctionName"]["Fn::Sub"] == "${AWS::StackName}-MigrateSchema"


class _Roles:
    """Ref and Fn::GetAtt inside deploy-roles.yaml."""

    def has(self, logical_id: str) -> bool:
        return logical_id in read_resources(DEPLOY_ROLES)

    def reference(self, logical_id: str, where: str) -> Any:
        return _arn(f"policy/{read_resources(DEPLOY_ROLES)[logical_id]['Properties']['ManagedPolicyName']}")

    def attribute(self, logical_id: str, name: str, where: str) -> Any:
        return _arn(f"role/{read_resources(DEPLOY_ROLES)[logical_id]['Properties']['RoleName']}")


def _arn(name: str) -> str:
    return f"arn:aws:iam::{_IDENTITY.account_id}:{name}"


@cache
def _policies_of_cloudformation() -> list[Statement]:
    """What CloudFormation may do for a stack, as IAM reads it."""
    template = read_template(DEPLOY_ROLES)
    given = {"PipelineRoleArn": _arn("role/pipeline"), "PipelineAccount": _IDENTITY.account_id}
    values = resolve_parameters(template["Parameters"], given)
    resolver = Resolver(template, values, stack_name="express-batch-deploy-roles", identity=_IDENTITY, imports={})
    arns = template["Resources"]["CloudFormationRole"]["Properties"]["ManagedPolicyArns"]
    documents = [template["Resources"][arn["Ref"]]["Properties"]["PolicyDocument"] for arn in arns]
    return [item for document in documents for item in read_policy(resolver.resolve(document, _Roles(), "policies"))]


def _may(action: str, resource: str, boundary: str = "") -> bool:
    context = {"iam:permissionsboundary": boundary} if boundary else {}
    return find_refusal(_policies_of_cloudformation(), Ask(action, resource, context)) is None


@pytest.mark.parametrize("action", ["AttachRolePolicy", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy"])
def test_role_is_given_something_within_the_boundary_alone(action: str) -> None:
    role = _arn("role/express-batch-demo-SyncUsersRole-1ABC")

    assert _may(f"iam:{action}", role, _BOUNDARY)
    assert not _may(f"iam:{action}", role)
    assert not _may(f"iam:{action}", role, _arn("policy/express-batch-demo-Wide-1ABC"))
    assert not _may(f"iam:{action}", role, "arn:aws:iam::aws:policy/AdministratorAccess")
    assert not _may(f"iam:{action}", _arn("role/somebody-elses"), _BOUNDARY)


def test_stack_can_neither_take_the_boundary_off_nor_change_it() -> None:
    assert not _may("iam:DeleteRolePermissionsBoundary", _arn("role/express-batch-demo-SyncUsersRole-1ABC"), _BOUNDARY)
    for name, resource in read_resources(DEPLOY_ROLES).items():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            # The roles' own policies too: the stack that made them is no group's, but its name begins alike.
            policy = _arn(f"policy/{resource['Properties']['ManagedPolicyName']}")
            for action in ("CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion"):
                assert not _may(f"iam:{action}", policy), name
    assert _may("iam:CreatePolicyVersion", _arn("policy/express-batch-demo-FunctionTracingPolicy"))


def test_policies_of_the_deploy_roles_have_not_the_beginning_of_the_stacks_names() -> None:
    pattern = read_template(DEPLOY_ROLES)["Parameters"]["StackPrefix"]["AllowedPattern"].rstrip("$")
    names = [
        str(resource["Properties"].get("ManagedPolicyName", "made of the stack's name"))
        for resource in read_resources(DEPLOY_ROLES).values()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    ]

    assert len(names) == 4
    assert [name for name in names if re.match(pattern, name) or " " in name] == []


@pytest.mark.parametrize(
    "role",
    [
        *(str(item["Properties"].get("RoleName", "")) for item in read_resources(DEPLOY_ROLES).values()
          if item["Type"] == "AWS::IAM::Role"),
        *(f"{stack}-SomeRole-1ABC" for stack in RESERVED_STACKS),
        "express-batch-demo-experiments-ExperimentRole-1ABC",  # chaos/fis-experiments.yaml
    ],
)  # fmt: skip
def test_stack_cannot_touch_the_roles_around_it_which_have_no_boundary(role: str) -> None:
    """Or it could let its functions take them, by their trust, and give them to Lambda."""
    assert role.startswith("express-batch-")
    for verb in ("AttachRolePolicy", "CreateRole", "DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "PassRole",
                 "PutRolePermissionsBoundary", "PutRolePolicy", "UpdateAssumeRolePolicy", "UpdateRole"):  # fmt: skip
        context = {"iam:permissionsboundary": _BOUNDARY, "iam:passedtoservice": "lambda.amazonaws.com"}
        ask = Ask(f"iam:{verb}", _arn(f"role/{role}"), context)
        refusal = find_refusal(_policies_of_cloudformation(), ask)
        assert refusal == "with an explicit deny in an identity-based policy", verb


def test_group_deployer_touches_no_stack_around_the_groups() -> None:
    (denial,) = [item for name, item in _STATEMENTS if name == "GroupDeployerRole" and item["Effect"] == "Deny"]

    assert {"cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"} <= set(list_actions(denial))
    assert [item["Fn::Sub"].rpartition(":stack/")[2] for item in denial["Resource"]] == [
        f"{stack}/*" for stack in RESERVED_STACKS
    ]


def test_stack_cannot_open_the_bucket_of_the_artifacts() -> None:
    for verb in ("PutBucketPolicy", "DeleteBucketPolicy", "PutBucketPublicAccessBlock", "PutLifecycleConfiguration"):
        assert _may(f"s3:{verb}", "arn:aws:s3:::express-batch-demo-runbucket-1abc")
        assert not _may(f"s3:{verb}", "arn:aws:s3:::express-batch-artifacts-111122223333-us-east-1")


def test_roles_are_handed_on_under_the_stacks_names_alone() -> None:
    passing = [item for item in _CLOUDFORMATION if item["Effect"] == "Allow" and "iam:PassRole" in list_actions(item)]

    assert [item["Sid"] for item in passing] == ["RolesForTheseServices"]
    assert "${StackPrefix}*" in str(passing[0]["Resource"])


def test_deploy_role_starts_the_group_deployer_and_does_nothing_else() -> None:
    statements = [statement for name, statement in _STATEMENTS if name == "DeployRole"]
    (starts,) = [item for item in statements if "states:StartExecution" in list_actions(item)]

    assert starts["Resource"]["Fn::Sub"].endswith(":stateMachine:ExpressBatchDeployGroup")
    assert {action for item in statements for action in list_actions(item)} == {
        "kms:Decrypt",
        "kms:DescribeKey",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "states:DescribeExecution",
        "states:DescribeStateMachine",
        "states:StartExecution",
    }


def test_group_deployer_may_call_just_what_its_definition_calls() -> None:
    (definition,) = read_definitions(GROUP_DEPLOYER)
    called = {
        f"cloudformation:{action[0].upper()}{action[1:]}"
        for state in list_states(definition.body)
        for _, found, action in [str(state.body.get("Resource", "")).partition("aws-sdk:cloudformation:")]
        if found
    }
    statements = [statement for name, statement in _STATEMENTS if name == "GroupDeployerRole"]
    allowed = {action for item in statements for action in list_actions(item)}

    assert called == {action for action in allowed if action.startswith("cloudformation:")}
    # What a task that waits for an execution needs.
    # https://docs.aws.amazon.com/step-functions/latest/dg/stepfunctions-iam.html
    assert {action for action in allowed if action.startswith(("states:", "events:"))} == {
        "events:DescribeRule",
        "events:PutRule",
        "events:PutTargets",
        "states:DescribeExecution",
        "states:StartExecution",
        "states:StopExecution",
    }


def test_group_deployer_hands_on_one_role_to_cloudformation_and_starts_smoke_runs_alone() -> None:
    statements = {item["Sid"]: item for name, item in _STATEMENTS if name == "GroupDeployerRole"}
    (passes,) = [item for item in statements.values() if list_actions(item) == ["iam:PassRole"]]

    assert passes["Resource"] == {"Fn::GetAtt": ["CloudFormationRole", "Arn"]}
    assert passes["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
    assert statements["SmokeRuns"]["Resource"]["Fn::Sub"].endswith(":stateMachine:${StackPrefix}*-SmokeRun")
    assert statements["Stacks"]["Resource"]["Fn::Sub"].endswith(":stack/${StackPrefix}*/*")


def test_only_the_pipelines_role_is_let_in() -> None:
    trust = read_resources(DEPLOY_ROLES)["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]

    assert [statement["Principal"] for statement in trust] == [{"AWS": {"Ref": "PipelineRoleArn"}}]


def test_managed_policies_are_within_the_size_that_iam_takes() -> None:
    # 6,144 characters, blanks not counted. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    for name, resource in read_resources(DEPLOY_ROLES).items():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            text = str(resource["Properties"]["PolicyDocument"]).replace(" ", "").replace("{'Fn::Sub':", "")
            text = text.replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", "1" * 12)
            text = text.replace("${PipelineAccount}", "1" * 12).replace("${StackPrefix}", "express-batch-")
            assert len(text) <= 6144, name
