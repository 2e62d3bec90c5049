"""The roles of each account: enough for template.yaml, under its stacks' names, and no way up."""

import re

import pytest

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


def test_identities_are_changed_under_the_stacks_names_alone_and_not_the_roles_themselves() -> None:
    writing = [
        statement
        for statement in _CLOUDFORMATION
        if statement["Effect"] == "Allow"
        and any(re.match("iam:(Put|Create|Attach|Pass)", a) for a in list_actions(statement))
    ]
    (deny,) = [statement for statement in _CLOUDFORMATION if statement["Effect"] == "Deny"]

    assert len(writing) == 3
    assert all("${StackPrefix}*" in str(statement["Resource"]) for statement in writing)
    assert {"iam:PassRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"} <= set(list_actions(deny))
    for name in ("DeployRole", "GroupDeployerRole", "CloudFormationRole"):
        role = read_resources(DEPLOY_ROLES)[name]["Properties"]["RoleName"]
        assert f"role/{role}'" in str(deny["Resource"])


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
