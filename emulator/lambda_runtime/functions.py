"""The functions there are: configurations, versions, aliases, and which pool runs which version."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.identity import Identity
from emulator.lambda_runtime.configuration import FunctionConfiguration
from emulator.lambda_runtime.environment_pool import EnvironmentPool
from emulator.lambda_runtime.identifiers import LATEST, FunctionReference, function_not_found, make_function_arn
from emulator.lambda_runtime.logs import FunctionLog
from emulator.lambda_runtime.tracing import Sampler


@dataclass(slots=True)
class Alias:
    """A name for a version, with the share of calls that go to another one."""

    name: str
    version: str
    description: str
    weights: dict[str, float]
    revision_id: str

    def choose_version(self) -> str:
        """The version for this call."""
        draw = secrets.randbelow(10_000) / 10_000
        for version, weight in self.weights.items():
            if draw < weight:
                return version
            draw -= weight
        return self.version


@dataclass(slots=True)
class Function:
    """Everything under one function name."""

    latest: FunctionConfiguration
    log: FunctionLog
    versions: dict[str, FunctionConfiguration] = field(default_factory=dict)
    last_version: int = 0
    aliases: dict[str, Alias] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str | None, dict[str, dict[str, Any]]] = field(default_factory=dict)  # by qualifier, statement id
    event_invoke_configs: dict[str, dict[str, Any]] = field(default_factory=dict)  # by qualifier
    pools: dict[str, EnvironmentPool] = field(default_factory=dict)  # by version
    sampler: Sampler = field(default_factory=Sampler)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.latest.name


class FunctionStore:
    """Finds functions by what a request calls them."""

    def __init__(self, identity: Identity) -> None:
        self.functions: dict[str, Function] = {}
        self._identity = identity

    def package_directories(self) -> set[Path]:
        """Of the code and the layers of all versions of all functions."""
        configurations = [
            configuration
            for function in self.functions.values()
            for configuration in (function.latest, *function.versions.values())
        ]
        layers = {layer.package.directory for each in configurations for layer in each.layers}
        return layers | {each.package.directory for each in configurations}

    def find(self, reference: FunctionReference) -> Function:
        """The function; ResourceNotFoundException when there is none."""
        function = self.functions.get(reference.name)
        if function is None:
            raise function_not_found(make_function_arn(self._identity, reference.name, reference.qualifier))
        return function

    def resolve(self, reference: FunctionReference) -> tuple[Function, FunctionConfiguration]:
        """The function and the version that the qualifier means; for an alias, one drawn by its weights."""
        function = self.find(reference)
        qualifier = reference.qualifier
        if qualifier is None or qualifier == LATEST:
            return function, function.latest
        alias = function.aliases.get(qualifier)
        version = alias.choose_version() if alias is not None else qualifier
        configuration = function.latest if version == LATEST else function.versions.get(version)
        if configuration is None:
            raise function_not_found(make_function_arn(self._identity, reference.name, qualifier))
        return function, configuration
