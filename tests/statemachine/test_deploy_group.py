"""The named paths of DeployGroup, which the pipeline starts for each tenant group and waits for."""

import json
from pathlib import Path

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.step_functions import Execution, StepFunctionsService
from emulator.step_functions.clock import LoopClock
from tests.emulator.step_functions.doubles import EPOCH_SECONDS, FakeLambda, create_machine
from tests.fakes.virtual_time import run_virtual
from tests.statemachine.cloudformation import CHANGE_SET, TOKEN, FakeCloudFormation, event

_DEFINITION = Path(__file__).resolve().parents[2] / "statemachines" / "deploy_group.asl.json"
_INPUT = {
    "group": "north",
    "stack_name": "express-batch-north",
    "template_url": "https://artifacts.s3.us-east-1.amazonaws.com/deployments/abc/template.yaml",
    "parameters": [{"ParameterKey": "TenantGroup", "ParameterValue": "north"}],
    "tags": [{"Key": "Project", "Value": "express-batch"}],
}
_ROLE_ARN = "arn:aws:iam::123456789012:role/express-batch-cloudformation"
_CREATED = [("REVIEW_IN_PROGRESS", False), ("CREATE_IN_PROGRESS", True), ("CREATE_COMPLETE", True)]
_UPDATED = [("UPDATE_IN_PROGRESS", True), ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", True), ("UPDATE_COMPLETE", True)]
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_SMOKE_FAILURE = {"status": "FAILED", "error": "DryRunFailed", "cause": "run dry-1: none of 7 users\nwere answered for"}


def run(cloud: FakeCloudFormation) -> Execution:
    """The ended execution."""

    async def execute() -> Execution:
        definition = _DEFINITION.read_text(encoding="utf-8").replace("${CloudFormationRoleArn}", _ROLE_ARN)
        service = StepFunctionsService(Identity(), FakeLambda(), cloud, clock=LoopClock(EPOCH_SECONDS))
        arn = await create_machine(service, json.loads(definition), kind="STANDARD", name="DeployGroup")
        execution = await (await service.start(arn, _INPUT, name=TOKEN)).wait()
        await service.close()
        return execution

    return run_virtual(execute())


def outcome(cloud: FakeCloudFormation) -> tuple[str | None, str | None]:
    """Error and cause of the execution, which has to fail."""
    execution = run(cloud)
    assert execution.status == "FAILED"
    return execution.error, execution.cause


def test_deployment_creates_the_stack_and_tries_it_when_there_is_none() -> None:
    cloud = FakeCloudFormation(
        before=[None], after=_CREATED, change_set=[("CREATE_PENDING", ""), ("CREATE_COMPLETE", "")]
    )

    execution = run(cloud)

    assert execution.output == {"group": "north", "stack": "express-batch-north", "changed": True}
    assert cloud.names() == [
        "DescribeStacks",
        "CreateChangeSet",
        "DescribeChangeSet",
        "ExecuteChangeSet",
        "DescribeStacks",
        "StartExecution",
        "DescribeExecution",
    ]
    assert cloud.parameters_of("CreateChangeSet") == {
        "StackName": "express-batch-north",
        "ChangeSetName": "express-batch-pipeline",
        "ChangeSetType": "CREATE",
        "TemplateURL": _INPUT["template_url"],
        "Parameters": _INPUT["parameters"],
        "Tags": _INPUT["tags"],
        "RoleARN": _ROLE_ARN,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "ClientToken": TOKEN,
    }
    assert cloud.parameters_of("ExecuteChangeSet") == {"ChangeSetName": CHANGE_SET, "ClientRequestToken": TOKEN}
    started = cloud.parameters_of("StartExecution")
    assert started["stateMachineArn"].endswith(":123456789012:stateMachine:express-batch-north-SmokeRun")
    assert json.loads(started["input"]) == {"dry_run": True, "users": 100}


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_deployment_updates_the_stack_when_there_is_one(status: str) -> None:
    cloud = FakeCloudFormation(before=[status], after=_UPDATED)

    execution = run(cloud)

    assert (execution.status, execution.output["changed"]) == ("SUCCEEDED", True)
    assert cloud.parameters_of("CreateChangeSet")["ChangeSetType"] == "UPDATE"
    assert cloud.names()[:3] == ["DescribeStacks", "DeleteChangeSet", "CreateChangeSet"]


def test_deployment_creates_the_stack_when_an_earlier_change_set_was_never_executed() -> None:
    cloud = FakeCloudFormation(before=["REVIEW_IN_PROGRESS"], after=_CREATED)

    assert run(cloud).status == "SUCCEEDED"
    assert cloud.parameters_of("CreateChangeSet")["ChangeSetType"] == "CREATE"
    assert "DeleteChangeSet" in cloud.names()


def test_deployment_waits_when_the_stack_is_being_changed_by_somebody_else() -> None:
    cloud = FakeCloudFormation(before=[*["UPDATE_IN_PROGRESS"] * 5, "UPDATE_COMPLETE"], after=_UPDATED)

    assert run(cloud).status == "SUCCEEDED"


def test_deployment_goes_on_when_there_is_no_stale_change_set_or_its_deletion_takes_a_moment() -> None:
    cloud = FakeCloudFormation(
        before=["UPDATE_COMPLETE"],
        after=_UPDATED,
        errors={
            "DescribeStacks": [AwsError("Throttling", "Rate exceeded", 400)],
            "DeleteChangeSet": [AwsError("ChangeSetNotFound", "ChangeSet does not exist", 404)],
            "CreateChangeSet": [AwsError("AlreadyExistsException", "exists", 400)],
        },
    )

    assert run(cloud).status == "SUCCEEDED"


@pytest.mark.parametrize("reason", [_NO_CHANGES, "No updates are to be performed."])
def test_deployment_tries_the_stack_when_it_has_no_changes(reason: str) -> None:
    cloud = FakeCloudFormation(before=["UPDATE_COMPLETE"], change_set=[("FAILED", reason)])

    execution = run(cloud)

    assert (execution.status, execution.output["changed"]) == ("SUCCEEDED", False)
    assert cloud.names()[3:] == ["DescribeChangeSet", "DeleteChangeSet", "StartExecution", "DescribeExecution"]


def test_deployment_fails_with_the_reason_when_the_change_set_failed() -> None:
    reason = "Parameters: [ChunkSize] must have values"
    cloud = FakeCloudFormation(before=["UPDATE_COMPLETE"], change_set=[("FAILED", reason)])

    assert outcome(cloud) == ("ChangeSetFailed", f"group north, change set: {reason}")
    assert not cloud.executed


def test_deployment_fails_with_the_refusal_when_no_change_set_can_be_made() -> None:
    refusal = AwsError("ValidationError", "S3 error: Access Denied", 400)
    cloud = FakeCloudFormation(before=[None], errors={"CreateChangeSet": [refusal]})

    error, cause = outcome(cloud)

    assert error == "ChangeSetFailed"
    assert (cause or "").startswith("group north, change set: S3 error: Access Denied")


def test_deployment_names_the_first_failed_resource_when_the_stack_was_rolled_back() -> None:
    # GIVEN events over two pages, the newest first, with those of an earlier change behind them
    pages = [
        [
            event("UPDATE_ROLLBACK_COMPLETE", resource="express-batch-north"),
            event("UPDATE_FAILED", "Resource update cancelled", resource="SyncUsersFunction"),
            event("UPDATE_FAILED", "a second failure", resource="CloseRunFunction"),
        ],
        [
            event("UPDATE_FAILED", "the memory is\nnot enough"),
            event("UPDATE_IN_PROGRESS", "User Initiated", resource="express-batch-north"),
            event("UPDATE_FAILED", "of the last release", resource="ListUsersFunction", token="other"),
        ],
        [event("UPDATE_FAILED", "long ago", token="other")],
    ]
    cloud = FakeCloudFormation(
        before=["UPDATE_COMPLETE"],
        after=[("UPDATE_IN_PROGRESS", True), ("UPDATE_ROLLBACK_COMPLETE", True)],
        pages=pages,
    )

    assert outcome(cloud) == (
        "StackFailed",
        "group north, execution: express-batch-north is UPDATE_ROLLBACK_COMPLETE: "
        "WriteRowsFunction (AWS::Lambda::Function): the memory is not enough",
    )
    assert [name for name, _ in cloud.calls].count("DescribeStackEvents") == 2
    assert "StartExecution" not in cloud.names()


def test_deployment_names_the_status_when_the_events_are_more_than_a_state_holds() -> None:
    pages = [[event("CREATE_FAILED", "x" * 262_144)]]
    cloud = FakeCloudFormation(before=[None], after=[("ROLLBACK_COMPLETE", True)], pages=pages)

    assert outcome(cloud) == (
        "StackFailed",
        "group north, execution: express-batch-north is ROLLBACK_COMPLETE: its events name no failed resource",
    )


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("ROLLBACK_COMPLETE", "delete-stack"),
        ("CREATE_FAILED", "delete-stack"),
        ("DELETE_FAILED", "delete-stack"),
        ("UPDATE_FAILED", "rollback-stack"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ],
)
def test_deployment_names_the_remedy_when_the_stack_takes_no_change(status: str, remedy: str) -> None:
    cloud = FakeCloudFormation(before=[status])

    error, cause = outcome(cloud)

    assert error == "StackNotReady"
    assert (cause or "").startswith(f"group north, stack: express-batch-north is {status}: ")
    assert f"aws cloudformation {remedy} --stack-name express-batch-north" in (cause or "")
    assert cloud.names() == ["DescribeStacks"]


