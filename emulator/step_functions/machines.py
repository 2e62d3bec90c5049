"""The state machines of the account, with their revisions, versions and aliases."""

import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from emulator.errors import AwsError
from emulator.step_functions.definition import parse_definition
from emulator.step_functions.diagnostics import InvalidDefinitionError
from emulator.step_functions.model import Machine
from emulator.step_functions.names import parse_machine_arn

MachineType = Literal["STANDARD", "EXPRESS"]
INITIAL_REVISION = "INITIAL"


@dataclass(frozen=True, slots=True)
class Revision:
    """What an execution runs: a state machine as it was at one time. Never changed once made."""

    machine_arn: str
    name: str
    type: MachineType
    definition: str
    machine: Machine
    role_arn: str
    logging: dict[str, Any]
    tracing_enabled: bool
    revision_id: str
    created: float


@dataclass(frozen=True, slots=True)
class Version:
    """A published revision."""

    arn: str
    number: int
    revision: Revision
    description: str | None
    created: float


@dataclass(slots=True)
class Alias:
    """A name for one version, or for two with weights."""

    arn: str
    name: str
    description: str | None
    routing: list[dict[str, Any]]
    created: float
    updated: float


@dataclass(slots=True)
class StateMachine:
    """A state machine with its latest revision."""

    arn: str
    name: str
    latest: Revision
    created: float
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    last_version: int = 0
    deleting: bool = False

    def revise(self, now: float, **changes: Any) -> Revision:
        """Makes a new latest revision; executions that run keep theirs."""
        self.latest = replace(self.latest, revision_id=str(uuid.uuid4()), created=now, **changes)
        return self.latest

    def publish(self, description: str | None, now: float) -> Version:
        """The version of the latest revision, the existing one where it was published before."""
        for version in self.versions.values():
            if version.revision.revision_id == self.latest.revision_id:
                return version
        self.last_version += 1
        number = self.last_version
        version = Version(f"{self.arn}:{number}", number, self.latest, description, now)
        self.versions[number] = version
        return version


def compile_definition(definition: str, machine_type: str) -> Machine:
    """The machine; raises AwsError InvalidDefinition in AWS's words."""
    try:
        return parse_definition(definition, machine_type)
    except InvalidDefinitionError as error:
        raise AwsError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from error


class MachineRegistry:
    """All state machines, by ARN."""

    def __init__(self) -> None:
        self.by_arn: dict[str, StateMachine] = {}

    def find(self, arn: str) -> StateMachine:
        """The state machine that `arn` names, by whichever qualifier; raises AwsError."""
        machine = self.by_arn.get(parse_machine_arn(arn).machine)
        if machine is None:
            raise not_found(arn)
        return machine

    def find_version(self, arn: str) -> Version:
        """The version that `arn` names; raises AwsError."""
        parsed = parse_machine_arn(arn)
        qualifier = parsed.qualifier or ""
        machine = self.find(arn)
        version = machine.versions.get(int(qualifier)) if qualifier.isdecimal() else None
        if version is None:
            raise not_found(arn)
        return version

    def find_alias(self, arn: str) -> tuple[StateMachine, Alias]:
        """The alias that `arn` names, with its state machine; raises AwsError."""
        machine = self.find(arn)
        alias = machine.aliases.get(parse_machine_arn(arn).qualifier or "")
        if alias is None:
            raise AwsError("ResourceNotFound", "Request references a resource that does not exist.")
        return machine, alias


def not_found(arn: str) -> AwsError:
    """The error for a state machine that is not there."""
    return AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
