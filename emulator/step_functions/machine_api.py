"""The API operations on state machines.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

from collections.abc import Callable
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.step_functions.clock import Clock, to_datetime
from emulator.step_functions.definition import parse_definition
from emulator.step_functions.diagnostics import InvalidDefinitionError
from emulator.step_functions.machines import (
    INITIAL_REVISION,
    MachineRegistry,
    Revision,
    StateMachine,
    compile_definition,
)
from emulator.step_functions.names import check_name, machine_arn, parse_machine_arn
from emulator.step_functions.pages import cut_page

_NO_LOGGING = {"level": "OFF", "includeExecutionData": False}
_UPDATABLE = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")


class MachineApi:
    """Creates, changes and describes state machines. `count_running` tells how many executions one has."""

    def __init__(
        self, registry: MachineRegistry, identity: Identity, clock: Clock, count_running: Callable[[str], int]
    ) -> None:
        self._registry = registry
        self._identity = identity
        self._clock = clock
        self._count_running = count_running

    async def create_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateStateMachine; the same request again gives the same state machine."""
        name = check_name(request["name"])
        kind = request.get("type", "STANDARD")
        if kind not in ("STANDARD", "EXPRESS"):
            raise AwsError("ValidationException", f"1 validation error detected: Value '{kind}' at 'type'")
        if request.get("versionDescription") and not request.get("publish"):
            raise AwsError("ValidationException", "Version description can only be set when publish is true")
        _refuse_encryption(request)
        arn = machine_arn(self._identity, name)
        revision = Revision(
            machine_arn=arn,
            name=name,
            type=kind,
            definition=request["definition"],
            machine=compile_definition(request["definition"], kind),
            role_arn=_check_role(request["roleArn"]),
            logging=request.get("loggingConfiguration", _NO_LOGGING),
            tracing_enabled=_tracing(request),
            revision_id=INITIAL_REVISION,
            created=self._clock.now(),
        )
        machine = self._registry.by_arn.get(arn)
        if machine is None:
            machine = StateMachine(arn, name, revision, revision.created)
            machine.tags.update({tag["key"]: tag["value"] for tag in request.get("tags", [])})
            self._registry.by_arn[arn] = machine
        elif machine.deleting:
            raise AwsError("StateMachineDeleting", f"State Machine Is Being Deleted: '{arn}'")
        elif not _is_same(machine.latest, revision):
            raise AwsError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
        answer = {"stateMachineArn": arn, "creationDate": to_datetime(machine.created)}
        if request.get("publish"):
            version = machine.publish(request.get("versionDescription"), self._clock.now())
            answer["stateMachineVersionArn"] = version.arn
        return answer

    async def update_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateStateMachine; executions that run are not altered."""
        machine = self._active(request["stateMachineArn"])
        if not any(name in request for name in _UPDATABLE):
            raise AwsError(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
                "specified",
            )
        if request.get("versionDescription") and not request.get("publish"):
            raise AwsError("ValidationException", "Version description can only be set when publish is true")
        _refuse_encryption(request)
        changes: dict[str, Any] = {}
        if "definition" in request:
            changes["machine"] = compile_definition(request["definition"], machine.latest.type)
            changes["definition"] = request["definition"]
        if "roleArn" in request:
            changes["role_arn"] = _check_role(request["roleArn"])
        if "loggingConfiguration" in request:
            changes["logging"] = request["loggingConfiguration"]
        if "tracingConfiguration" in request:
            changes["tracing_enabled"] = _tracing(request)
        now = self._clock.now()
        answer: dict[str, Any] = {"updateDate": to_datetime(now)}
        if any(getattr(machine.latest, name) != value for name, value in changes.items() if name != "machine"):
            machine.revise(now, **changes)
        if machine.latest.revision_id != INITIAL_REVISION:
            answer["revisionId"] = machine.latest.revision_id
        if request.get("publish"):
            answer["stateMachineVersionArn"] = machine.publish(request.get("versionDescription"), now).arn
        return answer

    async def delete_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteStateMachine; it is DELETING until its executions have ended."""
        machine = self._registry.by_arn.get(parse_machine_arn(request["stateMachineArn"]).machine)
        if machine is not None:
            machine.deleting = True
            self.finish_deleting(machine.arn)
        return {}

    def finish_deleting(self, arn: str) -> None:
        """Removes a state machine that is being deleted once nothing of it runs."""
        machine = self._registry.by_arn.get(arn)
        if machine is not None and machine.deleting and self._count_running(arn) == 0:
            del self._registry.by_arn[arn]

    async def describe_state_machine(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeStateMachine, of the latest revision or of a version."""
        arn = request["stateMachineArn"]
        machine = self._registry.find(arn)
        if parse_machine_arn(arn).qualifier is None:
            status = "DELETING" if machine.deleting else "ACTIVE"
            return {**describe_revision(machine.latest), "status": status, "creationDate": to_datetime(machine.created)}
        version = self._registry.find_version(arn)
        answer = {**describe_revision(version.revision), "stateMachineArn": version.arn, "status": "ACTIVE"}
        if version.description is not None:
            answer["description"] = version.description
        return {**answer, "creationDate": to_datetime(version.created)}

    async def list_state_machines(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListStateMachines, by name."""
        machines = sorted(self._registry.by_arn.values(), key=lambda machine: machine.name)
        items = [
            {
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "type": machine.latest.type,
                "creationDate": to_datetime(machine.created),
            }
            for machine in machines
        ]
        return cut_page(items, request, "stateMachines")

    async def validate_state_machine_definition(self, request: dict[str, Any]) -> dict[str, Any]:
        """ValidateStateMachineDefinition."""
        try:
            parse_definition(request["definition"], request.get("type", "STANDARD"))
        except InvalidDefinitionError as error:
            diagnostics = [
                {"severity": "ERROR", "code": each.code, "message": each.message, "location": each.location}
                for each in error.diagnostics
            ]
            return {"result": "FAIL", "diagnostics": diagnostics, "truncated": False}
        return {"result": "OK", "diagnostics": [], "truncated": False}

    async def tag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        """TagResource, of a state machine."""
        tags = self._tagged(request["resourceArn"]).tags
        tags.update({tag["key"]: tag["value"] for tag in request["tags"]})
        return {}

    async def untag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        """UntagResource, of a state machine."""
        tags = self._tagged(request["resourceArn"]).tags
        for key in request["tagKeys"]:
            tags.pop(key, None)
        return {}

    async def list_tags_for_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTagsForResource, of a state machine."""
        tags = self._tagged(request["resourceArn"]).tags
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    def _tagged(self, arn: str) -> StateMachine:
        machine = self._registry.by_arn.get(parse_machine_arn(arn).machine)
        if machine is None:
            raise AwsError("ResourceNotFound", f"Resource not found: '{arn}'")
        return machine

    def _active(self, arn: str) -> StateMachine:
        machine = self._registry.find(arn)
        if machine.deleting:
            raise AwsError("StateMachineDeleting", f"State Machine Is Being Deleted: '{arn}'")
        return machine


def describe_revision(revision: Revision) -> dict[str, Any]:
    """What DescribeStateMachine tells of a revision."""
    answer: dict[str, Any] = {
        "stateMachineArn": revision.machine_arn,
        "name": revision.name,
        "definition": revision.definition,
        "roleArn": revision.role_arn,
        "type": revision.type,
        "loggingConfiguration": revision.logging,
        "tracingConfiguration": {"enabled": revision.tracing_enabled},
    }
    if revision.revision_id != INITIAL_REVISION:
        answer["revisionId"] = revision.revision_id
    return answer


def _is_same(one: Revision, other: Revision) -> bool:
    """Whether a create request repeats an earlier one; a different role or tags do not matter.

    Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
    """
    names = ("name", "type", "definition", "logging", "tracing_enabled")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _tracing(request: dict[str, Any]) -> bool:
    return bool(request.get("tracingConfiguration", {}).get("enabled", False))


def _check_role(arn: str) -> str:
    if not arn.startswith("arn:"):
        raise AwsError("InvalidArn", f"Invalid Role Arn: '{arn}'")
    return arn


def _refuse_encryption(request: dict[str, Any]) -> None:
    kind = request.get("encryptionConfiguration", {}).get("type", "AWS_OWNED_KEY")
    if kind != "AWS_OWNED_KEY":
        raise AwsError("InvalidEncryptionConfiguration", f"not implemented by this emulator: encryption type '{kind}'")
