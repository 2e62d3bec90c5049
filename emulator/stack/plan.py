"""What a stack will be made of: every name, parameter, condition and order checked, nothing created yet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from emulator.stack.errors import TemplateError
from emulator.stack.intrinsics import DEFERRED, Resolver
from emulator.stack.providers.recorded import RECORDED
from emulator.stack.providers.registry import PROVIDERS, explain_not_emulated

_RESOURCE_KEYS = frozenset(
    {"Condition", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy"}
)
_LEFT_OUT_KEYS = {
    "UpdatePolicy": "an update here changes everything at once, without CodeDeploy",
    "CreationPolicy": "no signal is waited for",
}


@dataclass(frozen=True)
class NotEmulated:
    """A resource, or one property of a resource, that has no effect on this machine, and what that means."""

    resource_type: str
    logical_id: str
    meaning: str
    property: str | None = None


@dataclass(frozen=True)
class PlannedResource:
    """A resource whose condition holds."""

    logical_id: str
    resource_type: str
    properties: dict[str, Any]
    """As the template has them, intrinsics included."""
    depends_on: frozenset[str]
    deletion_policy: str

    @property
    def is_provided(self) -> bool:
        """Whether it is made through a service's API."""
        return self.resource_type in PROVIDERS


class _PlanningLookup:
    """Checks each name that a resource uses and notes it as a dependency."""

    def __init__(self, resources: Mapping[str, Any], inactive: Mapping[str, str], *, is_made: bool) -> None:
        self._resources = resources
        self._inactive = inactive
        self._is_made = is_made
        self.dependencies: set[str] = set()

    def has(self, logical_id: str) -> bool:
        return logical_id in self._resources

    def reference(self, logical_id: str, where: str) -> Any:
        self._check_active(logical_id, where)
        self.dependencies.add(logical_id)
        return DEFERRED

    def attribute(self, logical_id: str, name: str, where: str) -> Any:
        self._check_active(logical_id, where)
        resource_type = str(self._resources[logical_id]["Type"])
        known = _attributes_of(resource_type)
        if known is None and self._is_made:
            raise TemplateError(
                f"{where} needs {logical_id}.{name}, but {resource_type} is not emulated: "
                "choose parameters that do without"
            )
        if known is not None and name not in known and self._is_made:
            offered = ", ".join(sorted(known)) or "none"
            raise TemplateError(f"{where}: {resource_type} {logical_id} has no attribute {name} here, only {offered}")
        self.dependencies.add(logical_id)
        return DEFERRED

    def _check_active(self, logical_id: str, where: str) -> None:
        if logical_id in self._inactive:
            raise TemplateError(
                f"{where} needs {logical_id}, which is not created: its condition {self._inactive[logical_id]} is false"
            )


def plan_resources(
    template: Mapping[str, Any], resolver: Resolver
) -> tuple[dict[str, PlannedResource], list[NotEmulated]]:
    """Resources whose condition holds, in an order in which each can be created, and what of them has no effect."""
    resources: Mapping[str, Any] = template["Resources"]
    _check_resource_keys(resources)
    inactive = {
        logical_id: resource["Condition"]
        for logical_id, resource in resources.items()
        if "Condition" in resource and not resolver.is_true(resource["Condition"], logical_id)
    }
    planned: dict[str, PlannedResource] = {}
    not_emulated: list[NotEmulated] = []
    for logical_id, resource in resources.items():
        if logical_id not in inactive:
            planned[logical_id] = _plan_resource(logical_id, resource, resources, inactive, resolver, not_emulated)
    _check_outputs(template.get("Outputs") or {}, resources, inactive, resolver)
    return {logical_id: planned[logical_id] for logical_id in _order(planned)}, not_emulated


