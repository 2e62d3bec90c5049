"""Wrong values and wrong combinations of parameters are refused by name, right ones are taken."""

from pathlib import Path

import pytest

from emulator.stack import ParameterError, TemplateError
from tests.template.project_template import CREATE_PROXY, EXISTING_PROXY, LOCAL, plan_project


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-1"])
@pytest.mark.parametrize("parameters", [LOCAL, EXISTING_PROXY])
def test_template_is_taken_when_the_parameters_are_complete(
    tmp_path: Path, parameters: dict[str, str], region: str
) -> None:
    assert "UserBatch" in plan_project(parameters, tmp_path, region).resources


def test_template_makes_no_network_when_there_is_no_vpc(tmp_path: Path) -> None:
    types = {resource.resource_type for resource in plan_project(LOCAL, tmp_path).resources.values()}

    assert not [name for name in types if name.startswith(("AWS::EC2::", "AWS::RDS::"))]


def test_template_makes_the_s3_endpoint_when_route_tables_are_given(tmp_path: Path) -> None:
    without = plan_project(EXISTING_PROXY, tmp_path)
    given = plan_project({**EXISTING_PROXY, "RouteTableIds": "rtb-0123456789abcdef0"}, tmp_path)

    assert set(given.resources) - set(without.resources) == {"S3Endpoint"}


def test_template_samples_nothing_when_tracing_is_off(tmp_path: Path) -> None:
    traced = plan_project(LOCAL, tmp_path)
    untraced = plan_project({**LOCAL, "Tracing": "PassThrough"}, tmp_path)

    assert set(traced.resources) - set(untraced.resources) == {
        "FunctionTracingPolicy",
        "TraceGroup",
        "UserBatchSamplingRule",
    }


@pytest.mark.parametrize("limit", [{"CallsPerSecond": "500"}, {"PartnerCallsInFlight": "800"}])
def test_template_makes_the_table_of_limits_when_calls_are_limited_and_no_other_table_is_named(
    tmp_path: Path, limit: dict[str, str]
) -> None:
    unlimited = set(plan_project(EXISTING_PROXY, tmp_path).resources)
    limited = set(plan_project({**EXISTING_PROXY, **limit}, tmp_path).resources)
    sharing = set(plan_project({**EXISTING_PROXY, **limit, "PartnerLimitTableName": "theirs"}, tmp_path).resources)

    assert limited - unlimited == {"PartnerLimitTable"}
    assert sharing == unlimited


def test_template_makes_what_applies_the_schema_when_a_user_for_it_is_named(tmp_path: Path) -> None:
    without = plan_project(EXISTING_PROXY, tmp_path)
    given = plan_project({**EXISTING_PROXY, "MigrationUser": "express_batch_migrator"}, tmp_path)

    more = {resource.resource_type for name, resource in given.resources.items() if name not in without.resources}
    assert more == {
        "AWS::IAM::Role",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Logs::LogGroup",
        "Custom::SchemaSteps",
    }


