"""A fake of what DeployGroup calls: one stack with its change set, and the smoke run's execution."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulator.errors import AwsError

TOKEN = "north-1"
CHANGE_SET = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/express-batch-pipeline/1"
_OLD = datetime(2026, 11, 1, tzinfo=UTC)
_NEW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def event(status: str, reason: str = "", *, resource: str = "WriteRowsFunction", token: str = TOKEN) -> dict[str, Any]:
    """A stack event."""
    return {
        "StackId": "id",
        "EventId": "id",
        "StackName": "express-batch-north",
        "Timestamp": _NEW,
        "LogicalResourceId": resource,
        "ResourceType": "AWS::Lambda::Function",
        "ResourceStatus": status,
        "ClientRequestToken": token,
        **({"ResourceStatusReason": reason} if reason else {}),
    }


@dataclass
class FakeCloudFormation:
    """The stack's statuses as DescribeStacks gives them, the last one for ever; None is no stack.

    What happens after ExecuteChangeSet is `after`, each as (status, whether the change has begun).
    """

    before: list[str | None]
    after: list[tuple[str, bool]] = field(default_factory=list)
    change_set: list[tuple[str, str]] = field(default_factory=lambda: [("CREATE_COMPLETE", "")])
    pages: list[list[dict[str, Any]]] = field(default_factory=list)
    smoke_run: list[dict[str, Any]] = field(default_factory=lambda: [{"status": "SUCCEEDED", "output": "{}"}])
    errors: dict[str, list[AwsError]] = field(default_factory=dict)
    """Raised by an operation's first calls."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    executed: bool = False

    async def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The answer of the one operation of either service."""
        self.calls.append((operation, parameters))
        if self.errors.get(operation):
            raise self.errors[operation].pop(0)
        handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "DescribeStacks": self._describe_stacks,
            "DeleteChangeSet": lambda _: {},
            "CreateChangeSet": lambda _: {"Id": CHANGE_SET, "StackId": "id"},
            "DescribeChangeSet": self._describe_change_set,
            "ExecuteChangeSet": self._execute,
            "DescribeStackEvents": self._describe_events,
            "StartExecution": lambda _: {"executionArn": "arn:run", "startDate": _NEW},
            "DescribeExecution": lambda _: _next(self.smoke_run) | {"executionArn": "arn:run", "input": "{}"},
            "StopExecution": lambda _: {},
        }
        return handlers[operation](parameters)

    def names(self) -> list[str]:
        """The operations that were called, each once for a row of the same."""
        names: list[str] = []
        for name, _ in self.calls:
            if names[-1:] != [name]:
                names.append(name)
        return names

    def parameters_of(self, operation: str) -> dict[str, Any]:
        """What the operation was called with first."""
        return next(parameters for name, parameters in self.calls if name == operation)

    def _describe_stacks(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        status, begun = _next(self.after) if self.executed else (_next(self.before), False)
        if status is None:
            raise AwsError("ValidationError", "Stack with id express-batch-north does not exist", 400)
        stack = {"StackName": "express-batch-north", "StackStatus": status, "CreationTime": _OLD}
        return {"Stacks": [{**stack, "LastUpdatedTime": _NEW if begun else _OLD}]}

    def _describe_change_set(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        status, reason = _next(self.change_set)
        return {"Status": status, **({"StatusReason": reason} if reason else {})}

    def _execute(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        self.executed = True
        return {}

    def _describe_events(self, parameters: dict[str, Any]) -> dict[str, Any]:
        number = int(parameters.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return {"StackEvents": self.pages[number], **more}


def _next(values: list[Any]) -> Any:
    return values.pop(0) if len(values) > 1 else values[0]
