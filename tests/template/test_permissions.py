"""Every role of the template is held to what its step needs; test_policies.py looks for what is too wide."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from express_batch.run_layout import (
    CIRCUIT_KEY,
    STOP_KEY,
    TURN_KEY,
    chunk_key,
    closed_key,
    failures_prefix,
    rejected_key,
    started_key,
)

from emulator.stack.template_file import read_template
from tests.template.policies import read_statements
from tests.template.project_template import EXISTING_PROXY, TEMPLATE
from tests.template.resolved_template import ResolvedTemplate

_ROLES_OF_FUNCTIONS = ("ListUsers", "SyncUsers", "WriteRows", "CloseRun", "MigrateSchema")
_IN_VPC = {"CloseRun", "ListUsers", "MigrateSchema", "WriteRows"}


def _resources(*types: str) -> dict[str, dict[str, Any]]:
    resources = read_template(TEMPLATE)["Resources"]
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] in types}


def _statements() -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((item.owner, item.raw) for item in read_statements(TEMPLATE) if item.kind == "identity")


def _actions(statement: Mapping[str, Any]) -> list[str]:
    action = statement["Action"]
    return action if isinstance(action, list) else [action]


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

    assert in_vpc == with_database == {f"{name}Function" for name in _IN_VPC}


def test_network_policy_denies_its_use_to_the_code_of_each_function_in_the_vpc() -> None:
    # Lambda attaches a function by the function's own role, so without the denial its code could do the same.
    (denied,) = (
        statement["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]
        for name, statement in _statements()
        if name == "FunctionNetworkPolicy" and statement["Effect"] == "Deny"
    )

    assert {arn["Fn::Sub"].rsplit("-", 1)[1] for arn in denied} == _IN_VPC


def test_each_database_user_is_for_its_own_functions_alone() -> None:
    users = {
        name: set(re.findall(r"\$\{(\w+User)\}", str(statement["Resource"])))
        for name, statement in _statements()
        if "rds-db:connect" in _actions(statement)
    }
    functions = _resources("AWS::Serverless::Function")
    logins = {
        name: properties["Environment"]["Variables"]["DATABASE_USER"]["Ref"]
        for name, properties in functions.items()
        if "VpcConfig" in properties
    }

    assert users == {
        "DatabaseConnectPolicy": {"DatabaseUser"},
        "MigrateSchemaRole": {"MigrationUser"},
        "DatabaseProxyRole": {"DatabaseUser", "MigrationUser"},
    }
    assert "DatabaseConnectPolicy" not in str(_resources("AWS::IAM::Role")["MigrateSchemaRole"])
    assert {name for name, user in logins.items() if user == "MigrationUser"} == {"MigrateSchemaFunction"}


def test_security_groups_open_nothing_to_the_world() -> None:
    types = ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")

    assert "Cidr" not in str(_resources(*types))


_RUN = "20261122T083000Z"
_FAILURE = f"{failures_prefix(_RUN)}sync_users-00001-00100.json"
_REJECTED = rejected_key("shardId-000000000000", "495")


@pytest.mark.parametrize(
    ("role", "action", "allowed"),
    [
        ("ListUsersRole", "s3:PutObject", {started_key(_RUN), chunk_key(_RUN, 1), closed_key(_RUN), TURN_KEY}),
        (
            "ListUsersRole",
            "s3:GetObject",
            {started_key(_RUN), chunk_key(_RUN, 1), _FAILURE, closed_key(_RUN), STOP_KEY, TURN_KEY, CIRCUIT_KEY},
        ),
        ("SyncUsersRole", "s3:GetObject", {chunk_key(_RUN, 1), STOP_KEY, CIRCUIT_KEY}),
        ("SyncUsersRole", "s3:PutObject", {_FAILURE, CIRCUIT_KEY}),
        ("WriteRowsRole", "s3:PutObject", {_FAILURE, _REJECTED}),
        ("CloseRunRole", "s3:GetObject", {_FAILURE}),
        ("CloseRunRole", "s3:PutObject", {closed_key(_RUN)}),
        ("UserBatchRole", "s3:PutObject", {_FAILURE}),
    ],
)
def test_role_reaches_just_the_objects_that_its_step_uses(role: str, action: str, allowed: set[str]) -> None:
    patterns = [
        resource["Fn::Sub"].removeprefix("${RunBucket.Arn}/")
        for name, statement in _statements()
        if name == role and action in _actions(statement)
        for resource in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
    ]
    control = {STOP_KEY, TURN_KEY, CIRCUIT_KEY}
    objects = {started_key(_RUN), closed_key(_RUN), chunk_key(_RUN, 1), _FAILURE, _REJECTED} | control

    assert {key for key in objects if any(fnmatchcase(key, pattern) for pattern in patterns)} == allowed


# Who may do what, complete but for what is listed as wide (test_policies.py): logs, traces, the VPC.
_WHO: dict[str, set[str]] = {
    "states:StartExecution": {"ScheduleRole"},
    "states:StartSyncExecution": {"SmokeRunRole"},
    "lambda:InvokeFunction": {"UserBatchRole"},
    "lambda:GetAlias": {"ReleaseRole"},
    "lambda:GetProvisionedConcurrencyConfig": {"ReleaseRole"},
    "lambda:UpdateAlias": {"ReleaseRole"},
    "s3:GetObject": {"ListUsersRole", "SyncUsersRole", "WriteRowsRole", "CloseRunRole"},
    "s3:ListBucket": {"ListUsersRole", "SyncUsersRole", "WriteRowsRole", "CloseRunRole"},
    "s3:PutObject": {"ListUsersRole", "SyncUsersRole", "WriteRowsRole", "CloseRunRole", "UserBatchRole"},
    "dynamodb:GetItem": {"SyncUsersRole"},
    "dynamodb:UpdateItem": {"SyncUsersRole"},
    "kinesis:PutRecords": {"SyncUsersRole"},
    "kinesis:DescribeStream": {"WriteRowsRole"},
    "kinesis:DescribeStreamSummary": {"WriteRowsRole"},
    "kinesis:GetRecords": {"WriteRowsRole"},
    "kinesis:GetShardIterator": {"WriteRowsRole"},
    "kinesis:ListShards": {"WriteRowsRole"},
    "sqs:SendMessage": {"ScheduleRole", "WriteRowsRole"},
    "rds-db:connect": {"DatabaseConnectPolicy", "MigrateSchemaRole", "DatabaseProxyRole"},
    "secretsmanager:GetSecretValue": {"DatabaseProxyRole"},
    "logs:CreateLogStream": {f"{name}Role" for name in _ROLES_OF_FUNCTIONS},
    "logs:PutLogEvents": {f"{name}Role" for name in _ROLES_OF_FUNCTIONS},
}


def test_nobody_may_do_anything_else() -> None:
    """No role deletes an object, reads a log, changes a function or an identity, or takes another role."""
    found: dict[str, set[str]] = {}
    for name, statement in _statements():
        if statement["Effect"] == "Allow" and statement["Resource"] != "*":
            for action in _actions(statement):
                found.setdefault(action, set()).add(name)

    assert found == _WHO


def test_nothing_of_a_stack_can_be_called_from_outside_of_its_account() -> None:
    """No address, no function URL, no permission for another's service; each event comes by a role of the stack."""
    types = {item["Type"] for item in read_template(TEMPLATE)["Resources"].values()}
    open_types = ("AWS::Lambda::Permission", "AWS::Lambda::Url", "AWS::ApiGateway", "AWS::Serverless::Api",
                  "AWS::Serverless::HttpApi", "AWS::ElasticLoadBalancing", "AWS::CloudFront")  # fmt: skip

    assert [kind for kind in types if kind.startswith(open_types)] == []
    for name, function in _resources("AWS::Serverless::Function").items():
        assert not {"Events", "FunctionUrlConfig"} & set(function), name


