"""Every role of the template is held to what it needs."""

from collections.abc import Iterator
from typing import Any

from emulator.stack.template_file import read_template
from tests.template.project_template import TEMPLATE

# Actions that AWS lets nobody narrow to a resource, each with the page that says so.
_WITHOUT_RESOURCE = {
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}


def _resources(*types: str) -> dict[str, dict[str, Any]]:
    resources = read_template(TEMPLATE)["Resources"]
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] in types}


def _statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in _resources("AWS::IAM::Role").items():
        for policy in role["Policies"]:
            yield from ((name, statement) for statement in _unfold(policy["PolicyDocument"]["Statement"]))
    for name, policy in _resources("AWS::IAM::ManagedPolicy").items():
        yield from ((name, statement) for statement in _unfold(policy["PolicyDocument"]["Statement"]))


def _unfold(statements: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Statements, both branches of an Fn::If."""
    for statement in statements:
        yield from statement["Fn::If"][1:] if "Fn::If" in statement else [statement]


def _actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return action if isinstance(action, list) else [action]


def test_policies_allow_no_action_by_wildcard_when_they_allow_anything() -> None:
    found = [(name, action) for name, statement in _statements() for action in _actions(statement) if "*" in action]

    assert found == []


def test_policies_name_their_resources_when_aws_lets_them() -> None:
    loose = [
        (name, action)
        for name, statement in _statements()
        if statement["Effect"] == "Allow" and "*" in (statement["Resource"], *statement["Resource"])
        for action in _actions(statement)
        if action not in _WITHOUT_RESOURCE
    ]

    assert loose == []


def test_roles_take_no_managed_policy_of_aws_when_they_have_their_own() -> None:
    texts = [str(role.get("ManagedPolicyArns", [])) for role in _resources("AWS::IAM::Role").values()]

    assert not [text for text in texts if "arn:" in text]


def test_each_function_has_a_role_of_its_own_when_it_runs() -> None:
    functions = _resources("AWS::Serverless::Function")

    roles = [properties["Role"]["Fn::GetAtt"][0] for properties in functions.values()]

    assert roles == [f"{name.removesuffix('Function')}Role" for name in functions]


def test_only_functions_that_touch_the_database_sit_in_the_vpc() -> None:
    functions = _resources("AWS::Serverless::Function")

    in_vpc = {name for name, properties in functions.items() if "VpcConfig" in properties}
    with_database = {
        name for name, properties in functions.items() if "DATABASE_HOST" in properties["Environment"]["Variables"]
    }

    assert in_vpc == with_database == {"ListUsersFunction", "WriteRowsFunction", "CloseRunFunction"}


def test_security_groups_open_nothing_to_the_world() -> None:
    types = ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")

    assert "Cidr" not in str(_resources(*types))


def test_trust_policies_name_the_account_when_a_service_could_be_asked_by_another() -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html; Lambda assumes a role only for functions of
    # the role's own account, and its trust takes no source.
    for name, role in _resources("AWS::IAM::Role").items():
        statement = role["AssumeRolePolicyDocument"]["Statement"][0]
        if statement["Principal"]["Service"] != "lambda.amazonaws.com":
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}, name
