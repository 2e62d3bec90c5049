"""What is watched: each alarm is told by one that notifies, has a runbook and a price; what is shown is well formed."""

import re
from typing import Any

import pytest
from express_batch.errors import CircuitOpenError

from batchctl.cost import watching
from emulator.stack.template_file import read_template
from tests.template.aws_metrics import AWS_METRICS
from tests.template.dashboard_body import find_problems
from tests.template.project_template import CREATE_PROXY, EXISTING_PROXY, LOCAL, ROOT, TEMPLATE
from tests.template.resolved_template import STACK, ResolvedTemplate
from tests.template.watched_names import WatchedMetric, read_alarm_metrics, read_shown_metrics

_TEMPLATE = read_template(TEMPLATE)
_ALL = {**CREATE_PROXY, "Dashboard": "Active", "AlarmTopicArn": "arn:aws:sns:us-east-1:111122223333:told"}
_RUNBOOKS = ROOT / "docs/runbooks"
# Alarms that say why, and notify nobody by themselves.
_CAUSES = {
    "CircuitOpenAlarm",
    "PartnerThrottlingAlarm",
    "SessionsPinnedAlarm",
    "SyncUsersErrorsAlarm",
    "SyncUsersThrottlesAlarm",
    "WriteRowsErrorsAlarm",
}
_VARIANTS: list[dict[str, Any]] = [
    _ALL,
    {**EXISTING_PROXY, "Dashboard": "Active"},
    {**EXISTING_PROXY, "Dashboard": "Active", "DatabaseProxyName": "shared", "Alarms": "Off"},
    {**EXISTING_PROXY, "Dashboard": "Active", "ScheduleState": "DISABLED"},
    {**LOCAL, "Dashboard": "Active", "ExpectedRunMinutes": "0"},
]


