"""The roles of each account: enough for template.yaml, under its stacks' names, and no way up."""

import re

from emulator.stack.template_file import read_template
from tests.pipeline.base_pipeline import DEPLOY_ROLES, ROOT, list_actions, list_statements, read_resources

# The prefix of the actions on each service's resources, where it is not the service's own name in lower case.
_PREFIXES = {"Logs": "logs", "Serverless": "lambda", "StepFunctions": "states", "CodeDeploy": "codedeploy"}
# Statements that AWS lets nobody narrow to a resource.
_WITHOUT_RESOURCE = {
    "LogDelivery",
    "MappingsOfTheseFunctions",  # by the function, in its condition
    "NetworkIsRead",
    "SamplingRulesAreListed",
    "StateMachinesAreChecked",
}
_STATEMENTS = list_statements(DEPLOY_ROLES)
_CLOUDFORMATION = [statement for name, statement in _STATEMENTS if name.startswith("Stack")]


def test_roles_have_the_names_that_the_rendered_pipeline_assumes() -> None:
    from batchctl.groups.actions import CLOUDFORMATION_ROLE, DEPLOY_ROLE

    resources = read_resources(DEPLOY_ROLES)

    assert resources["DeployRole"]["Properties"]["RoleName"] == DEPLOY_ROLE
    assert resources["CloudFormationRole"]["Properties"]["RoleName"] == CLOUDFORMATION_ROLE


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


def test_statements_name_their_resources_where_aws_lets_them() -> None:
    loose = {statement["Sid"] for _, statement in _STATEMENTS if statement["Resource"] == "*"}

    assert loose == _WITHOUT_RESOURCE
    assert [action for _, statement in _STATEMENTS for action in list_actions(statement) if "*" in action] == []


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
    assert "role/express-batch-deploy" in str(deny["Resource"])
    assert "role/express-batch-cloudformation" in str(deny["Resource"])


def test_deploy_role_hands_on_one_role_to_cloudformation_and_starts_smoke_runs_alone() -> None:
    statements = [statement for name, statement in _STATEMENTS if name == "DeployRole"]
    (passes,) = [item for item in statements if list_actions(item) == ["iam:PassRole"]]
    (starts,) = [item for item in statements if "states:StartExecution" in list_actions(item)]

    assert passes["Resource"] == {"Fn::GetAtt": ["CloudFormationRole", "Arn"]}
    assert passes["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
    assert starts["Resource"]["Fn::Sub"].endswith(":stateMachine:${StackPrefix}*-SmokeRun")


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
