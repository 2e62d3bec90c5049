"""No role of a stack may do more than the boundary allows, and the boundary allows all that a stack needs.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from collections.abc import Iterator
from typing import Any

import pytest

from batchctl.groups.group import BOUNDARY_NAME
from batchctl.local.boundary import read_boundary
from emulator.access.ask import Ask
from emulator.access.policy import Statement, find_refusal, read_policy
from emulator.identity import Identity
from emulator.stack.parameters import resolve_parameters
from emulator.stack.template_file import read_template, transform_template
from tests.template.policies import read_all_statements
from tests.template.project_template import ROOT, TEMPLATE
from tests.template.resolved_template import STACK, ResolvedTemplate

_IDENTITY = Identity()
_NETWORK = {
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "DatabaseSecurityGroupId": "sg-0123456789abcdef0",
}
_GROUP = {
    "TenantGroup": "demo",
    "PartnerApiUrl": "https://partner.example.com/v1",
    "PermissionsBoundaryName": BOUNDARY_NAME,
    "MigrationUser": "express_batch_migrator",
    "CallsPerSecond": "100",
    **_NETWORK,
}
_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:database"
# All that decides what a role is given.
_STACKS = {
    "existing-proxy": {
        "DatabaseMode": "existing-proxy",
        "DatabaseHost": "proxy.example",
        "DatabaseResourceId": "prx-0123456789abcdef0",
        "PartnerLimitTableName": "express-batch-other-PartnerLimitTable-1ABC",
    },
    "create-proxy": {
        "DatabaseMode": "create-proxy",
        "DatabaseInstanceIdentifier": "users",
        "DatabaseResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    },
    "create-proxy-with-secret": {
        "DatabaseMode": "create-proxy",
        "DatabaseInstanceIdentifier": "users",
        "DatabaseSecretArn": _SECRET,
        "MigrationUser": "",
    },
}
# How the physical names that AWS makes begin: the stack's name, in lower case for a bucket.
_ARNS = {
    "AWS::S3::Bucket": f"arn:aws:s3:::{STACK}-",
    "AWS::SQS::Queue": _IDENTITY.arn("sqs", f"{STACK}-"),
    "AWS::Kinesis::Stream": _IDENTITY.arn("kinesis", f"stream/{STACK}-"),
    "AWS::DynamoDB::Table": _IDENTITY.arn("dynamodb", f"table/{STACK}-"),
    "AWS::Serverless::Function": _IDENTITY.arn("lambda", f"function:{STACK}-"),
    "AWS::Logs::LogGroup": _IDENTITY.arn("logs", f"log-group:/aws/lambda/{STACK}-"),
}


class _StackWithArns(ResolvedTemplate):
    """The template with an ARN for each attribute that a policy names."""

    def attribute(self, logical_id: str, name: str, where: str) -> Any:
        kind = self._resources[logical_id]["Type"]
        if name == "DBProxyArn":
            return _IDENTITY.arn("rds", "db-proxy:prx-0123456789abcdef0")
        if name == "Arn" and kind in _ARNS:
            return f"{_ARNS[kind]}{logical_id.lower() if kind == 'AWS::S3::Bucket' else logical_id}"
        return super().attribute(logical_id, name, where)

    def reference(self, logical_id: str, where: str) -> Any:
        if logical_id.endswith("Function.Alias"):
            return f"{_ARNS['AWS::Serverless::Function']}{logical_id.removesuffix('.Alias')}:live"
        return super().reference(logical_id, where)

    def has(self, logical_id: str) -> bool:
        return super().has(logical_id) or logical_id.endswith("Function.Alias")


def _boundary(**parameters: str) -> list[Statement]:
    return read_policy(read_boundary(_IDENTITY, **parameters)["PolicyDocument"])


def _allowed(stack: _StackWithArns) -> Iterator[tuple[str, str, str]]:
    """(owner, action, resource) of all that the stack's policies allow."""
    for owner, properties in stack.of_type("AWS::IAM::Role", "AWS::IAM::ManagedPolicy").items():
        own = [{"PolicyDocument": properties["PolicyDocument"]}] if "PolicyDocument" in properties else []
        for policy in [*own, *properties.get("Policies", [])]:
            for statement in read_policy(policy["PolicyDocument"]):
                yield from ((owner, line.action, line.resource) for line in statement.list_permissions())


@pytest.mark.parametrize("kind", _STACKS)
def test_boundary_allows_all_that_the_roles_of_a_stack_may_do(kind: str) -> None:
    """A resource with `*` is asked for by its letters, so that the boundary has to be as wide there."""
    boundary = _boundary(ProxySecretArns=_SECRET)
    lines = list(_allowed(_StackWithArns({**_GROUP, **_STACKS[kind]})))

    context = {"s3:prefix": "runs/x"}
    assert len(lines) > 60
    assert [line for line in lines if find_refusal(boundary, Ask(line[1], line[2], context)) is not None] == []


def test_boundary_lets_buckets_be_listed_where_a_role_may() -> None:
    boundary = _boundary()
    prefixes = {
        str(prefix)
        for item in read_all_statements()
        if item.template in (TEMPLATE, ROOT / "chaos" / "fis-experiments.yaml") and "s3:ListBucket" in item.actions
        for wanted in [item.condition["StringLike"]["s3:prefix"]]
        for prefix in (wanted if isinstance(wanted, list) else [wanted])
    }

    assert len(prefixes) >= 3
    for prefix in prefixes:
        ask = Ask("s3:ListBucket", f"arn:aws:s3:::{STACK}-runbucket-1abc", {"s3:prefix": prefix.replace("*", "x")})
        assert find_refusal(boundary, ask) is None, prefix
    assert find_refusal(boundary, Ask("s3:ListBucket", f"arn:aws:s3:::{STACK}-runbucket-1abc")) is not None