def _alarms(parameters: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return ResolvedTemplate(parameters).of_type("AWS::CloudWatch::Alarm")


def _kebab(logical_id: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", logical_id.removesuffix("Alarm")).lower()


def _watched(parameters: dict[str, Any]) -> list[WatchedMetric]:
    template = ResolvedTemplate(parameters)
    shown = [
        metric
        for name, dashboard in template.of_type("AWS::CloudWatch::Dashboard").items()
        for metric in read_shown_metrics(dashboard["DashboardBody"], name)
    ]
    return [*read_alarm_metrics(template), *shown]


def test_no_alarm_is_made_when_none_is_wanted() -> None:
    template = ResolvedTemplate({**_ALL, "Alarms": "Off"})

    assert template.of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm") == {}


def test_alarm_on_metrics_is_made_only_when_there_are_metrics() -> None:
    without = _alarms({**EXISTING_PROXY, "Metrics": "Off"})

    assert set(_alarms(EXISTING_PROXY)) - set(without) == {
        "CircuitOpenAlarm",
        "PartnerThrottlingAlarm",
        "UsersFailedAlarm",
        "UsersMissingAlarm",
    }
    assert not [alarm for alarm in without.values() if "ExpressBatch" in str(alarm)]


@pytest.mark.parametrize("change", [{"ScheduleState": "DISABLED"}, {"ExpectedRunMinutes": "0"}])
def test_missing_run_rings_nothing_when_none_is_expected(change: dict[str, str]) -> None:
    assert "RunMissingAlarm" in _alarms(EXISTING_PROXY)
    assert "RunMissingAlarm" not in _alarms({**EXISTING_PROXY, **change})


def test_missing_run_rings_after_the_given_minutes_and_at_no_other_alarm_for_want_of_data() -> None:
    alarm = _alarms({**EXISTING_PROXY, "ExpectedRunMinutes": "70"})["RunMissingAlarm"]

    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (60, "70", "breaching")
    others = [item for name, item in _alarms(_ALL).items() if name != "RunMissingAlarm"]
    assert {item["TreatMissingData"] for item in others} == {"notBreaching"}


def test_alarms_window_is_no_longer_than_cloudwatch_takes() -> None:
    # A day for periods below an hour. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    assert _TEMPLATE["Parameters"]["ExpectedRunMinutes"]["MaxValue"] * 60 <= 86_400


def test_default_expects_two_intervals_of_the_default_schedule() -> None:
    parameters = _TEMPLATE["Parameters"]

    assert parameters["ScheduleExpression"]["Default"] == "rate(10 minutes)"
    assert parameters["ExpectedRunMinutes"]["Default"] > 2 * 10


def test_pinned_sessions_ring_where_the_proxy_is_known_by_name() -> None:
    def proxies(parameters: dict[str, Any]) -> list[Any]:
        alarm = _alarms(parameters).get("SessionsPinnedAlarm", {"Dimensions": []})
        return [item["Value"] for item in alarm["Dimensions"]]

    assert proxies(EXISTING_PROXY) == []
    assert proxies({**EXISTING_PROXY, "DatabaseProxyName": "shared"}) == ["shared"]
    assert proxies(CREATE_PROXY) == [STACK]


@pytest.mark.parametrize("parameters", _VARIANTS)
def test_trouble_rings_for_every_symptom_and_for_no_cause(parameters: dict[str, Any]) -> None:
    template = ResolvedTemplate(parameters)
    alarms = template.of_type("AWS::CloudWatch::Alarm")

    for trouble in template.of_type("AWS::CloudWatch::CompositeAlarm").values():
        named = re.findall(r'ALARM\("([^"]+)"\)', trouble["AlarmRule"])
        assert trouble["AlarmRule"] == " OR ".join(f'ALARM("{name}")' for name in named)
        assert set(named) == {alarm["AlarmName"] for name, alarm in alarms.items() if name not in _CAUSES}
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
        assert len(trouble["AlarmRule"]) <= 10_240


def test_trouble_alone_tells_the_topic_and_tells_it_when_it_is_over() -> None:
    trouble = ResolvedTemplate(_ALL).properties("GroupInTroubleAlarm")

    assert trouble["AlarmActions"] == trouble["OKActions"] == [_ALL["AlarmTopicArn"]]
    assert "AlarmActions" not in ResolvedTemplate(EXISTING_PROXY).properties("GroupInTroubleAlarm")
    assert not [name for name, alarm in _alarms(_ALL).items() if any(key.endswith("Actions") for key in alarm)]


def test_every_alarm_bears_the_stacks_name_and_names_its_runbook() -> None:
    template = ResolvedTemplate(_ALL)
    alarms = template.of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")

    for name, alarm in alarms.items():
        assert alarm["AlarmName"] == f"{STACK}-{name.removesuffix('Alarm')}"
        assert f"docs/runbooks/{_kebab(name)}.md" in alarm["AlarmDescription"]
        assert len(alarm["AlarmDescription"]) <= 1024
    assert {path.stem for path in _RUNBOOKS.glob("*.md")} == {"README", *map(_kebab, alarms)}


def test_every_runbook_is_in_the_index_and_says_what_it_means_what_to_check_and_what_to_do() -> None:
    index = (_RUNBOOKS / "README.md").read_text(encoding="utf-8")

    for path in _RUNBOOKS.glob("*.md"):
        if path.stem != "README":
            headings = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert headings == ["What it means", "Check", "Remedy"], path.name
            assert f"({path.name})" in index


@pytest.mark.parametrize("parameters", _VARIANTS)
def test_dashboard_is_what_cloudwatch_documents_when_its_parameters_are(parameters: dict[str, Any]) -> None:
    template = ResolvedTemplate(parameters)
    (dashboard,) = template.of_type("AWS::CloudWatch::Dashboard").values()

    assert find_problems(dashboard["DashboardBody"]) == []
    assert re.fullmatch("[A-Za-z0-9_-]{1,255}", dashboard["DashboardName"])
    alarms = {
        alarm["AlarmName"]
        for alarm in template.of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm").values()
    }
    assert set(re.findall(r":alarm:([\w-]+)", dashboard["DashboardBody"])) == alarms


def test_template_is_within_the_limits_of_cloudformation() -> None:
    # What SAM adds is about as many again.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    assert 2 * len(_TEMPLATE["Resources"]) < 500
    assert len(_TEMPLATE["Parameters"]) < 200
    assert TEMPLATE.stat().st_size < 1_000_000


def test_no_dashboard_is_made_unless_it_is_wanted() -> None:
    assert ResolvedTemplate(EXISTING_PROXY).of_type("AWS::CloudWatch::Dashboard") == {}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"widgets"', '"wigets"', "unknown key wigets"),
        ('"view": "table"', '"view": "tabel"', "view tabel"),
        ('"stat": "p95"', '"stat": "95th"', "stat or period"),
        ('"StateMachineArn", ', "", "no namespace, name and pairs of dimensions"),
        ('"alarms": [', '"alarms": ["RunsFailed", ', "RunsFailed is no alarm"),
        ("SOURCE ", "FROM ", "the query begins with no SOURCE"),
        ('"region": "us-east-1", ', "", "no region"),
    ],
)
def test_dashboard_check_finds_what_cloudwatch_would_refuse(old: str, new: str, problem: str) -> None:
    body = ResolvedTemplate(_ALL).properties("GroupDashboard")["DashboardBody"]

    assert problem in " ".join(find_problems(body.replace(old, new, 1)))


