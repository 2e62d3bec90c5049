"""The stages as they are carried out here: MariaDB, the emulator and the stand-in API serve all groups.

Each group has a database, a stack and a partner API address of its own, so nothing of one is another's. It is
deployed and tried by the state machine that does so on AWS, statemachines/deploy_group.asl.json.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field

import pymysql

from batchctl.database_url import DatabaseUrl
from batchctl.errors import BatchctlError
from batchctl.groups.deployment_file import make_deployment
from batchctl.groups.group import BOUNDARY_NAME, BOUNDARY_PARAMETER, STACK_PREFIX, TenantGroup
from batchctl.groups.project import Project
from batchctl.local.boundary import create_boundary
from batchctl.local.database import apply_migrations, create_database, seed_users
from batchctl.local.local_parameters import make_local_parameters
from batchctl.local.surroundings import CACHE_DIR, open_surroundings
from batchctl.project_tree import PROJECT_ROOT
from batchctl.rehearse.artifacts import package_artifacts
from batchctl.rehearse.deployments import Deployment, GroupDeployer, wait_for_trial
from batchctl.rehearse.release import Stage, StageFailedError
from emulator.emulator import Emulator
from emulator.partner_api import PartnerApiOptions
from emulator.stack import Stack

# The smallest that still shows both Maps at work: groups of a wave run at the same time on this machine.
SMALL = {"ChunkConcurrency": "1", "SliceConcurrency": "1"}
CLOSED_ADDRESS = "http://127.0.0.1:9"  # the discard port: nobody answers
MAX_CAUSE_CHARACTERS = 300


@dataclass
class Rehearsal:
    """What is there for all groups, and how far each has come."""

    users: int
    failing: Collection[str]
    emulator: Emulator
    server: DatabaseUrl  # an account that may make databases
    partner_api_url: str
    deployer: GroupDeployer
    template_url: str
    deployments: dict[str, Deployment] = field(default_factory=dict)

    def database_of(self, group: TenantGroup) -> DatabaseUrl:
        """The group's own database."""
        server = self.server
        return DatabaseUrl(server.host, server.port, server.user, server.password, f"eb_{group.name.replace('-', '_')}")

    async def migrate(self, group: TenantGroup) -> None:
        """The group's schema, before its code. Raises StageFailedError."""
        try:
            await asyncio.to_thread(self._prepare_database, self.database_of(group))
        except (BatchctlError, pymysql.err.Error) as error:
            raise StageFailedError(_one_line(error)) from error

    async def deploy(self, group: TenantGroup) -> None:
        """DeployGroup as far as its smoke run: the group's stack is there. Raises StageFailedError."""
        api = CLOSED_ADDRESS if group.name in self.failing else self.partner_api_url
        parameters = {**group.stack_parameters, **SMALL, **make_local_parameters(self.database_of(group), api)}
        if parameters[BOUNDARY_PARAMETER] != BOUNDARY_NAME or not group.stack_name.startswith(STACK_PREFIX):
            parameters[BOUNDARY_PARAMETER] = ""  # a boundary of its account's own making, which is not here
        self.deployments[group.name] = deployment = await self.deployer.start(
            group.name,
            make_deployment(group.name, group.stack_name, parameters, group.stack_tags, self.template_url),
        )
        await wait_for_trial(deployment)
        self._check(group, Stage.DEPLOYMENT)

    async def smoke_run(self, group: TenantGroup) -> None:
        """The rest of DeployGroup: a run that lists and calls and writes to no table. Raises StageFailedError."""
        await self.deployments[group.name].execution.wait()
        self._check(group, Stage.SMOKE_RUN)

    def stack_of(self, group: TenantGroup) -> Stack:
        """The group's stack, once it is deployed."""
        stack = self.emulator.stacks.find_stack(group.stack_name).stack
        assert stack is not None
        return stack

    def _check(self, group: TenantGroup, stage: Stage) -> None:
        problem = self.deployments[group.name].describe_failure(group.name, stage)
        # A smoke run that has failed already is no failure of the stage before it.
        if problem is not None and (stage == Stage.SMOKE_RUN or not self.deployments[group.name].is_tried.is_set()):
            raise StageFailedError(_one_line(problem))

    def _prepare_database(self, database: DatabaseUrl) -> None:
        create_database(self.server, database.name)
        apply_migrations(database, PROJECT_ROOT / "migrations")
        seed_users(database, self.users)


@contextlib.asynccontextmanager
async def open_rehearsal(
    project: Project, users: int, failing: Collection[str], tell: Callable[[str], None]
) -> AsyncIterator[Rehearsal]:
    """Everything that the stages need; all of it has ended when the block is left. Raises StackError."""
    tell("starting MariaDB, the partner API and the emulator")
    async with open_surroundings(PartnerApiOptions(latency_ms=20)) as around:
        assert around.partner_api is not None
        emulator = around.emulator
        tell("building and packaging functions and layers")
        await create_boundary(emulator.aws, emulator.options.identity)
        template_url = await package_artifacts(project.template, CACHE_DIR, emulator.aws)
        deployer = await GroupDeployer.make(emulator, project.group_deployer, CACHE_DIR)
        yield Rehearsal(users, failing, emulator, around.database, around.partner_api.url, deployer, template_url)


def _one_line(problem: object) -> str:
    return " ".join(str(problem).split())[:MAX_CAUSE_CHARACTERS]
