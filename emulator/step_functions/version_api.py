"""The API operations on versions and aliases of state machines.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
"""

import random
from typing import Any

from emulator.errors import AwsError
from emulator.step_functions.clock import Clock, to_datetime
from emulator.step_functions.machines import INITIAL_REVISION, Alias, MachineRegistry, Version
from emulator.step_functions.names import check_alias_name, parse_machine_arn
from emulator.step_functions.pages import cut_page

_MAX_ROUTES = 2
_WHOLE = 100


class VersionApi:
    """Publishes versions and points aliases at them."""

    def __init__(self, registry: MachineRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    async def publish_state_machine_version(self, request: dict[str, Any]) -> dict[str, Any]:
        """PublishStateMachineVersion; a revision that was published before gives its version again."""
        machine = self._registry.find(request["stateMachineArn"])
        wanted = request.get("revisionId", machine.latest.revision_id)
        if wanted != machine.latest.revision_id:
            current = machine.latest.revision_id
            raise AwsError(
                "ConflictException",
                f"Failed to publish the State Machine version for revision {wanted}. The current State Machine "
                f"revision is {'not set' if current == INITIAL_REVISION else current}.",
            )
        version = machine.publish(request.get("description"), self._clock.now())
        return {"stateMachineVersionArn": version.arn, "creationDate": to_datetime(version.created)}

    async def list_state_machine_versions(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListStateMachineVersions, the latest first."""
        machine = self._registry.find(request["stateMachineArn"])
        versions = sorted(machine.versions.values(), key=lambda version: -version.number)
        items = [
            {"stateMachineVersionArn": version.arn, "creationDate": to_datetime(version.created)}
            for version in versions
        ]
        return cut_page(items, request, "stateMachineVersions")

    async def delete_state_machine_version(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteStateMachineVersion, unless an alias points at it."""
        arn = request["stateMachineVersionArn"]
        parsed = parse_machine_arn(arn)
        machine = self._registry.by_arn.get(parsed.machine)
        if machine is None or not (parsed.qualifier or "").isdecimal():
            return {}
        holders = [
            alias.name
            for alias in machine.aliases.values()
            if any(route["stateMachineVersionArn"] == arn for route in alias.routing)
        ]
        if holders:
            raise AwsError(
                "ConflictException",
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this "
                f"version: [{', '.join(holders)}]",
            )
        machine.versions.pop(int(parsed.qualifier or ""), None)
        return {}

    async def create_state_machine_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateStateMachineAlias; the same request again gives the same alias."""
        name = check_alias_name(request["name"])
        routing = self._check_routing(request["routingConfiguration"])
        machine = self._registry.find(routing[0]["stateMachineVersionArn"])
        alias = machine.aliases.get(name)
        if alias is None:
            now = self._clock.now()
            alias = Alias(f"{machine.arn}:{name}", name, request.get("description"), routing, now, now)
            machine.aliases[name] = alias
        elif (alias.routing, alias.description) != (routing, request.get("description")):
            raise AwsError(
                "ConflictException",
                "Failed to create alias because an alias with the same name and a different routing configuration "
                "already exists.",
            )
        return {"stateMachineAliasArn": alias.arn, "creationDate": to_datetime(alias.created)}

    async def update_state_machine_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateStateMachineAlias."""
        if not {"description", "routingConfiguration"} & request.keys():
            raise AwsError(
                "ValidationException", "Either the description or the routing configuration must be specified"
            )
        machine, alias = self._registry.find_alias(request["stateMachineAliasArn"])
        if "routingConfiguration" in request:
            routing = self._check_routing(request["routingConfiguration"])
            if self._registry.find(routing[0]["stateMachineVersionArn"]) is not machine:
                raise AwsError(
                    "ValidationException", "Routing configuration must contain versions of the alias's state machine."
                )
            alias.routing = routing
        alias.description = request.get("description", alias.description)
        alias.updated = self._clock.now()
        return {"updateDate": to_datetime(alias.updated)}

    async def describe_state_machine_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeStateMachineAlias."""
        _machine, alias = self._registry.find_alias(request["stateMachineAliasArn"])
        answer: dict[str, Any] = {
            "stateMachineAliasArn": alias.arn,
            "name": alias.name,
            "routingConfiguration": alias.routing,
            "creationDate": to_datetime(alias.created),
            "updateDate": to_datetime(alias.updated),
        }
        if alias.description is not None:
            answer["description"] = alias.description
        return answer

    async def list_state_machine_aliases(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListStateMachineAliases, of a state machine or of one version."""
        arn = request["stateMachineArn"]
        machine = self._registry.find(arn)
        by_version = parse_machine_arn(arn).qualifier is not None
        items = [
            {"stateMachineAliasArn": alias.arn, "creationDate": to_datetime(alias.created)}
            for alias in machine.aliases.values()
            if not by_version or any(route["stateMachineVersionArn"] == arn for route in alias.routing)
        ]
        return cut_page(items, request, "stateMachineAliases")

    async def delete_state_machine_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteStateMachineAlias."""
        machine, alias = self._registry.find_alias(request["stateMachineAliasArn"])
        del machine.aliases[alias.name]
        return {}

    def _check_routing(self, routing: list[dict[str, Any]]) -> list[dict[str, Any]]:
        arns = [route["stateMachineVersionArn"] for route in routing]
        if not 1 <= len(routing) <= _MAX_ROUTES:
            raise AwsError("ValidationException", f"Routing configuration must have 1 to {_MAX_ROUTES} versions.")
        if len(set(arns)) != len(arns):
            raise AwsError(
                "ValidationException", "Routing configuration must contain distinct state machine version ARNs."
            )
        for arn in arns:
            if not (parse_machine_arn(arn).qualifier or "").isdecimal():
                raise AwsError(
                    "ValidationException",
                    f"Routing configuration must contain state machine version ARNs. Received: [{', '.join(arns)}]",
                )
            self._registry.find_version(arn)
        weights = [route["weight"] for route in routing]
        if sum(weights) != _WHOLE:
            raise AwsError(
                "ValidationException", f"Sum of routing configuration weights must equal {_WHOLE}. Received: {weights}"
            )
        return [dict(route) for route in routing]


def choose_version(registry: MachineRegistry, alias: Alias, chance: random.Random) -> Version:
    """The version that one start by an alias takes, by the weights."""
    arns = [route["stateMachineVersionArn"] for route in alias.routing]
    weights = [route["weight"] for route in alias.routing]
    return registry.find_version(chance.choices(arns, weights)[0])
