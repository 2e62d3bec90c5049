"""The foundation: closed, encrypted, kept, and its outputs are what a tenant group's parameters take."""

import re
from pathlib import Path
from typing import Any

import pytest

from emulator.stack.template_file import read_template

_ROOT = Path(__file__).resolve().parents[2]
_TEMPLATE = read_template(_ROOT / "foundation" / "template.yaml")
_RESOURCES: dict[str, dict[str, Any]] = _TEMPLATE["Resources"]
_GROUP_PARAMETERS = read_template(_ROOT / "template.yaml")["Parameters"]


def _of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: item["Properties"] for name, item in _RESOURCES.items() if item["Type"] == kind}


def test_nothing_leads_out_of_the_vpc_but_the_endpoint_of_s3() -> None:
    kinds = {item["Type"] for item in _RESOURCES.values()}

    assert not kinds & {"AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::Route"}
    (endpoint,) = _of_type("AWS::EC2::VPCEndpoint").values()
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["RouteTableIds"] == [{"Ref": "FunctionRouteTable"}]


def test_every_subnet_is_in_a_route_table_and_each_pair_in_two_zones() -> None:
    subnets = _of_type("AWS::EC2::Subnet")
    associated = {item["SubnetId"]["Ref"] for item in _of_type("AWS::EC2::SubnetRouteTableAssociation").values()}

    assert associated == set(subnets)
    for kind in ("Function", "Database"):
        zones = [item["AvailabilityZone"]["Fn::Select"][0] for name, item in subnets.items() if name.startswith(kind)]
        assert sorted(zones) == [0, 1]
    parts = [item["CidrBlock"]["Fn::Select"][0] for item in subnets.values()]
    assert sorted(parts) == [0, 1, 2, 3]


def test_database_is_reached_through_the_proxy_alone() -> None:
    (ingress,) = _of_type("AWS::EC2::SecurityGroupIngress").values()

    assert ingress["SourceSecurityGroupId"] == {"Ref": "ProxySecurityGroup"}
    assert not [name for name, item in _of_type("AWS::EC2::SecurityGroup").items() if "SecurityGroupIngress" in item]
    # Without a rule of its own EC2 gives a group one that lets everything out.
    assert all(item["SecurityGroupEgress"] for item in _of_type("AWS::EC2::SecurityGroup").values())
    assert "0.0.0.0/0" not in str(_RESOURCES)


def test_database_is_encrypted_backed_up_and_not_lost_with_the_stack() -> None:
    resource = _RESOURCES["Database"]
    database = resource["Properties"]

    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert database["StorageEncrypted"] is True
    assert database["KmsKeyId"] == {"Fn::GetAtt": ["DatabaseKey", "Arn"]}
    assert database["PubliclyAccessible"] is False
    assert database["EnableIAMDatabaseAuthentication"] is True
    assert _TEMPLATE["Parameters"]["BackupRetentionDays"]["MinValue"] >= 1
    assert _TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "true"
    assert _TEMPLATE["Parameters"]["MultiAz"]["Default"] == "true"
    assert _RESOURCES["DatabaseKey"]["Properties"]["EnableKeyRotation"] is True


def test_password_is_made_by_rds_and_known_to_no_template() -> None:
    database = _RESOURCES["Database"]["Properties"]

    assert database["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in database
    assert not [name for name in _TEMPLATE["Parameters"] if "Password" in name]


@pytest.mark.parametrize(("version", "fits"), [("8.4.9", True), ("8.4", False), ("8.0.40", False)])
def test_engine_version_is_a_full_one_as_cloudformation_wants_it(version: str, fits: bool) -> None:
    assert bool(re.match(_TEMPLATE["Parameters"]["EngineVersion"]["AllowedPattern"], version)) is fits


def test_logs_that_rds_sends_are_kept_for_a_stated_time() -> None:
    groups = {
        item["LogGroupName"]["Fn::Sub"].rsplit("/", 1)[1]: item["RetentionInDays"]
        for item in _of_type("AWS::Logs::LogGroup").values()
    }

    assert set(groups) == set(_RESOURCES["Database"]["Properties"]["EnableCloudwatchLogsExports"])
    # RDS makes a group that is not there, and keeps it for ever.
    assert set(_RESOURCES["Database"]["DependsOn"]) == set(_of_type("AWS::Logs::LogGroup"))


def test_proxy_signs_in_by_iam_as_the_two_users_alone() -> None:
    proxy = _RESOURCES["DatabaseProxy"]["Properties"]
    (statement,) = _RESOURCES["DatabaseProxyRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]

    assert (proxy["DefaultAuthScheme"], proxy["RequireTLS"]) == ("IAM_AUTH", True)
    assert [item["Fn::Sub"].rsplit("/", 1)[1] for item in statement["Resource"]] == [
        "${DatabaseUser}",
        "${MigrationUser}",
    ]
    pool = _RESOURCES["DatabaseProxyTargetGroup"]["Properties"]
    assert pool["TargetGroupName"] == "default"


def test_outputs_bear_the_names_of_a_groups_parameters_and_are_exported() -> None:
    outputs = _TEMPLATE["Outputs"]
    shared = {"VpcId", "SubnetIds", "DatabaseHost", "DatabaseResourceId", "DatabaseSecurityGroupId", "DatabaseName"}

    assert shared <= set(outputs)
    for name, output in outputs.items():
        named = re.match(r"Parameter (\w+) of", output["Description"])
        if named:
            assert named[1] in _GROUP_PARAMETERS, name
            assert output["Export"] == {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}}
    needed = {"VpcId", "SubnetIds", "DatabaseHost", "DatabaseResourceId", "DatabaseSecurityGroupId"}
    assert needed <= {name for name in outputs if name in _GROUP_PARAMETERS}


def test_users_and_schema_have_the_defaults_of_the_groups() -> None:
    for name in ("DatabaseName", "DatabaseUser"):
        assert _TEMPLATE["Parameters"][name]["Default"] == _GROUP_PARAMETERS[name]["Default"]
