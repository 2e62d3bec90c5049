"""A stack of template.yaml on this machine: planned without side effects, then created through the services' API."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.stack.aws_caller import AwsCaller
from emulator.stack.errors import CreateError, DeleteError, FailedResource, StackError, TemplateError
from emulator.stack.intrinsics import Resolver
from emulator.stack.local_code import LocalCode
from emulator.stack.packaging import FetchObject, UploadedCode
from emulator.stack.parameters import resolve_parameters
from emulator.stack.physical_names import make_physical_name
from emulator.stack.plan import NotEmulated, PlannedResource, active_outputs, plan_resources
from emulator.stack.providers.base import Made, Request
from emulator.stack.providers.recorded import RECORDED
from emulator.stack.providers.registry import PROVIDERS
from emulator.stack.rules import check_rules
from emulator.stack.template_file import read_template, transform_template


class StackResource(NamedTuple):
    """A resource of a stack as Ref and Fn::GetAtt see it."""

    type: str
    physical_id: str
    attributes: dict[str, Any]


def load_stack(
    template_path: Path,
    parameters: Mapping[str, Any],
    *,
    stack_name: str,
    identity: Identity,
    cache_dir: Path,
    imports: Mapping[str, str] | None = None,
    fetch: FetchObject | None = None,
) -> "StackPlan":
    """The plan of the stack; a StackError names what is wrong before anything is created.

    `template_path` is template.yaml or what `sam build` made of it. `cache_dir` keeps built layers. `imports` are the
    values of Fn::ImportValue by export name. With `fetch` it is what `sam package` made, whose code is fetched.
    """
    source = read_template(template_path)
    values = resolve_parameters(source.get("Parameters") or {}, parameters)
    make_resolver = partial(
        Resolver, parameters=values, stack_name=stack_name, identity=identity, imports=imports or {}
    )
    # Rules and parameters come before the transform, so that a wrong value is named as such.
    check_rules(source.get("Rules") or {}, make_resolver(source))
    folder = template_path.resolve().parent
    template = transform_template(source, folder, values, identity, is_packaged=fetch is not None)
    resolver = make_resolver(template.body)
    resources, not_emulated = plan_resources(template.body, resolver)
    code = LocalCode(template.artifacts, cache_dir) if fetch is None else UploadedCode(template.body, fetch)
    return StackPlan(stack_name, identity, values, template.body, resources, not_emulated, resolver, code)


class _MadeLookup:
    """Finds what has been made."""

    def __init__(self, made: Mapping[str, Made]) -> None:
        self._made = made

    def has(self, logical_id: str) -> bool:
        return logical_id in self._made

    def reference(self, logical_id: str, where: str) -> Any:
        return self._made[logical_id].physical_id

    def attribute(self, logical_id: str, name: str, where: str) -> Any:
        attributes = self._made[logical_id].attributes
        if name not in attributes:
            raise TemplateError(f"{where}: {logical_id} has no attribute {name}")
        return attributes[name]


@dataclass(frozen=True)
class StackPlan:
    """A checked stack; `resources` stand in an order in which they can be created."""

    stack_name: str
    identity: Identity
    parameters: dict[str, str | list[str]]
    template: dict[str, Any]
    """After the SAM transform."""
    resources: dict[str, PlannedResource]
    not_emulated: list[NotEmulated]
    _resolver: Resolver = field(repr=False)
    _code: LocalCode | UploadedCode = field(repr=False)

    async def create(self, aws: AwsCaller) -> "Stack":
        """The stack, every resource ready; on an error what was made is removed and CreateError names what failed."""
        # Layers first: a build that fails leaves nothing behind.
        await self.build()
        stack = Stack(self, aws)
        try:
            await self._create_all(stack, aws)
            stack.resolve_outputs(self._resolver)
        except StackError as error:
            leftover = ""
            try:
                await stack.delete(purge=True)
            except DeleteError as failed:
                leftover = f"; removing what was made failed too: {failed}"
            cause = error.cause if isinstance(error, CreateError) else None
            raise CreateError(f"stack {self.stack_name}: {error}{leftover}", cause) from error
        return stack

    async def build(self) -> Mapping[str, bytes]:
        """The zips and files of functions, layers and state machines by their keys; ArtifactError where one fails."""
        await self._code.prepare(self._artifact_owners())
        return self._code.contents

    def _artifact_owners(self) -> set[str]:
        # The transform gives a layer's id a digest as its end; its code is known under the id in the file.
        return {logical_id for logical_id in self.template["Resources"] if logical_id in self.resources} | {
            str(content["S3Key"]).partition("/")[0]
            for resource in self.resources.values()
            if isinstance(content := resource.properties.get("Content"), dict) and "S3Key" in content
        }

    async def _create_all(self, stack: "Stack", aws: AwsCaller) -> None:
        """Create each resource once what it needs is there; those that need nothing of each other at once."""
        sorter = TopologicalSorter({name: resource.depends_on for name, resource in self.resources.items()})
        sorter.prepare()
        while sorter.is_active():
            ready = sorter.get_ready()
            results = await asyncio.gather(
                *(self._create_one(self.resources[name], stack, aws) for name in ready), return_exceptions=True
            )
            failures = [result for result in results if isinstance(result, BaseException)]
            if failures:
                raise failures[0]
            sorter.done(*ready)

    async def _create_one(self, planned: PlannedResource, stack: "Stack", aws: AwsCaller) -> None:
        logical_id, resource_type = planned.logical_id, planned.resource_type
        name = make_physical_name(self.stack_name, logical_id, resource_type)
        if not planned.is_provided and resource_type not in RECORDED:
            stack.add(planned, Made(name))
            return
        properties = self._resolver.resolve(planned.properties, stack.lookup, logical_id)
        if resource_type in RECORDED:
            recorded = RECORDED[resource_type]
            chosen = str(properties.get(recorded.name_property, name))
            stack.add(planned, recorded.make(chosen, self.identity, properties))
            stack.recorded[logical_id] = properties
            return
        request = Request(logical_id, resource_type, name, properties, self.identity, self._code)
        try:
            made = await PROVIDERS[resource_type].create(request, aws)
        except AwsError as error:
            cause = FailedResource(logical_id, resource_type, str(error))
            raise CreateError(f"{logical_id} ({resource_type}): {error}", cause) from error
        stack.add(planned, made)


class Stack:
    """A stack that exists."""

    def __init__(self, plan: StackPlan, aws: AwsCaller) -> None:
        self.name = plan.stack_name
        self.parameters = plan.parameters
        self.declared_parameters: dict[str, Any] = plan.template.get("Parameters") or {}
        self.not_emulated = plan.not_emulated
        self.outputs: dict[str, str] = {}
        self.exports: dict[str, str] = {}
        self.recorded: dict[str, dict[str, Any]] = {}
        """Resolved properties of resources that are kept without effect: roles, policies, schedules."""
        self._plan = plan
        self._aws = aws
        self._made: dict[str, Made] = {}
        self._planned: dict[str, PlannedResource] = {}
        self.lookup = _MadeLookup(self._made)

    @property
    def resources(self) -> dict[str, StackResource]:
        """Every resource of the stack by its logical id, those without effect included."""
        return {
            logical_id: StackResource(self._planned[logical_id].resource_type, made.physical_id, made.attributes)
            for logical_id, made in self._made.items()
        }

    def add(self, planned: PlannedResource, made: Made) -> None:
        """Note a resource as made."""
        self._made[planned.logical_id] = made
        self._planned[planned.logical_id] = planned

    def resolve_outputs(self, resolver: Resolver) -> None:
        """Fill in outputs and exports."""
        for name, output in active_outputs(self._plan.template.get("Outputs") or {}, resolver):
            self.outputs[name] = str(resolver.resolve(output.get("Value"), self.lookup, f"Outputs.{name}"))
            if "Export" in output:
                export = resolver.resolve(output["Export"]["Name"], self.lookup, f"Outputs.{name}.Export")
                self.exports[str(export)] = self.outputs[name]

    async def delete(self, *, purge: bool = False) -> list[str]:
        """Remove what was created, in the reverse order; the logical ids that DeletionPolicy Retain has kept.

        `purge` keeps nothing: retained resources go too, and buckets are emptied first. DeleteError names every
        resource that could not be removed; it can be tried again.
        """
        retained, problems = [], []
        for logical_id in reversed(list(self._made)):
            planned = self._planned[logical_id]
            if planned.is_provided:
                if planned.deletion_policy.startswith("Retain") and not purge:
                    retained.append(logical_id)
                    continue
                try:
                    await PROVIDERS[planned.resource_type].delete(self._made[logical_id], self._aws, purge=purge)
                except AwsError as error:
                    problems.append(f"{logical_id} ({planned.resource_type}): {error}")
                    continue
            del self._made[logical_id], self._planned[logical_id]
            self.recorded.pop(logical_id, None)
        if problems:
            raise DeleteError("; ".join(problems))
        return retained
