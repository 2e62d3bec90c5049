"""Everything a local stack consists of, started side by side and taken down in order."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchctl.database_url import DatabaseUrl
from batchctl.groups.group import BOUNDARY_NAME, BOUNDARY_PARAMETER
from batchctl.local.boundary import create_boundary
from batchctl.local.database import apply_migrations, seed_users
from batchctl.local.local_parameters import make_local_parameters
from batchctl.local.options import (
    FEW_USERS,
    WAITING_CONCURRENCY,
    WORKING_CONCURRENCY,
    LocalOptions,
)
from batchctl.local.surroundings import CACHE_DIR, open_surroundings
from batchctl.project_tree import TENANT_GROUPS
from emulator.emulator import Emulator, EmulatorOptions
from emulator.identity import Identity
from emulator.partner_api import PartnerApi, PartnerApiOptions
from emulator.services.mariadb import MariaDb, MariaDbOptions
from emulator.stack import Stack, StackPlan, load_stack, read_tenant_group


@dataclass
class LocalStack:
    """A running stack and what is around it."""

    options: LocalOptions
    emulator: Emulator
    stack: Stack
    database: DatabaseUrl
    partner_api_url: str
    partner_api: PartnerApi | None  # None where the caller brought one
    mariadb: MariaDb | None  # None where the caller brought a database
    work_dir: Path
    setup_seconds: float

    @property
    def state_machine_arn(self) -> str:
        """UserBatch."""
        return self.stack.outputs["UserBatchArn"]

    @property
    def tenant_group(self) -> str:
        """The group whose stack this is."""
        return self.options.tenant_group

    def endpoints(self) -> dict[str, Any]:
        """What `local up` writes to .local/endpoints.json."""
        return {
            "gateway_url": self.emulator.url,
            "region": self.emulator.options.identity.region,
            "state_machine_arn": self.state_machine_arn,
            "database": {
                "host": self.database.host,
                "port": self.database.port,
                "user": self.database.user,
                "password": self.database.password,
                "name": self.database.name,
            },
            "partner_api_url": self.partner_api_url,
            "outputs": self.stack.outputs,
            "parameters": self.parameters(),
        }

    def parameters(self) -> dict[str, str]:
        """The stack's parameters as CloudFormation tells them: as text, and none that is secret."""
        declared = self.stack.declared_parameters
        return {
            name: ",".join(value) if isinstance(value, list) else value
            for name, value in self.stack.parameters.items()
            if not declared.get(name, {}).get("NoEcho")
        }


@contextlib.asynccontextmanager
async def local_stack(
    options: LocalOptions,
    tell: Callable[[str], None],
    *,
    mariadb_options: MariaDbOptions | None = None,
    emulator_options: EmulatorOptions | None = None,
) -> AsyncIterator[LocalStack]:
    """A running stack; everything has ended when the block is left, however that happens."""
    started = time.monotonic()
    given = read_tenant_group(options.tenant_group, TENANT_GROUPS)
    # The template is read with placeholders first, so that a wrong parameter is told before anything starts.
    plan_stack(options, given, DatabaseUrl("127.0.0.1", 3306, "local", "local", "local"), "http://127.0.0.1:1")
    tell("starting MariaDB, the partner API and the emulator")
    stand_in = None if options.partner_api_url else _partner_options(options)
    async with open_surroundings(
        stand_in,
        with_mariadb=options.database_url is None,
        mariadb_options=mariadb_options,
        emulator_options=emulator_options,
    ) as around:
        emulator, partner_api = around.emulator, around.partner_api
        database = options.database_url or around.database
        tell("applying migrations" if options.database_url else f"applying migrations, seeding {options.users:,} users")
        await asyncio.to_thread(apply_migrations, database)
        if options.database_url is None:
            await asyncio.to_thread(seed_users, database, options.users)
        partner_api_url = options.partner_api_url or (partner_api.url if partner_api else "")

        tell("creating the stack out of template.yaml")
        await create_boundary(emulator.aws, emulator.options.identity)
        plan = plan_stack(options, given, database, partner_api_url)
        created = await plan.create(emulator.aws)
        yield LocalStack(
            options=options,
            emulator=emulator,
            stack=created,
            database=database,
            partner_api_url=partner_api_url,
            partner_api=partner_api,
            mariadb=around.mariadb,
            work_dir=around.work_dir,
            setup_seconds=time.monotonic() - started,
        )


def _partner_options(options: LocalOptions) -> PartnerApiOptions:
    return PartnerApiOptions(
        latency_ms=options.api_latency_ms,
        error_rate=options.api_error_rate,
        throttle_rate=options.api_throttle_rate,
        malformed_rate=options.api_malformed_rate,
        seed=options.seed,
    )


def plan_stack(options: LocalOptions, given: dict[str, str], database: DatabaseUrl, partner_api_url: str) -> StackPlan:
    """The stack with this machine's parameters; those that were asked for by name win."""
    slice_size = options.users_per_invocation or int(given.get("UsersPerInvocation", FEW_USERS))
    # Slices that wait for the partner's slots, or for the answers of a few calls, leave the cores to others.
    waits = slice_size < FEW_USERS or {**given, **options.parameters}.get("CallsPerSecond", "0") != "0"
    chunks_at_once, slices_at_once = WAITING_CONCURRENCY if waits else WORKING_CONCURRENCY
    local = {
        "ChunkConcurrency": str(chunks_at_once),
        "SliceConcurrency": str(slices_at_once),
        BOUNDARY_PARAMETER: BOUNDARY_NAME,  # as `batchctl groups render` gives it
        **make_local_parameters(database, partner_api_url, tracing=options.tracing, migrates=options.migrates),
    }
    if options.users_per_invocation is not None:
        local["UsersPerInvocation"] = str(options.users_per_invocation)
    parameters = {**given, **local, **options.parameters}
    return load_stack(
        options.template,
        parameters,
        stack_name=f"express-batch-{options.tenant_group}",
        identity=Identity(),
        cache_dir=CACHE_DIR,
    )
