"""No policy of any template is wider than it has to be; what AWS lets nobody narrow is listed here, with its reason."""

from pathlib import Path
from typing import Any

import pytest

from emulator.stack.template_file import read_template
from tests.template.policies import TEMPLATES, PolicyStatement, read_all_statements, read_statements
from tests.template.project_template import ROOT

_STATEMENTS = read_all_statements()
_ALLOWING = [statement for statement in _STATEMENTS if statement.allows]

# Actions that no resource narrows, wherever they stand. {action: why}
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_XRAY = "X-Ray has no resources for them: list_awsx-ray.html"
_DELIVERY = "log delivery has no resources: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"
_INTERFACE = "the interface does not exist yet: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html"
_READ_ALONE = "reads names and states alone, and its service narrows no such reading"
WITHOUT_RESOURCE = {
    "xray:PutTraceSegments": _XRAY,
    "xray:PutTelemetryRecords": _XRAY,
    "xray:GetSamplingRules": _XRAY,
    "xray:GetSamplingTargets": _XRAY,
    "logs:CreateLogDelivery": _DELIVERY,
    "logs:GetLogDelivery": _DELIVERY,
    "logs:UpdateLogDelivery": _DELIVERY,
    "logs:DeleteLogDelivery": _DELIVERY,
    "logs:ListLogDeliveries": _DELIVERY,
    "logs:PutResourcePolicy": _DELIVERY,
    "logs:DescribeResourcePolicies": _DELIVERY,
    "logs:DescribeLogGroups": _DELIVERY,
    "cloudwatch:DescribeAlarms": _READ_ALONE,
    "ec2:DescribeNetworkInterfaces": _READ_ALONE,
    "ec2:DescribeSubnets": _READ_ALONE,
    "states:ValidateStateMachineDefinition": "checks a text and touches nothing",
}
# Statements that are wide for a reason of their own. {(owner, what it says it is for, or its first action): why}
_BY_ALIAS = "a key's id is known to no other account; its condition names the alias"
WIDE = {
    ("FunctionNetworkPolicy", "ec2:CreateNetworkInterface"): f"{_INTERFACE}; denied to the functions' own code",
    ("ExperimentRole", "tag:GetResources"): "FIS looks its targets up by tags, for which there is no resource",
    ("BuildRole", "kms:Decrypt"): _BY_ALIAS,
    ("PipelineRole", "kms:Decrypt"): _BY_ALIAS,
    ("DeployRole", "kms:Decrypt"): _BY_ALIAS,
    ("GroupDeployerRole", "TemplatesKey"): _BY_ALIAS,
    ("StackResourcesPolicy", "CodeKey"): _BY_ALIAS,
    ("StackResourcesPolicy", "MappingsOfTheseFunctions"): "a mapping has an id; its condition names the function",
    ("StackResourcesPolicy", "MappingsAreReadByAnId"): "an id that nobody knows before; reads and tags alone",
    ("StackResourcesPolicy", "CompositeAlarms"): "CloudWatch wants no narrower scope; its condition bounds the actions",
    ("Boundary", "DatabaseUsers"): "an instance or proxy has an id and no name; the users' names bound it",
    ("Boundary", "NetworkInterfacesByLambdaItself"): f"{_INTERFACE}; its condition keeps functions' own code from it",
    ("StackSurroundingsPolicy", "SavedQueries"): "a saved query has an id and no name; it holds a text and no data",
    ("StackSurroundingsPolicy", "OwnProxies"): "a proxy has an id and no name",
    ("StackSurroundingsPolicy", "Network"): "a security group has an id and no name, until it is there",
    ("StackSurroundingsPolicy", "NetworkIsRead"): "the descriptions of a network have no resources",
}
# Where a condition is what keeps a wide statement narrow, it must not be lost.
NARROWED_BY = {
    _BY_ALIAS: "kms:ResourceAliases",
    WIDE["StackResourcesPolicy", "MappingsOfTheseFunctions"]: "lambda:FunctionArn",
    WIDE["StackResourcesPolicy", "CompositeAlarms"]: "cloudwatch:AlarmActions",
    WIDE["Boundary", "NetworkInterfacesByLambdaItself"]: "lambda:SourceFunctionArn",
}
# Policies of AWS's own: their content may change under us.
OF_AWS = {("MonitoringRole", "AmazonRDSEnhancedMonitoringRole"): "RDS takes no other; it writes to RDSOSMetrics alone"}


