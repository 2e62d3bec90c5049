"""What a kind of resource has to say and do to be part of a stack."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.stack.aws_caller import AwsCaller

_POLL_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 60.0


class CodeStore(Protocol):
    """The local code that stands for what `sam package` would have uploaded."""

    def read(self, bucket: str, key: str, where: str) -> bytes:
        """The zip or file at the address that the transform put into the template."""


@dataclass(frozen=True)
class Request:
    """A resource to be made: its properties are resolved, its name is taken where they give none."""

    logical_id: str
    resource_type: str
    physical_name: str
    properties: dict[str, Any]
    identity: Identity
    code: CodeStore

    def where(self, name: str = "") -> str:
        """The place in the template, for messages."""
        return f"{self.logical_id}.{name}" if name else self.logical_id


@dataclass(frozen=True)
class Made:
    """A resource that exists: what Ref and Fn::GetAtt give for it."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


class Provider(Protocol):
    """Makes and removes resources of one type through the services' API."""

    properties: ClassVar[frozenset[str]]
    """Properties that are carried out."""
    left_out: ClassVar[Mapping[str, str]]
    """Properties that are accepted without effect, and what that means."""
    attributes: ClassVar[frozenset[str]]
    """Names that Fn::GetAtt may ask for."""

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """Make the resource and return once it can be used."""

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the resource; `purge` removes what it holds too."""


async def wait_until(ready: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return once `ready` says so; AwsError after a minute."""
    try:
        async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
            # AWS's control calls give no event to wait for, so they are asked again.
            while not await ready():  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise AwsError("ResourceNotReady", f"{what} within {_LONGEST_WAIT_SECONDS:.0f} s", 504) from error


def pick(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the named properties that are given."""
    return {name: properties[name] for name in names if name in properties}
