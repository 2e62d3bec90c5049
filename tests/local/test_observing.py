"""What a report reads, asked for at the endpoint as on AWS: logs, traces, metrics."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.background_stack import BackgroundStack

CODE = """
import json, time
METRIC = {"Namespace": "Observed", "Dimensions": [["TenantGroup"]], "Metrics": [{"Name": "Users", "Unit": "Count"}]}
def handler(event, context):
    if event.get("fail"):
        raise ValueError("asked for")
    print(json.dumps({"message": "observed", "run_id": event["run_id"], "users": event["users"]}))
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [METRIC]}
    print(json.dumps({"_aws": metadata, "TenantGroup": "acme", "Users": event["users"]}))
"""
MACHINE_GROUP = "/aws/vendedlogs/states/observed"
Invoke = Callable[..., Any]


def epoch() -> datetime:
    return datetime.fromtimestamp(0, UTC)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture(scope="module")
def function_arn(shared_stack: BackgroundStack) -> Iterator[str]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", CODE)
    lambdas = shared_stack.client("lambda")
    function = lambdas.create_function(
        FunctionName="observed",
        Runtime="python3.13",
        Role="arn:aws:iam::123456789012:role/any",
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
        TracingConfig={"Mode": "Active"},
    )
    for number in range(3):
        payload = json.dumps({"run_id": f"r{number}", "users": number})
        lambdas.invoke(FunctionName="observed", Payload=payload)
    yield function["FunctionArn"]
    lambdas.delete_function(FunctionName="observed")


@pytest.fixture(scope="module")
def run_machine(shared_stack: BackgroundStack, function_arn: str) -> Iterator[Invoke]:
    machines = shared_stack.client("stepfunctions")
    task = {"Type": "Task", "Resource": function_arn, "End": True}
    arn = machines.create_state_machine(
        name="Observed",
        type="EXPRESS",
        definition=json.dumps({"StartAt": "Observe", "States": {"Observe": task}}),
        roleArn="arn:aws:iam::123456789012:role/any",
        loggingConfiguration={
            "level": "ERROR",
            "destinations": [
                {
                    "cloudWatchLogsLogGroup": {
                        "logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{MACHINE_GROUP}:*"
                    }
                }
            ],
        },
        tracingConfiguration={"enabled": True},
    )["stateMachineArn"]

    def run(header: str | None = None, **event: Any) -> Any:
        async def start() -> Any:
            service = shared_stack.stack.emulator.state_machines
            return await (await service.start(arn, event, trace_header=header)).wait()

        return shared_stack.do(start())

    yield run
    machines.delete_state_machine(stateMachineArn=arn)


def test_one_run_is_found_among_the_lines_of_a_function(stack: BackgroundStack, function_arn: str) -> None:
    assert function_arn
    logs = stack.client("logs")

    (event,) = logs.filter_log_events(logGroupName="/aws/lambda/observed", filterPattern='{ $.run_id = "r1" }')[
        "events"
    ]
    reports = logs.filter_log_events(logGroupName="/aws/lambda/observed", filterPattern='"REPORT RequestId"')["events"]

    assert json.loads(event["message"]) == {"message": "observed", "run_id": "r1", "users": 1}
    assert len(reports) == 3
    assert len(logs.filter_log_events(logGroupName="/aws/lambda/observed", limit=2)["events"]) == 2


def test_lines_of_the_project_are_in_the_group_that_the_template_makes(stack: BackgroundStack) -> None:
    started = int(datetime.now(UTC).timestamp() * 1000)
    stack.run_batch()
    logs, group = stack.client("logs"), stack.stack.stack.outputs["SyncUsersLogGroupName"]

    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=started, filterPattern='"REPORT RequestId"', PaginationConfig={"PageSize": 10}
    )

    # Chunks of 250, 250 and 100 users in slices of 40.
    assert len([event for page in pages for event in page["events"]]) == 17


def test_streams_of_a_group_are_described_and_read(stack: BackgroundStack, function_arn: str) -> None:
    assert function_arn
    logs = stack.client("logs")

    (group,) = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/observed")["logGroups"]
    streams = logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]
    events = logs.get_log_events(
        logGroupName=group["logGroupName"], logStreamName=streams[0]["logStreamName"], startFromHead=True
    )["events"]

    assert events[0]["message"].startswith("START RequestId")


def test_group_that_nobody_made_does_not_exist(stack: BackgroundStack) -> None:
    with pytest.raises(ClientError) as refused:
        stack.client("logs").filter_log_events(logGroupName="/aws/lambda/absent")

    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_failed_state_is_in_the_machines_log_group(stack: BackgroundStack, run_machine: Invoke) -> None:
    good, bad = run_machine(run_id="good", users=1), run_machine(fail=True)

    events = stack.client("logs").filter_log_events(
        logGroupName=MACHINE_GROUP, filterPattern='{ $.type = "ExecutionFailed" }'
    )["events"]

    documents = [json.loads(event["message"]) for event in events]
    assert bad.arn in {document["execution_arn"] for document in documents}
    assert good.arn not in {document["execution_arn"] for document in documents}
    assert documents[0]["details"]["error"] == "ValueError"


def test_trace_leads_from_the_machine_to_the_function(stack: BackgroundStack, run_machine: Invoke) -> None:
    root = f"1-{int(datetime.now(UTC).timestamp()):08x}-{1:024x}"
    run_machine(f"Root={root};Sampled=1", run_id="traced", users=1)
    xray = stack.client("xray")

    (trace,) = xray.batch_get_traces(TraceIds=[root])["Traces"]
    services = xray.get_trace_graph(TraceIds=[root])["Services"]

    assert trace["LimitExceeded"] is False
    kinds = {service["ReferenceId"]: service["Type"] for service in services}
    edges = {(service["Type"], kinds[edge["ReferenceId"]]) for service in services for edge in service["Edges"]}
    assert edges == {
        ("client", "AWS::StepFunctions::StateMachine"),
        ("AWS::StepFunctions::StateMachine", "AWS::Lambda"),
        ("AWS::Lambda", "AWS::Lambda::Function"),
    }
    names = {service["Name"] for service in xray.get_service_graph(StartTime=epoch(), EndTime=soon())["Services"]}
    assert {"Observed", "observed"} <= names


def test_summaries_are_found_by_service(stack: BackgroundStack, run_machine: Invoke) -> None:
    run_machine(fail=True)

    found = stack.client("xray").get_trace_summaries(
        StartTime=epoch(), EndTime=soon(), FilterExpression='service("Observed") AND fault'
    )["TraceSummaries"]

    assert found
    assert all(summary["HasFault"] for summary in found)


def test_callers_trace_goes_on_when_a_function_is_invoked_over_http(stack: BackgroundStack, function_arn: str) -> None:
    root = f"1-{int(datetime.now(UTC).timestamp()):08x}-{2:024x}"
    lambdas = stack.client("lambda")
    lambdas.meta.events.register(
        "before-sign.lambda.Invoke",
        lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", f"Root={root};Parent={'a' * 16};Sampled=1"),
    )

    lambdas.invoke(FunctionName=function_arn, Payload=json.dumps({"run_id": "http", "users": 0}))

    (report, *_) = stack.client("logs").filter_log_events(
        logGroupName="/aws/lambda/observed", filterPattern=f'"XRAY TraceId: {root}"'
    )["events"]
    assert "Sampled: true" in report["message"]


def test_metrics_come_out_of_log_lines(stack: BackgroundStack, function_arn: str) -> None:
    assert function_arn
    cloudwatch = stack.client("cloudwatch")
    metric = {"Namespace": "Observed", "MetricName": "Users", "Dimensions": [{"Name": "TenantGroup", "Value": "acme"}]}
    times = {"StartTime": datetime.now(UTC) - timedelta(hours=1), "EndTime": soon()}

    listed = cloudwatch.list_metrics(Namespace="Observed")["Metrics"]
    stat = {"Metric": metric, "Period": 7200, "Stat": "Maximum"}
    (result,) = cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "most", "MetricStat": stat}], **times)[
        "MetricDataResults"
    ]
    (point,) = cloudwatch.get_metric_statistics(**metric, Period=7200, Statistics=["Sum", "Minimum"], **times)[
        "Datapoints"
    ]

    assert listed == [metric]
    assert result["Values"] == [2.0]
    assert (point["Minimum"], point["Unit"]) == (0.0, "Count")
    assert point["Sum"] >= 3.0