def _key(statement: PolicyStatement) -> tuple[str, str]:
    return statement.owner, str(statement.raw.get("Sid", statement.actions[0]))


def test_every_template_is_read() -> None:
    """A template that is new, or a folder that is new, must not stay outside."""
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name != "tests" and path.name[0] != "."]
    found = {
        path
        for place in (ROOT.glob("*.yaml"), *(folder.rglob("*.yaml") for folder in folders))
        for path in place
        if path.name[0] != "."  # of a test that is running
        and "\nResources:" in f"\n{path.read_text(encoding='utf-8')}"
    }

    assert found == set(TEMPLATES)
    assert {statement.kind for statement in _STATEMENTS} == {"identity", "trust", "resource"}
    assert len(_STATEMENTS) > 100


def test_no_statement_is_written_by_what_it_leaves_out() -> None:
    """NotAction, NotResource and NotPrincipal allow whatever AWS adds next."""
    turned = [str(item) for item in _STATEMENTS for member in item.raw if member.startswith("Not")]

    assert turned == []


def test_no_action_is_allowed_by_wildcard() -> None:
    wild = [str(item) for item in _ALLOWING if any("*" in action for action in item.actions)]

    # AWS's own default for a key: the account's policies decide, none of which names that key's administration.
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    assert {item.split(": ", 1)[1] for item in wild} == {"AccountDecidesByItsPolicies"}
    for item in _ALLOWING:
        if item.raw.get("Sid") == "AccountDecidesByItsPolicies":
            assert item.owner_type == "AWS::KMS::Key"
            assert item.raw["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}


def test_roles_name_their_resources_where_aws_lets_them() -> None:
    wide = [item for item in _ALLOWING if item.kind == "identity" and item.loose_resources]
    unexplained = {
        _key(item) for item in wide if _key(item) not in WIDE and not set(item.actions) <= set(WITHOUT_RESOURCE)
    }

    assert unexplained == set()
    for item in wide:
        condition = NARROWED_BY.get(WIDE.get(_key(item), ""))
        assert condition is None or condition in str(item.condition), item


def test_lists_of_what_may_be_wide_hold_nothing_that_is_gone() -> None:
    wide = [item for item in _ALLOWING if item.kind == "identity" and item.loose_resources]

    assert set(WIDE) - {_key(item) for item in wide} == set()
    assert set(WITHOUT_RESOURCE) - {action for item in wide for action in item.actions} == set()


def test_roles_take_no_policy_of_aws_but_those_that_are_named() -> None:
    taken = set()
    for template in TEMPLATES:
        for name, resource in read_template(template)["Resources"].items():
            arns = str(resource.get("Properties", {}).get("ManagedPolicyArns", ""))
            taken |= {(name, part.split("'")[0].rpartition("/")[2]) for part in arns.split(":aws:policy/")[1:]}

    assert taken == set(OF_AWS)


def test_roles_are_taken_by_a_service_for_this_account_or_by_a_named_role() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html

    Lambda assumes a role only for functions of the role's own account, and its trust takes no source.
    """
    for item in (item for item in _STATEMENTS if item.kind == "trust"):
        assert item.actions == ("sts:AssumeRole",), item
        principal = item.raw["Principal"]
        if "Service" in principal:
            if principal["Service"] != "lambda.amazonaws.com":
                assert item.condition["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}, item
        else:
            # The pipeline's role, by its full ARN.
            assert (item.owner, principal) == ("DeployRole", {"AWS": {"Ref": "PipelineRoleArn"}}), item


def test_roles_are_handed_on_to_named_services_alone() -> None:
    passing = [item for item in _ALLOWING if "iam:PassRole" in item.actions]

    assert len(passing) >= 3
    for item in passing:
        assert item.loose_resources == (), item
        narrow = "iam:PassedToService" in str(item.condition) or all(not name.endswith("*") for name in item.resources)
        assert narrow, item


def test_nobody_is_let_in_by_a_policy_of_a_resource_without_a_condition() -> None:
    """A bucket, a queue, a topic, a key: by account root, or under a condition that names account, role or rule."""
    for item in (item for item in _ALLOWING if item.kind == "resource"):
        if item.raw.get("Sid") == "AccountDecidesByItsPolicies":
            continue
        text = str(item.condition)
        assert any(
            key in text for key in ("aws:SourceAccount", "aws:SourceArn", "aws:PrincipalArn", "aws:ResourceAccount")
        ), item
        if item.raw["Principal"] == "*":
            assert item.owner_type == "AWS::EC2::VPCEndpoint", item


def _resources(resource_type: str) -> list[Any]:
    return [
        pytest.param(template, name, resource.get("Properties", {}), id=f"{template.relative_to(ROOT)} {name}")
        for template in TEMPLATES
        for name, resource in read_template(template)["Resources"].items()
        if resource["Type"] == resource_type
    ]


def _denies_plaintext(template: Path, resource: str, policy_type: str) -> bool:
    return any(
        item.owner_type == policy_type
        and not item.allows
        and item.raw["Principal"] == "*"
        and item.condition == {"Bool": {"aws:SecureTransport": "false"}}
        and f"${{{resource}" in str(item.resources)
        for item in read_statements(template)
    )


@pytest.mark.parametrize(("template", "name", "properties"), _resources("AWS::S3::Bucket"))
def test_bucket_is_private_encrypted_owned_and_takes_tls_alone(
    template: Path, name: str, properties: dict[str, Any]
) -> None:
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True,
    }  # fmt: skip
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]  # no ACLs at all
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
    assert _denies_plaintext(template, name, "AWS::S3::BucketPolicy")
    (denial,) = (
        item for item in read_statements(template) if item.owner_type == "AWS::S3::BucketPolicy" and not item.allows
    )
    assert denial.actions == ("s3:*",)
    assert set(denial.resources) == {f"${{{name}.Arn}}", f"${{{name}.Arn}}/*"}


@pytest.mark.parametrize(("template", "name", "properties"), _resources("AWS::SQS::Queue"))
def test_queue_is_encrypted_and_takes_tls_alone(template: Path, name: str, properties: dict[str, Any]) -> None:
    assert properties["SqsManagedSseEnabled"] is True
    assert _denies_plaintext(template, name, "AWS::SQS::QueuePolicy")


@pytest.mark.parametrize(("template", "name", "properties"), _resources("AWS::SNS::Topic"))
def test_topic_is_encrypted_and_takes_tls_alone(template: Path, name: str, properties: dict[str, Any]) -> None:
    assert properties["KmsMasterKeyId"]
    assert _denies_plaintext(template, name, "AWS::SNS::TopicPolicy")


@pytest.mark.parametrize(("template", "name", "properties"), _resources("AWS::Kinesis::Stream"))
def test_stream_is_encrypted_by_a_key(template: Path, name: str, properties: dict[str, Any]) -> None:
    assert properties["StreamEncryption"]["EncryptionType"] == "KMS"
    assert properties["StreamEncryption"]["KeyId"]


@pytest.mark.parametrize(("template", "name", "properties"), _resources("AWS::KMS::Key"))
def test_key_is_renewed(template: Path, name: str, properties: dict[str, Any]) -> None:
    assert properties["EnableKeyRotation"] is True


@pytest.mark.parametrize(("template", "name", "properties"), _resources("AWS::RDS::DBInstance"))
def test_database_is_encrypted_private_and_takes_tls_alone(
    template: Path, name: str, properties: dict[str, Any]
) -> None:
    assert properties["StorageEncrypted"] is True
    assert properties["PubliclyAccessible"] is False
    assert "require_secure_transport" in str(read_template(template)["Resources"])


@pytest.mark.parametrize(("template", "name", "properties"), _resources("AWS::RDS::DBProxy"))
def test_proxy_takes_tls_alone(template: Path, name: str, properties: dict[str, Any]) -> None:
    assert properties["RequireTLS"] is True


def test_nothing_is_named_in_a_template_that_looks_like_a_secret() -> None:
    """Passwords come by a parameter that nobody is shown, or are made by RDS."""
    for template in TEMPLATES:
        for name, parameter in (read_template(template).get("Parameters") or {}).items():
            if (
                any(word in name.lower() for word in ("password", "secret", "token", "apikey"))
                and name.rstrip("s")[-3:] != "Arn"
            ):
                assert parameter.get("NoEcho") is True, (template, name)
                assert parameter.get("Default", "") == "", (template, name)