def test_deployment_fails_at_once_when_the_stack_may_not_be_looked_at() -> None:
    denied = AwsError("AccessDenied", "not authorized to perform: cloudformation:DescribeStacks", 403)
    cloud = FakeCloudFormation(before=[None], errors={"DescribeStacks": [denied]})

    error, cause = outcome(cloud)

    assert (error, len(cloud.calls)) == ("StackNotReady", 1)
    assert (cause or "").startswith("group north, stack: not authorized")


def test_deployment_takes_no_old_update_complete_for_its_own_when_the_change_begins_late() -> None:
    cloud = FakeCloudFormation(
        before=["UPDATE_COMPLETE"],
        after=[("UPDATE_COMPLETE", False)] * 3 + [("UPDATE_IN_PROGRESS", True), ("UPDATE_ROLLBACK_COMPLETE", True)],
        pages=[[event("UPDATE_FAILED", "no")]],
    )

    assert outcome(cloud)[0] == "StackFailed"


def test_deployment_fails_with_the_batchs_cause_in_one_line_when_the_smoke_run_does() -> None:
    cloud = FakeCloudFormation(before=["UPDATE_COMPLETE"], after=_UPDATED, smoke_run=[_SMOKE_FAILURE])

    assert outcome(cloud) == (
        "SmokeRunFailed",
        "group north, smoke run: DryRunFailed: run dry-1: none of 7 users were answered for",
    )