def test_functions_that_take_part_in_experiments_may_read_their_faults() -> None:
    key = f"arn:aws:s3:::{STACK}-experiments-faultbucket-1abc/FisConfigs/x"

    assert find_refusal(_boundary(), Ask("s3:GetObject", key)) is None
    assert find_refusal(_boundary(), Ask("s3:PutObject", key)) is not None


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateRole", "arn:aws:iam::000000000000:role/express-batch-demo-x"),
        ("iam:PassRole", "arn:aws:iam::000000000000:role/express-batch-demo-x"),
        ("sts:AssumeRole", "arn:aws:iam::000000000000:role/express-batch-deploy"),
        ("cloudformation:CreateChangeSet", "arn:aws:cloudformation:us-east-1:000000000000:stack/express-batch-demo/x"),
        ("lambda:UpdateFunctionCode", "arn:aws:lambda:us-east-1:000000000000:function:express-batch-demo-SyncUsers"),
        ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:somebody-elses"),
        ("states:StartExecution", "arn:aws:states:us-east-1:000000000000:stateMachine:ExpressBatchDeployGroup"),
        ("s3:GetObject", "arn:aws:s3:::somebody-elses/runs/x"),
        ("s3:PutObject", "arn:aws:s3:::express-batch-artifacts-000000000000-us-east-1/templates/x.yaml"),
        ("s3:GetObject", "arn:aws:s3:::express-batch-artifacts-000000000000-us-east-1/express-batch-pipe/Build/x"),
        ("s3:DeleteObject", "arn:aws:s3:::express-batch-demo-runbucket-x/runs/x"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::express-batch-demo-runbucket-x"),
        ("secretsmanager:GetSecretValue", _SECRET),
        ("kms:Decrypt", "arn:aws:kms:us-east-1:000000000000:key/x"),
        ("rds-db:connect", "arn:aws:rds-db:us-east-1:000000000000:dbuser:prx-x/administrator"),
        ("ec2:AuthorizeSecurityGroupIngress", "arn:aws:ec2:us-east-1:000000000000:security-group/sg-1"),
        ("ec2:RunInstances", "*"),
        ("logs:GetLogEvents", "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/express-batch-demo-SyncUsers"),
        ("dynamodb:Scan", "arn:aws:dynamodb:us-east-1:000000000000:table/express-batch-demo-x"),
        ("dynamodb:UpdateItem", "arn:aws:dynamodb:us-east-1:000000000000:table/somebody-elses"),
    ],
)
def test_boundary_keeps_a_role_from_what_no_stack_needs(action: str, resource: str) -> None:
    """Even one whose own policy allows everything."""
    assert find_refusal(_boundary(), Ask(action, resource)) is not None


def test_code_of_a_function_makes_no_network_interface_whatever_its_role_says() -> None:
    # What the function's code asks for bears the function's ARN, what Lambda asks for in its place does not.
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    by_code = {"lambda:sourcefunctionarn": _IDENTITY.arn("lambda", f"function:{STACK}-Other")}

    assert find_refusal(_boundary(), Ask("ec2:CreateNetworkInterface", "*")) is None
    assert find_refusal(_boundary(), Ask("ec2:CreateNetworkInterface", "*", by_code)) is not None


def test_boundary_allows_nothing_by_wildcard() -> None:
    statements = [item for item in read_all_statements() if item.owner == "Boundary"]

    assert statements
    assert [item for item in statements if any("*" in action for action in item.actions)] == []


def test_every_role_has_the_boundary_those_that_sam_makes_included() -> None:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html"""
    source = read_template(TEMPLATE)
    values = resolve_parameters(source["Parameters"], {**_GROUP, **_STACKS["create-proxy"]})
    resources = transform_template(source, ROOT, values, _IDENTITY, is_packaged=False).body["Resources"]
    roles = {name: item["Properties"] for name, item in resources.items() if item["Type"] == "AWS::IAM::Role"}

    assert set(roles) == {name for name, item in source["Resources"].items() if item["Type"] == "AWS::IAM::Role"}
    for name, role in roles.items():
        assert role.get("PermissionsBoundary") == {
            "Fn::If": [
                "IsBounded",
                {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PermissionsBoundaryName}"},
                {"Ref": "AWS::NoValue"},
            ]
        }, name


def test_role_has_no_boundary_when_none_is_named() -> None:
    bounded = ResolvedTemplate({**_GROUP, **_STACKS["existing-proxy"]}).properties("ScheduleRole")
    free = ResolvedTemplate({**_GROUP, **_STACKS["existing-proxy"], "PermissionsBoundaryName": ""})

    assert bounded["PermissionsBoundary"] == f"arn:aws:iam::{_IDENTITY.account_id}:policy/ExpressBatchBoundary"
    assert "PermissionsBoundary" not in free.properties("ScheduleRole")


def test_boundary_is_made_by_the_name_that_groups_are_given() -> None:
    assert read_boundary(_IDENTITY)["ManagedPolicyName"] == BOUNDARY_NAME
