"""Names and ARNs of state machines and executions.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html (name)
"""

import re
from dataclasses import dataclass

from emulator.errors import AwsError
from emulator.identity import Identity

_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
_MAX_LENGTH = 80
_ALIAS_NAME = re.compile(r"(?=.*[a-zA-Z_\-.])[a-zA-Z0-9_\-.]{1,80}")


def check_name(name: str) -> str:
    """`name` itself; raises AwsError InvalidName."""
    if not 1 <= len(name) <= _MAX_LENGTH or _FORBIDDEN.search(name):
        raise AwsError("InvalidName", f"Invalid Name: '{name}'")
    return name


def check_alias_name(name: str) -> str:
    """`name` itself; raises AwsError ValidationException: an alias's name is no number."""
    if not _ALIAS_NAME.fullmatch(name):
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$",
        )
    return name


@dataclass(frozen=True, slots=True)
class MachineArn:
    """A state machine's ARN, taken apart; `qualifier` is a version number or an alias's name."""

    machine: str
    qualifier: str | None


def parse_machine_arn(arn: str) -> MachineArn:
    """The parts of `arn`; raises AwsError InvalidArn."""
    parts = arn.split(":")
    if not arn.startswith("arn:") or len(parts) not in (7, 8):
        raise AwsError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if parts[2] != "states" or parts[5] != "stateMachine":
        raise AwsError("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {parts[5]}'")
    return MachineArn(":".join(parts[:7]), parts[7] if len(parts) == 8 else None)


def check_execution_arn(arn: str) -> str:
    """`arn` itself; raises AwsError InvalidArn, for the ARN of an EXPRESS execution as well, as AWS does."""
    parts = arn.split(":")
    if not arn.startswith("arn:") or len(parts) < 8:
        raise AwsError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if parts[5] != "execution":
        raise AwsError("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {parts[5]}'")
    return arn


def machine_arn(identity: Identity, name: str) -> str:
    """The ARN of a state machine."""
    return identity.arn("states", f"stateMachine:{name}")


def execution_arn(identity: Identity, machine_name: str, name: str, express_id: str | None) -> str:
    """The ARN of an execution; an EXPRESS one ends in an id of its own, since names may be used again."""
    if express_id is None:
        return identity.arn("states", f"execution:{machine_name}:{name}")
    return identity.arn("states", f"express:{machine_name}:{name}:{express_id}")