def test_deployment_names_the_status_when_the_smoke_run_has_no_error() -> None:
    cloud = FakeCloudFormation(before=["UPDATE_COMPLETE"], after=_UPDATED, smoke_run=[{"status": "TIMED_OUT"}])

    assert outcome(cloud)[1] == "group north, smoke run: TIMED_OUT: no cause given"


def test_deployment_names_the_smoke_run_when_it_cannot_be_started() -> None:
    missing = AwsError("StateMachineDoesNotExist", "State Machine Does Not Exist", 400)
    cloud = FakeCloudFormation(before=["UPDATE_COMPLETE"], after=_UPDATED, errors={"StartExecution": [missing]})

    assert (outcome(cloud)[1] or "").startswith("group north, smoke run: State Machine Does Not Exist")


@pytest.mark.parametrize(
    ("cloud", "cause"),
    [
        (FakeCloudFormation(before=["UPDATE_IN_PROGRESS"]), "stack: express-batch-north is still UPDATE_IN_PROGRESS"),
        (FakeCloudFormation(before=[None], change_set=[("CREATE_PENDING", "")]), "change set: still CREATE_PENDING"),
        (
            FakeCloudFormation(before=["UPDATE_COMPLETE"], after=[("UPDATE_IN_PROGRESS", True)]),
            "execution: express-batch-north is UPDATE_IN_PROGRESS after 100 minutes",
        ),
        (
            FakeCloudFormation(before=["UPDATE_COMPLETE"], after=[("UPDATE_COMPLETE", False)]),
            "execution: express-batch-north is UPDATE_COMPLETE, and the change has not begun,",
        ),
        (
            FakeCloudFormation(before=["UPDATE_COMPLETE"], after=_UPDATED, smoke_run=[{"status": "RUNNING"}]),
            "smoke run: States.Timeout",
        ),
    ],
)
def test_deployment_fails_before_the_machine_times_out_when_a_step_never_ends(
    cloud: FakeCloudFormation, cause: str
) -> None:
    execution = run(cloud)

    assert execution.status == "FAILED"
    assert (execution.cause or "").startswith(f"group north, {cause}")
    # 25,000 events are what a Standard execution may have.
    assert len(list(execution.history)) < 5_000
    assert execution.stop_date is not None
    assert execution.stop_date - execution.start_date < 7200
