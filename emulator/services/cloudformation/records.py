"""What CloudFormation keeps: stacks with their events, and change sets."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulator.identity import Identity
from emulator.stack import Stack, StackPlan

STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Submission:
    """What a change set is made of."""

    template: str
    parameters: dict[str, str]
    tags: tuple[tuple[str, str], ...]
    role_arn: str | None


@dataclass
class ChangeSetRecord:
    """A change set, from its making on."""

    name: str
    arn: str
    type: str  # CREATE or UPDATE
    submission: Submission | None = None  # None until the template was fetched
    plan: StackPlan | None = None
    status: str = "CREATE_IN_PROGRESS"
    execution_status: str = "UNAVAILABLE"
    reason: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    def fail(self, reason: str) -> None:
        """It can never be executed."""
        self.status, self.reason = "FAILED", reason


@dataclass
class StackRecord:
    """A stack with all that has happened to it."""

    name: str
    arn: str
    status: str = "REVIEW_IN_PROGRESS"
    submission: Submission | None = None  # what it was last made of
    stack: Stack | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    events: list[dict[str, Any]] = field(default_factory=list)  # the oldest first
    change_sets: dict[str, ChangeSetRecord] = field(default_factory=dict)

    def add_event(self, logical_id: str, kind: str, status: str, token: str | None, reason: str | None = None) -> None:
        """Something that has happened to a resource of the stack, or to itself."""
        event = {
            "StackId": self.arn,
            "EventId": str(uuid.uuid4()),
            "StackName": self.name,
            "LogicalResourceId": logical_id,
            "ResourceType": kind,
            "Timestamp": datetime.now(UTC),
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
            "ClientRequestToken": token,
        }
        self.events.append({key: value for key, value in event.items() if value is not None})

    def turn(self, status: str, token: str | None, reason: str | None = None) -> None:
        """The stack's own status, which is an event too."""
        self.status = status
        self.add_event(self.name, STACK_TYPE, status, token, reason)

    def describe(self) -> dict[str, Any]:
        """The stack as DescribeStacks gives it."""
        outputs = self.stack.outputs if self.stack is not None else {}
        submission = self.submission
        described = {
            "StackId": self.arn,
            "StackName": self.name,
            "StackStatus": self.status,
            "CreationTime": self.created,
            "LastUpdatedTime": self.updated,
            "RoleARN": submission.role_arn if submission else None,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in (submission.parameters if submission else {}).items()
            ],
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
            "Tags": [{"Key": key, "Value": value} for key, value in (submission.tags if submission else ())],
        }
        return {key: value for key, value in described.items() if value is not None}


def make_arn(identity: Identity, kind: str, name: str) -> str:
    """The id of a stack or a change set, which is never given twice."""
    return identity.arn("cloudformation", f"{kind}/{name}/{uuid.uuid4()}")