@pytest.mark.parametrize(
    ("base", "change", "problem"),
    [
        (EXISTING_PROXY, {"DatabaseHost": ""}, "existing-proxy needs DatabaseHost"),
        (EXISTING_PROXY, {"DatabaseResourceId": ""}, "existing-proxy needs DatabaseResourceId"),
        (EXISTING_PROXY, {"VpcId": ""}, "existing-proxy needs VpcId"),
        (EXISTING_PROXY, {"SubnetIds": ""}, "VpcId needs SubnetIds"),
        (EXISTING_PROXY, {"DatabaseSecurityGroupId": ""}, "VpcId needs DatabaseSecurityGroupId"),
        (
            EXISTING_PROXY,
            {"DatabaseAuth": "password", "DatabasePassword": "x"},
            "password goes with DatabaseMode direct",
        ),
        (EXISTING_PROXY, {"DatabaseTls": "off"}, "DatabaseTls has to be verify"),
        (EXISTING_PROXY, {"DatabasePassword": "x"}, "iam takes no DatabasePassword"),
        (CREATE_PROXY, {"DatabaseHost": "db"}, "leave DatabaseHost empty"),
        (CREATE_PROXY, {"DatabaseInstanceIdentifier": ""}, "create-proxy needs DatabaseInstanceIdentifier"),
        (CREATE_PROXY, {"DatabaseResourceId": ""}, "create-proxy needs DatabaseSecretArn, or DatabaseResourceId"),
        (CREATE_PROXY, {"VpcId": ""}, "create-proxy needs VpcId"),
        (EXISTING_PROXY, {"MigrationUser": "express_batch"}, "DatabaseUser must not; name two users"),
        (
            EXISTING_PROXY,
            {"MigrationUser": "1st"},
            "parameter MigrationUser: value '1st' does not match AllowedPattern",
        ),
        (
            CREATE_PROXY,
            {
                "MigrationUser": "migrator",
                "DatabaseSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:batch-abcdef",
            },
            "MigrationUser cannot use the secret of DatabaseUser",
        ),
        (LOCAL, {"MigrationUser": "migrator"}, "so MigrationUser has to be that user"),
        (LOCAL, {"DatabaseHost": ""}, "direct needs DatabaseHost"),
        (LOCAL, {"DatabasePassword": ""}, "password needs DatabasePassword"),
        (
            LOCAL,
            {"DatabaseAuth": "iam", "DatabasePassword": "", "DatabaseTls": "verify"},
            "iam needs DatabaseResourceId",
        ),
        (LOCAL, {"Dashboard": "Active", "Metrics": "Off"}, "Dashboard Active needs Metrics Active"),
        (
            LOCAL,
            {"PartnerLimitTableName": "theirs"},
            "PartnerLimitTableName needs CallsPerSecond or PartnerCallsInFlight",
        ),
        (LOCAL, {"AlarmTopicArn": "told"}, "parameter AlarmTopicArn: value 'told' does not match AllowedPattern"),
        (LOCAL, {"ChunkConcurrency": "41"}, "parameter ChunkConcurrency: value '41' is above MaxValue 40"),
        (LOCAL, {"ChunkSize": "5001"}, "parameter ChunkSize: value '5001' is above MaxValue 5000"),
        (LOCAL, {"UsersPerInvocation": "0"}, "parameter UsersPerInvocation: value '0' is below MinValue 1"),
        (LOCAL, {"TenantGroup": "Demo"}, "parameter TenantGroup: value 'Demo' does not match AllowedPattern"),
        (LOCAL, {"PartnerApiUrl": "http://partner.example.com"}, "parameter PartnerApiUrl: value"),
        (LOCAL, {"ScheduleExpression": "every 10 minutes"}, "parameter ScheduleExpression: value"),
        (LOCAL, {"LogRetentionDays": "31"}, "parameter LogRetentionDays: value '31' is not one of AllowedValues"),
        (LOCAL, {"SubnetIds": "subnet-1"}, "parameter SubnetIds: value 'subnet-1' does not match AllowedPattern"),
    ],
)
def test_template_says_what_is_wrong_when_parameters_do_not_go_together(
    tmp_path: Path, base: dict[str, str], change: dict[str, str], problem: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        plan_project({**base, **change}, tmp_path)

    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"ScheduleExpression": "cron(0/10 * * * ? *)"},
        {"ScheduleExpression": "rate(1 hour)"},
        {"PartnerApiUrl": "http://localhost:8080/v1"},
        {"PartnerApiUrl": "https://partner.example.com:8443"},
        {"TraceSamplingRate": "0.05"},
        {"SyncUsersReservedConcurrency": "64"},
        {"AlarmTopicArn": "arn:aws:sns:us-east-1:111122223333:told"},
        {"FailedUsersPercent": "0.5"},
    ],
)
def test_template_takes_the_value_when_it_is_in_its_range(tmp_path: Path, change: dict[str, str]) -> None:
    assert plan_project({**LOCAL, **change}, tmp_path).parameters.items() >= change.items()


def test_template_says_that_a_proxy_cannot_run_here_when_the_stack_is_to_create_one(tmp_path: Path) -> None:
    # The parameters are right; it is this machine that has no RDS Proxy.
    with pytest.raises(TemplateError, match=r"needs DatabaseProxy\.\w+, but AWS::RDS::DBProxy is not emulated"):
        plan_project(CREATE_PROXY, tmp_path)


def test_template_names_the_map_when_a_vpc_is_used_in_a_region_that_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"Mappings\.RegionNetwork has no sa-east-1, only us-east-1"):
        plan_project(EXISTING_PROXY, tmp_path, "sa-east-1")