def active_outputs(outputs: Mapping[str, Any], resolver: Resolver) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Outputs whose condition holds."""
    for name, output in outputs.items():
        if "Condition" not in output or resolver.is_true(output["Condition"], f"Outputs.{name}"):
            yield name, output


def _check_resource_keys(resources: Mapping[str, Any]) -> None:
    for logical_id, resource in resources.items():
        if str(logical_id).startswith("Fn::ForEach"):
            raise TemplateError(f"{logical_id} is not emulated: write the resources out")
        if not isinstance(resource, dict) or "Type" not in resource:
            raise TemplateError(f"resource {logical_id} has no Type")
        unknown = sorted(set(resource) - _RESOURCE_KEYS - set(_LEFT_OUT_KEYS))
        if unknown:
            raise TemplateError(f"resource {logical_id} has keys that are not emulated: {', '.join(unknown)}")


def _plan_resource(
    logical_id: str,
    resource: Mapping[str, Any],
    resources: Mapping[str, Any],
    inactive: Mapping[str, str],
    resolver: Resolver,
    not_emulated: list[NotEmulated],
) -> PlannedResource:
    resource_type = str(resource["Type"])
    properties = resource.get("Properties") or {}
    is_made = resource_type in PROVIDERS or resource_type in RECORDED
    lookup = _PlanningLookup(resources, inactive, is_made=is_made)
    resolved = resolver.resolve(properties, lookup, logical_id)
    not_emulated += _list_not_emulated(logical_id, resource, resolved)
    named = resource.get("DependsOn") or []
    depends_on = [named] if isinstance(named, str) else list(named)
    for name in depends_on:
        if name not in resources:
            raise TemplateError(f"{logical_id}: DependsOn names {name}, which is not a resource of the template")
    return PlannedResource(
        logical_id,
        resource_type,
        dict(properties),
        # A resource that is not created is no dependency either.
        frozenset({*lookup.dependencies, *depends_on} - inactive.keys()),
        str(resource.get("DeletionPolicy", "Delete")),
    )


def _list_not_emulated(
    logical_id: str, resource: Mapping[str, Any], properties: Mapping[str, Any]
) -> Iterator[NotEmulated]:
    resource_type = str(resource["Type"])
    for key, meaning in _LEFT_OUT_KEYS.items():
        if key in resource:
            yield NotEmulated(resource_type, logical_id, meaning, key)
    if resource_type in RECORDED:
        yield NotEmulated(resource_type, logical_id, RECORDED[resource_type].meaning)
    elif resource_type not in PROVIDERS:
        yield NotEmulated(resource_type, logical_id, explain_not_emulated(resource_type))
    else:
        provider = PROVIDERS[resource_type]
        for name in properties:
            if name in provider.left_out:
                yield NotEmulated(resource_type, logical_id, provider.left_out[name], name)
            elif name not in provider.properties:
                raise TemplateError(f"{logical_id}: property {name} of {resource_type} is not emulated")


def _check_outputs(
    outputs: Mapping[str, Any], resources: Mapping[str, Any], inactive: Mapping[str, str], resolver: Resolver
) -> None:
    lookup = _PlanningLookup(resources, inactive, is_made=True)
    for name, output in active_outputs(outputs, resolver):
        resolver.resolve(output.get("Value"), lookup, f"Outputs.{name}")


def _order(planned: Mapping[str, PlannedResource]) -> list[str]:
    sorter = TopologicalSorter({name: sorted(resource.depends_on) for name, resource in planned.items()})
    try:
        return list(sorter.static_order())
    except CycleError as error:
        # graphlib gives each node before the one that needs it.
        circle = " -> ".join(reversed(error.args[1]))
        raise TemplateError(f"resources need each other: {circle}") from error


def _attributes_of(resource_type: str) -> frozenset[str] | None:
    """Attributes that Fn::GetAtt may ask for; None where the type is not emulated."""
    if resource_type in PROVIDERS:
        return PROVIDERS[resource_type].attributes
    if resource_type in RECORDED:
        return RECORDED[resource_type].attributes
    return None