@pytest.mark.parametrize("parameters", _VARIANTS)
def test_metrics_of_aws_are_looked_up_by_dimensions_that_aws_has(parameters: dict[str, Any]) -> None:
    watched = [metric for metric in _watched(parameters) if metric.namespace.startswith("AWS/")]

    unknown = [item for item in watched if item.dimension_names not in AWS_METRICS.get((item.namespace, item.name), ())]
    assert unknown == []
    assert len(watched) > 10


def test_metrics_of_aws_are_all_used() -> None:
    used = {(metric.namespace, metric.name) for metric in _watched(_ALL)}

    assert set(AWS_METRICS) - used == set()


def test_dimensions_name_resources_of_the_stack() -> None:
    template = ResolvedTemplate(_ALL)
    names = {
        "FunctionName": {item["FunctionName"] for item in template.of_type("AWS::Serverless::Function").values()},
        "StateMachineArn": {template.reference("UserBatch", "test")},
        "ProxyName": {STACK},
        "QueueName": {
            template.attribute(name, "QueueName", "test") for name in ("FailedRecordsQueue", "ScheduleDeadLetterQueue")
        },
        "TenantGroup": {"demo"},
        "Reason": {"*", CircuitOpenError.__name__},
    }
    names["Resource"] = {f"{name}:live" for name in names["FunctionName"]}

    wrong = [
        (metric.where, name, value)
        for metric in _watched(_ALL)
        for name, value in metric.dimensions
        if value not in names[name]
    ]
    assert wrong == []


def test_trace_group_is_found_by_the_tenant_group_and_has_a_name_that_xray_takes() -> None:
    group = ResolvedTemplate({**EXISTING_PROXY, "TenantGroup": "a" * 24}).properties("TraceGroup")

    assert group["FilterExpression"] == f'annotation.tenant_group = "{"a" * 24}"'
    assert len(group["GroupName"]) <= 32  # https://docs.aws.amazon.com/xray/latest/api/API_CreateGroup.html


def test_queries_read_log_groups_of_the_stack() -> None:
    template = ResolvedTemplate(EXISTING_PROXY)
    groups = {item["LogGroupName"] for item in template.of_type("AWS::Logs::LogGroup").values()}

    queries = template.of_type("AWS::Logs::QueryDefinition")
    assert len(queries) == 7
    for name, query in queries.items():
        assert set(query["LogGroupNames"]) <= groups, name
        assert query["Name"].startswith(f"{STACK}/")


def test_price_of_the_alarms_is_that_of_the_metrics_they_read() -> None:
    """Each metric of an expression is charged as one. https://aws.amazon.com/cloudwatch/pricing/"""
    assert len(list(read_alarm_metrics(ResolvedTemplate(_ALL)))) == watching.ALARM_METRICS
    assert len(ResolvedTemplate(_ALL).of_type("AWS::CloudWatch::CompositeAlarm")) == watching.COMPOSITE_ALARMS
    cents = round(10 * watching.ALARM_METRICS + 50 * watching.COMPOSITE_ALARMS)
    assert f"at most ${cents / 100:.2f}" in _TEMPLATE["Parameters"]["Alarms"]["Description"]
