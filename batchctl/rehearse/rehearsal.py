"""The stages as they are carried out here: MariaDB, the emulator and the stand-in API serve all groups.

Each group has a database, a stack and a partner API address of its own, so nothing of one is another's.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pymysql

from batchctl.errors import BatchctlError
from batchctl.groups.group import TenantGroup
from batchctl.local.database import apply_migrations, connect, seed_users
from batchctl.local.local_parameters import make_local_parameters
from batchctl.local.options import PROJECT_ROOT, DatabaseUrl
from batchctl.local.surroundings import CACHE_DIR, open_surroundings
from batchctl.rehearse.release import StageFailedError
from emulator.emulator import Emulator
from emulator.identity import Identity
from emulator.partner_api import PartnerApiOptions
from emulator.stack import Stack, StackError, StackPlan, load_stack

SMOKE_USERS = 20
# The smallest that still shows both Maps at work: groups of a wave run at the same time on this machine.
SMALL = {"ChunkConcurrency": "1", "SliceConcurrency": "1"}
CLOSED_ADDRESS = "http://127.0.0.1:9"  # the discard port: nobody answers
MAX_CAUSE_CHARACTERS = 300


@dataclass
class Rehearsal:
    """What is there for all groups, and what each has got."""

    template: Path
    users: int
    failing: Collection[str]
    emulator: Emulator
    server: DatabaseUrl  # an account that may make databases
    partner_api_url: str
    stacks: dict[str, Stack] = field(default_factory=dict)

    def database_of(self, group: TenantGroup) -> DatabaseUrl:
        """The group's own database."""
        server = self.server
        return DatabaseUrl(server.host, server.port, server.user, server.password, f"eb_{group.name.replace('-', '_')}")

    def plan(self, group: TenantGroup) -> StackPlan:
        """The group's stack. Raises StackError."""
        api = CLOSED_ADDRESS if group.name in self.failing else self.partner_api_url
        parameters = {**group.parameters, **SMALL, **make_local_parameters(self.database_of(group), api)}
        identity = Identity(region=self.emulator.options.identity.region)
        return load_stack(
            self.template, parameters, stack_name=group.stack_name, identity=identity, cache_dir=CACHE_DIR
        )

    async def migrate(self, group: TenantGroup) -> None:
        """The group's schema, before its code. Raises StageFailedError."""
        try:
            await asyncio.to_thread(self._prepare_database, self.database_of(group))
        except (BatchctlError, pymysql.err.Error) as error:
            raise StageFailedError(_one_line(error)) from error

    async def deploy(self, group: TenantGroup) -> None:
        """The group's stack. Raises StageFailedError."""
        try:
            self.stacks[group.name] = await self.plan(group).create(self.emulator.aws)
        except StackError as error:
            raise StageFailedError(_one_line(error)) from error

    async def smoke_run(self, group: TenantGroup) -> None:
        """A small run that lists and calls and writes to no table. Raises StageFailedError."""
        arn = self.stacks[group.name].outputs["UserBatchArn"]
        execution = await self.emulator.state_machines.start(arn, {"dry_run": True, "users": SMOKE_USERS})
        await execution.wait()
        if execution.status != "SUCCEEDED":
            raise StageFailedError(_one_line(f"{execution.error}: {execution.cause or 'no cause given'}"))

    def _prepare_database(self, database: DatabaseUrl) -> None:
        with connect(self.server) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{database.name}`")
        apply_migrations(database, PROJECT_ROOT / "migrations")
        seed_users(database, self.users)


@contextlib.asynccontextmanager
async def open_rehearsal(
    template: Path, users: int, failing: Collection[str], tell: Callable[[str], None]
) -> AsyncIterator[Rehearsal]:
    """Everything that the stages need; all of it has ended when the block is left."""
    tell("starting MariaDB, the partner API and the emulator")
    async with open_surroundings(PartnerApiOptions(latency_ms=20)) as around:
        assert around.partner_api is not None
        yield Rehearsal(template, users, failing, around.emulator, around.database, around.partner_api.url)


def _one_line(problem: object) -> str:
    return " ".join(str(problem).split())[:MAX_CAUSE_CHARACTERS]
