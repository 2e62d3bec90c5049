"""A permission that no run ever makes use of is one too many, unless it is listed here with its reason."""

from collections.abc import Iterator
from typing import Any

import pytest
from express_batch.run_layout import STOP_KEY

from batchctl.local.options import LocalOptions
from emulator.step_functions import Execution
from tests.local.background_stack import BackgroundStack
from tests.local.poisonous_project import KILLER, make_poisonous_template

USERS = 120
_LOGS = "written by Lambda and Step Functions themselves, here past the gateway"
_XRAY = "sent past the gateway, here and on AWS: to the daemon by UDP, or by Step Functions itself"
_DELIVERY = "asked for by Step Functions when a machine with a log group is made, which the emulator does not judge"
_VPC = "Lambda attaches functions to a VPC; there is none here"
_RELEASE = "CodeDeploy shifts an alias; the emulator shifts nothing"
_SCHEDULE = "EventBridge Scheduler; the emulator keeps no schedule, and a run is started by hand"
_ABSENT = "a chunk that has expired under a record that still goes round: S3 then says 404 and not 403"
FUNCTIONS = ("ListUsersRole", "SyncUsersRole", "WriteRowsRole", "CloseRunRole")
MACHINES = ("UserBatchRole", "SmokeRunRole")
# (roles, actions, why nothing here uses them)
UNUSED = (
    (FUNCTIONS, ("logs:CreateLogStream", "logs:PutLogEvents"), _LOGS),
    ((*FUNCTIONS, *MACHINES), ("xray:PutTraceSegments", "xray:PutTelemetryRecords"), _XRAY),
    (MACHINES, ("xray:GetSamplingRules", "xray:GetSamplingTargets"), _XRAY),
    (
        ("UserBatchRole",),
        (
            "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
            "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ),
        _DELIVERY,
    ),
    (
        ("ListUsersRole", "WriteRowsRole", "CloseRunRole"),
        (
            "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
        ),
        _VPC,
    ),
    (
        ("ReleaseRole",),
        (
            "cloudwatch:DescribeAlarms", "lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig",
            "lambda:UpdateAlias",
        ),
        _RELEASE,
    ),
    (("ScheduleRole",), ("states:StartExecution", "sqs:SendMessage"), _SCHEDULE),
    (("WriteRowsRole",), ("s3:ListBucket",), _ABSENT),
)  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundStack]:
    """A stack on which everything has happened that calls AWS: runs good and bad, put aside, stopped, repeated."""
    options = LocalOptions(
        users=USERS,
        users_per_invocation=30,
        api_latency_ms=1,
        template=make_poisonous_template(tmp_path_factory.mktemp("project")),
        parameters={"ChunkSize": "60", "CloseRunWaitSeconds": "20", "RunOverlap": "wait", "MaxUnwrittenUsers": "1000"},
    )
    with BackgroundStack(options) as running:
        _let_everything_happen(running)
        yield running


def _let_everything_happen(stack: BackgroundStack) -> None:
    # Answers of every kind, and a record that WriteRows cannot read.
    stack.set_api(malformed_rate=0.3)
    stack.client("kinesis").put_record(
        StreamName=stack.stack.stack.outputs["RowStreamName"], PartitionKey="x", Data=b'{"version": 99, "rows": []}'
    )
    time = stack.new_time()
    account = stack.run_batch(time).output
    assert set(account["failed_by_reason"]) >= {"MalformedAnswerError", "RowRefusedError"}
    # The same time once more, and the users that failed once more, by one of the reasons.
    stack.set_api(malformed_rate=0)
    assert stack.run_batch(time).output["status"] == "ALREADY_STARTED"
    redriven = _start(stack, {"redrive_of": account["run_id"], "reasons": ["MalformedAnswerError"]}).output
    assert redriven["users_listed"] == account["failed_by_reason"]["MalformedAnswerError"]
    assert stack.smoke_run(users=10).status == "SUCCEEDED"
    # A partner that is down for longer than repeats last, and is back for the next run's probe.
    stack.set_api(error_rate=1, latency_ms=800)
    assert stack.run_batch().output["failed_by_reason"]["CircuitOpenError"]
    stack.set_api(error_rate=0, latency_ms=1)
    assert stack.run_batch().output["users_missing"] == 0
    # A slice whose environment dies, every time.
    stack.query("INSERT INTO users (user_id, tenant_id) VALUES (%s, 'acme')", KILLER)
    assert stack.run_batch().output["failed_by_reason"].keys() == {"Runtime.ExitError"}
    # Calls are stopped; an environment looks once a second.
    bucket = stack.stack.stack.outputs["RunBucketName"]
    stack.client("s3").put_object(Bucket=bucket, Key=STOP_KEY, Body=b'{"reason": "a test"}')
    assert any(stack.run_batch().output["status"] == "STOPPED" for _ in range(100))


def _start(stack: BackgroundStack, given: dict[str, Any]) -> Execution:
    async def run() -> Execution:
        machines = stack.stack.emulator.state_machines
        return await (await machines.start(stack.stack.state_machine_arn, given)).wait()

    return stack.do(run())


def list_unused(stack: BackgroundStack) -> set[tuple[str, str, str]]:
    """(role, action, resource) of each line of a policy that let nothing through, by the template's names."""
    access = stack.stack.emulator.access
    resources = stack.stack.stack.resources
    names = {
        str(item.attributes["Arn"]): f"${{{name}}}" for name, item in resources.items() if "Arn" in item.attributes
    }
    unused = set()
    for name, item in resources.items():
        if item.type == "AWS::IAM::Role":
            arn = str(item.attributes["Arn"])
            for permission in stack.do(access.permissions(arn)):
                if not access.used[arn, permission]:
                    resource = permission.resource
                    for known in sorted(names, key=len, reverse=True):
                        resource = resource.replace(known, names[known])
                    unused.add((name, permission.action, resource))
    return unused


def test_every_permission_is_used_or_it_is_said_why_not(stack: BackgroundStack) -> None:
    explained = {(role, action) for roles, actions, _ in UNUSED for role in roles for action in actions}
    unused = list_unused(stack)

    assert {line for line in unused if line[:2] not in explained} == set()
    # And the list holds nothing that is used, or gone.
    assert explained - {(role, action) for role, action, _ in unused} == set()


def test_nobody_was_refused_anything_meanwhile(stack: BackgroundStack) -> None:
    assert stack.stack.emulator.access.refused == {}


def test_each_role_has_used_something_that_calls_here(stack: BackgroundStack) -> None:
    """Or nothing was judged at all, and every line above would be an excuse."""
    resources = stack.stack.stack.resources
    used = {arn for (arn, _), times in stack.stack.emulator.access.used.items() if times}
    roles = {name for name, item in resources.items() if str(item.attributes.get("Arn")) in used}

    assert roles == {*FUNCTIONS, *MACHINES}
