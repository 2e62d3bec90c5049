"""Resources that are kept as they were asked for, with a name and an ARN, and that do nothing by themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.identity import Identity
from emulator.stack.providers.base import Made


@dataclass(frozen=True)
class Recorded:
    """How a type is recorded: what its name and attributes are, and what its owner has to know."""

    meaning: str
    name_property: str
    attributes: frozenset[str]
    make: Callable[[str, Identity, dict[str, Any]], Made]


def _make_inline_policy(name: str, _identity: Identity, _properties: dict[str, Any]) -> Made:
    return Made(name)


def _make_schedule(name: str, identity: Identity, properties: dict[str, Any]) -> Made:
    group = str(properties.get("GroupName", "default"))
    return Made(name, {"Arn": identity.arn("scheduler", f"schedule/{group}/{name}")})


_NOT_ENFORCED = "recorded in stack.recorded; no call is judged by it"

RECORDED: dict[str, Recorded] = {
    # moto would judge calls by its statements and pass over their conditions, such as aws:SecureTransport.
    "AWS::S3::BucketPolicy": Recorded(_NOT_ENFORCED, "PolicyName", frozenset(), _make_inline_policy),
    "AWS::Scheduler::Schedule": Recorded(
        "recorded in stack.recorded; it never fires here: start an execution by hand",
        "Name",
        frozenset({"Arn"}),
        _make_schedule,
    ),
}