@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("https://api.partner.example/v1", True),
        ("https://api.partner.example:8443", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080/v1", True),
        ("http://api.partner.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("https://user:password@api.partner.example", False),
        ("https://api.partner.example/?key=1", False),
        ("https://api.partner.example/#x", False),
        ("ftp://api.partner.example", False),
    ],
)
def test_partner_is_reached_by_https_with_no_password_in_its_address(address: str, *, is_taken: bool) -> None:
    pattern = read_template(TEMPLATE)["Parameters"]["PartnerApiUrl"]["AllowedPattern"]

    assert (re.fullmatch(pattern.strip("^$"), address) is not None) is is_taken


def test_every_object_expires_when_its_run_is_old() -> None:
    rules = _resources("AWS::S3::Bucket")["RunBucket"]["LifecycleConfiguration"]["Rules"]
    prefixes = tuple(rule["Prefix"] for rule in rules if "ExpirationInDays" in rule)

    assert all(
        key.startswith(prefixes)
        for key in (started_key(_RUN), closed_key(_RUN), chunk_key(_RUN, 1), _FAILURE, _REJECTED)
    )


@pytest.mark.parametrize("key", [STOP_KEY, CIRCUIT_KEY])
def test_control_never_expires(key: str) -> None:
    rules = _resources("AWS::S3::Bucket")["RunBucket"]["LifecycleConfiguration"]["Rules"]

    assert not [rule for rule in rules if "ExpirationInDays" in rule and key.startswith(rule["Prefix"])]


@pytest.mark.parametrize(
    ("parameters", "table"),
    [
        ({}, "express-batch-demo-PartnerLimits"),
        ({"PartnerLimitTableName": "other-PartnerLimits"}, "other-PartnerLimits"),
    ],
)
def test_sync_users_reaches_one_table_of_limits_alone_when_that_is_its_own_or_shared(
    parameters: dict[str, str], table: str
) -> None:
    template = ResolvedTemplate({**EXISTING_PROXY, "CallsPerSecond": "500", **parameters})

    (policy,) = template.properties("SyncUsersRole")["Policies"]
    allowed = [item for item in policy["PolicyDocument"]["Statement"] if "dynamodb:GetItem" in item["Action"]]

    assert [item["Resource"] for item in allowed] == [f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}"]
