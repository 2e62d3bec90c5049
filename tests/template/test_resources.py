"""What the template has to say of its resources, so that nothing is lost, left open or kept for ever."""

from typing import Any

import pytest

from emulator.stack.template_file import read_template
from tests.template.project_template import TEMPLATE

_TEMPLATE = read_template(TEMPLATE)
_RESOURCES: dict[str, dict[str, Any]] = _TEMPLATE["Resources"]


def _of_type(resource_type: str) -> dict[str, dict[str, Any]]:
    found = {name: item for name, item in _RESOURCES.items() if item["Type"] == resource_type}
    assert found, f"the template has no {resource_type}"
    return found


def test_mapping_has_every_failure_property_when_it_reads_the_stream() -> None:
    # Retries and age are unlimited by default.
    # https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
    properties = _RESOURCES["RowStreamMapping"]["Properties"]

    assert properties["BisectBatchOnFunctionError"] is True
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert properties["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["FailedRecordsQueue", "Arn"]}
    for name in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds"):
        parameter = _TEMPLATE["Parameters"][properties[name]["Ref"]]
        assert parameter["MinValue"] >= 0, f"{name} could be -1, which is unlimited"


def test_buckets_keep_nothing_for_ever() -> None:
    """That they are private and encrypted, as queues and stream: test_policies.py."""
    for name, item in _of_type("AWS::S3::Bucket").items():
        rules = item["Properties"]["LifecycleConfiguration"]["Rules"]
        assert {rule["Status"] for rule in rules} == {"Enabled"}, name


def test_log_groups_are_kept_for_a_stated_time() -> None:
    for name, item in _of_type("AWS::Logs::LogGroup").items():
        assert item["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_machine_logs_errors_alone_and_no_data_under_the_vended_prefix() -> None:
    machine = _RESOURCES["UserBatch"]["Properties"]

    assert (machine["Type"], machine["Logging"]["Level"]) == ("EXPRESS", "ERROR")
    assert machine["Logging"]["IncludeExecutionData"] is False
    name = _RESOURCES["UserBatchLogGroup"]["Properties"]["LogGroupName"]["Fn::Sub"]
    assert name.startswith("/aws/vendedlogs/")


def test_schedule_hands_on_its_time_and_loses_no_start() -> None:
    target = _RESOURCES["Schedule"]["Properties"]["Target"]

    assert target["Input"] == '{"scheduled_time": "<aws.scheduler.scheduled-time>"}'
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["ScheduleDeadLetterQueue", "Arn"]}}


@pytest.mark.parametrize(
    "resource_type",
    ["AWS::S3::Bucket", "AWS::Kinesis::Stream", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::DynamoDB::Table"],
)
def test_resources_that_hold_data_say_what_becomes_of_it(resource_type: str) -> None:
    for name, item in _of_type(resource_type).items():
        assert {"DeletionPolicy", "UpdateReplacePolicy"} <= set(item), name


def test_proxy_keeps_headroom_and_lends_connections_for_less_than_a_function_lives() -> None:
    pool = _RESOURCES["DatabaseProxyTargetGroup"]["Properties"]["ConnectionPoolConfigurationInfo"]
    timeouts = [_RESOURCES["ListUsersFunction"]["Properties"]["Timeout"], _minimum("WriteRowsTimeoutSeconds")]

    assert pool["ConnectionBorrowTimeout"] < min(timeouts)
    assert _TEMPLATE["Parameters"]["DatabaseMaxConnectionsPercent"]["Default"] <= 70
    assert _RESOURCES["DatabaseProxy"]["Properties"]["RequireTLS"] is True


def test_close_run_lives_longer_than_it_may_wait() -> None:
    timeout = _RESOURCES["CloseRunFunction"]["Properties"]["Timeout"]

    assert timeout > _TEMPLATE["Parameters"]["CloseRunWaitSeconds"]["MaxValue"] + 20


@pytest.mark.parametrize("name", list(_TEMPLATE["Parameters"]))
def test_parameter_says_what_it_is_what_it_may_be_and_has_a_label(name: str) -> None:
    parameter = _TEMPLATE["Parameters"][name]
    labels = _TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterLabels"]

    assert parameter["Description"]
    assert parameter["ConstraintDescription"]
    assert name in labels
    assert {"AllowedPattern", "AllowedValues", "MaxValue", "MaxLength"} & set(parameter)


def _minimum(parameter: str) -> int:
    return int(_TEMPLATE["Parameters"][parameter]["MinValue"])
