"""The operations of CloudFormation that a deployment by change sets needs.

A stack is created and deleted; an update that would change something is a change set that fails and says so, since the
stack loader has none. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.services.cloudformation.checks import check_kind, list_capabilities, parse_url, refuse_unknown
from emulator.services.cloudformation.records import ChangeSetRecord, StackRecord, Submission, make_arn
from emulator.stack import (
    AwsCaller,
    CreateError,
    DeleteError,
    FetchObject,
    StackError,
    StackPlan,
    load_stack,
)

_EVENTS_A_PAGE = 100
# The words by which tools know that there is nothing to do.
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."

_Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class CloudFormationService:
    """Stacks of one account and region; their resources are made through `aws`, in the background."""

    def __init__(self, identity: Identity, aws: AwsCaller, fetch: FetchObject, work_dir: Path) -> None:
        """`fetch` reads templates and code; `work_dir` is for templates that are being read."""
        self._identity = identity
        self._aws = aws
        self._fetch = fetch
        self._work_dir = work_dir
        self._stacks: dict[str, StackRecord] = {}  # by id, deleted ones included
        self._work: set[asyncio.Task[None]] = set()
        self._loading = asyncio.Lock()
        self._handlers: dict[str, _Handler] = {
            "CreateChangeSet": self._create_change_set,
            "DescribeChangeSet": self._describe_change_set,
            "DeleteChangeSet": self._delete_change_set,
            "ExecuteChangeSet": self._execute_change_set,
            "DescribeStacks": self._describe_stacks,
            "DescribeStackEvents": self._describe_stack_events,
            "DeleteStack": self._delete_stack,
        }

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of an API operation in botocore's shape; raises AwsError."""
        handler = self._handlers.get(operation)
        if handler is None:
            raise AwsError("NotImplemented", f"not implemented by this emulator: {operation}", 501)
        return await handler(request)

    async def settle(self) -> None:
        """Return once nothing is under way: no change set is being made, and no stack."""
        while self._work:
            await asyncio.gather(*self._work)

    async def close(self) -> None:
        """End what is under way; what was made stays."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    def find_stack(self, name: str) -> StackRecord:
        """The stack by its name or id; raises AwsError."""
        for record in self._stacks.values():
            if record.arn == name or (record.name == name and record.status != "DELETE_COMPLETE"):
                return record
        raise AwsError("ValidationError", f"Stack with id {name} does not exist")

    async def _create_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(request)
        name, kind = request["StackName"], request.get("ChangeSetType", "UPDATE")
        try:
            record = self.find_stack(name)
        except AwsError:
            if kind != "CREATE":
                raise AwsError("ValidationError", f"Stack [{name}] does not exist") from None
            record = StackRecord(name, make_arn(self._identity, "stack", name))
            record.turn("REVIEW_IN_PROGRESS", None, "User Initiated")
            self._stacks[record.arn] = record
        check_kind(record, kind)
        if request["ChangeSetName"] in record.change_sets:
            raise AwsError("AlreadyExistsException", f"ChangeSet {request['ChangeSetName']} already exists")
        arn = make_arn(self._identity, "changeSet", request["ChangeSetName"])
        change_set = ChangeSetRecord(request["ChangeSetName"], arn, kind)
        record.change_sets[change_set.name] = change_set
        self._start(self._prepare(record, change_set, request))
        return {"Id": arn, "StackId": record.arn}

    async def _prepare(self, record: StackRecord, change_set: ChangeSetRecord, request: dict[str, Any]) -> None:
        try:
            template = await self._read_template(request)
            change_set.submission = submission = Submission(
                template,
                {item["ParameterKey"]: item["ParameterValue"] for item in request.get("Parameters", [])},
                tuple((item["Key"], item["Value"]) for item in request.get("Tags", [])),
                request.get("RoleARN"),
            )
            plan = await self._load(record.name, submission)
        except (AwsError, StackError) as error:
            change_set.fail(error.message if isinstance(error, AwsError) else str(error))
            return
        needed = list_capabilities(plan) - set(request.get("Capabilities", []))
        if needed:
            change_set.fail(f"Requires capabilities : [{', '.join(sorted(needed))}]")
        elif change_set.type == "UPDATE":
            same = submission == record.submission
            change_set.fail(_NO_CHANGES if same else "not implemented by this emulator: an update that changes a stack")
        else:
            change_set.plan = plan
            change_set.status, change_set.execution_status = "CREATE_COMPLETE", "AVAILABLE"

    async def _read_template(self, request: dict[str, Any]) -> str:
        if "TemplateBody" in request:
            return str(request["TemplateBody"])
        bucket, key = parse_url(request["TemplateURL"])
        try:
            return (await self._fetch(bucket, key)).decode()
        except AwsError as error:
            raise AwsError("ValidationError", f"S3 error: {error.message}") from error

    async def _load(self, stack_name: str, submission: Submission) -> StackPlan:
        folder = self._work_dir
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{stack_name}.yaml"
        path.write_text(submission.template, encoding="utf-8")
        # One at a time: the transform keeps state of its own in its modules.
        async with self._loading:
            return await asyncio.to_thread(
                load_stack,
                path,
                submission.parameters,
                stack_name=stack_name,
                identity=self._identity,
                cache_dir=folder,
                fetch=self._fetch,
            )

    async def _describe_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        record, change_set = self._find_change_set(request)
        resources = change_set.plan.resources.values() if change_set.plan is not None else ()
        described = {
            "ChangeSetName": change_set.name,
            "ChangeSetId": change_set.arn,
            "StackId": record.arn,
            "StackName": record.name,
            "CreationTime": change_set.created,
            "ExecutionStatus": change_set.execution_status,
            "Status": change_set.status,
            "StatusReason": change_set.reason,
            "Changes": [
                {
                    "Type": "Resource",
                    "ResourceChange": {
                        "Action": "Add",
                        "LogicalResourceId": resource.logical_id,
                        "ResourceType": resource.resource_type,
                    },
                }
                for resource in resources
            ],
        }
        return {key: value for key, value in described.items() if value is not None}

    async def _delete_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        record, change_set = self._find_change_set(request)
        del record.change_sets[change_set.name]
        return {}

    async def _execute_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        record, change_set = self._find_change_set(request)
        if change_set.execution_status != "AVAILABLE" or change_set.plan is None:
            raise AwsError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.arn}] cannot be executed in its current execution status of "
                f"[{change_set.execution_status}]",
            )
        # The others were made for the stack as it was.
        record.change_sets = {change_set.name: change_set}
        change_set.execution_status = "EXECUTE_IN_PROGRESS"
        record.submission, record.updated = change_set.submission, datetime.now(UTC)
        token = request.get("ClientRequestToken")
        record.turn("CREATE_IN_PROGRESS", token, "User Initiated")
        self._start(self._create(record, change_set, change_set.plan, token))
        return {}

    async def _create(
        self, record: StackRecord, change_set: ChangeSetRecord, plan: StackPlan, token: str | None
    ) -> None:
        try:
            record.stack = await plan.create(self._aws)
        except StackError as error:
            if isinstance(error, CreateError) and error.cause is not None:
                failed = error.cause
                record.add_event(failed.logical_id, failed.resource_type, "CREATE_FAILED", token, failed.reason)
                reason = f"The following resource(s) failed to create: [{failed.logical_id}]. "
            else:
                reason = str(error)
            record.turn("ROLLBACK_IN_PROGRESS", token, reason)
            record.turn("ROLLBACK_COMPLETE", token)
            change_set.execution_status = "EXECUTE_FAILED"
            return
        for logical_id, resource in record.stack.resources.items():
            record.add_event(logical_id, resource.type, "CREATE_COMPLETE", token)
        record.turn("CREATE_COMPLETE", token)
        change_set.execution_status = "EXECUTE_COMPLETE"

    async def _describe_stacks(self, request: dict[str, Any]) -> dict[str, Any]:
        if "StackName" in request:
            return {"Stacks": [self.find_stack(request["StackName"]).describe()]}
        there = [record for record in self._stacks.values() if record.status != "DELETE_COMPLETE"]
        return {"Stacks": [record.describe() for record in there]}

    async def _describe_stack_events(self, request: dict[str, Any]) -> dict[str, Any]:
        events = self.find_stack(request["StackName"]).events[::-1]
        token = request.get("NextToken", "0")
        if not token.isdecimal():
            raise AwsError("ValidationError", f"{token!r} is no NextToken of this operation")
        end = int(token) + _EVENTS_A_PAGE
        return {"StackEvents": events[int(token) : end]} | ({"NextToken": str(end)} if end < len(events) else {})

    async def _delete_stack(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            record = self.find_stack(request["StackName"])
        except AwsError:
            return {}  # as on AWS, there is nothing to do
        if record.status.endswith("_IN_PROGRESS") and record.status != "REVIEW_IN_PROGRESS":
            raise AwsError("ValidationError", f"Stack [{record.arn}] cannot be deleted while in status {record.status}")
        token = request.get("ClientRequestToken")
        record.turn("DELETE_IN_PROGRESS", token, "User Initiated")
        self._start(self._delete(record, token))
        return {}

    async def _delete(self, record: StackRecord, token: str | None) -> None:
        try:
            if record.stack is not None:
                await record.stack.delete()
        except DeleteError as error:
            record.turn("DELETE_FAILED", token, str(error))
        else:
            record.turn("DELETE_COMPLETE", token)

    def _find_change_set(self, request: dict[str, Any]) -> tuple[StackRecord, ChangeSetRecord]:
        wanted = request["ChangeSetName"]
        records = [self.find_stack(request["StackName"])] if "StackName" in request else self._stacks.values()
        for record in records:
            for change_set in record.change_sets.values():
                if wanted == change_set.arn or (wanted == change_set.name and "StackName" in request):
                    return record, change_set
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist", 404)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
