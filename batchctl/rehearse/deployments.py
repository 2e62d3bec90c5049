"""DeployGroup, as the pipeline's action starts it for each group and waits for it."""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.emulator import Emulator
from emulator.stack import load_stack
from emulator.step_functions import Execution, ExecutionEvent

_STACK_NAME = "express-batch-group-deployer"
_SMOKE_RUN = "SmokeRun"  # the state of deploy_group.asl.json


@dataclass
class Deployment:
    """One group's deployment under way."""

    execution: Execution
    is_tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the smoke run begins."""

    def describe_failure(self, group: str, stage: str) -> str | None:
        """The cause in DeployGroup's words, without the group and the stage; None where it has not failed."""
        if self.execution.status in ("RUNNING", "SUCCEEDED"):
            return None
        cause = self.execution.cause or f"{self.execution.error or self.execution.status}: no cause given"
        return cause.removeprefix(f"group {group}, ").removeprefix(f"{stage}: ")


class GroupDeployer:
    """The state machine of pipeline/group-deployer.yaml in the emulator."""

    def __init__(self, emulator: Emulator, arn: str) -> None:
        self._emulator = emulator
        self._arn = arn
        self._deployments: dict[str, Deployment] = {}
        emulator.state_machines.listeners.append(self._note)

    @classmethod
    async def make(cls, emulator: Emulator, template: Path, cache_dir: Path) -> "GroupDeployer":
        """Deploys the template, as somebody does once for an account and region. Raises StackError."""
        plan = load_stack(template, {}, stack_name=_STACK_NAME, identity=emulator.options.identity, cache_dir=cache_dir)
        return cls(emulator, (await plan.create(emulator.aws)).outputs["DeployGroupArn"])

    async def start(self, group: str, deployment: Mapping[str, Any]) -> Deployment:
        """The deployment of a group, begun."""
        execution = await self._emulator.state_machines.start(
            self._arn, dict(deployment), name=f"{group}-{uuid.uuid4()}"
        )
        started = self._deployments[execution.arn] = Deployment(execution)
        return started

    def _note(self, event: ExecutionEvent) -> None:
        deployment = self._deployments.get(event.execution_arn)
        if deployment is not None and event.state_name == _SMOKE_RUN:
            deployment.is_tried.set()


async def wait_for_trial(deployment: Deployment) -> None:
    """Return once the smoke run has begun or the deployment has ended."""
    waits = [
        asyncio.ensure_future(deployment.is_tried.wait()),
        asyncio.ensure_future(deployment.execution.wait()),
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
