"""Everything a local stack consists of, started side by side and taken down in order."""

import asyncio
import contextlib
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchctl.errors import BatchctlError
from batchctl.local.database import apply_migrations, seed_users
from batchctl.local.options import (
    FEW_USERS,
    PROJECT_ROOT,
    WAITING_CONCURRENCY,
    WORKING_CONCURRENCY,
    DatabaseUrl,
    LocalOptions,
)
from emulator.emulator import Emulator, EmulatorOptions
from emulator.identity import Identity
from emulator.partner_api import PartnerApi, PartnerApiOptions
from emulator.services.mariadb import MariaDb
from emulator.stack import Stack, StackPlan, load_stack, read_tenant_group

TENANT_GROUPS = PROJECT_ROOT / "pipeline" / "tenant-groups"
MIGRATIONS = PROJECT_ROOT / "migrations"
STATE_DIR = PROJECT_ROOT / ".local"


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
        }


@contextlib.asynccontextmanager
async def local_stack(options: LocalOptions, tell: Callable[[str], None]) -> AsyncIterator[LocalStack]:
    """A running stack; everything has ended when the block is left, however that happens."""
    started = time.monotonic()
    given = read_tenant_group(options.tenant_group, TENANT_GROUPS)
    # The template is read with placeholders first, so that a wrong parameter is told before anything starts.
    _plan(options, given, DatabaseUrl("127.0.0.1", 3306, "local", "local", "local"), "http://127.0.0.1:1")
    STATE_DIR.mkdir(exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        work_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="express-batch-")))
        emulator = Emulator(EmulatorOptions(work_dir=work_dir, cache_dir=STATE_DIR / "cache"))
        mariadb = None if options.database_url else MariaDb(STATE_DIR / "cache")
        partner_api = None if options.partner_api_url else PartnerApi(_partner_options(options))

        tell("starting MariaDB, the partner API and the emulator")
        # Each is entered for teardown before it starts, so that a failure of one takes down the others.
        if mariadb is not None:
            stack.push_async_callback(mariadb.stop)
        if partner_api is not None:
            stack.push_async_callback(partner_api.stop)
        starting: list[asyncio.Future[Any]] = [asyncio.ensure_future(stack.enter_async_context(emulator))]
        starting += [asyncio.ensure_future(part.start()) for part in (mariadb, partner_api) if part is not None]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)

        database = options.database_url or _database_of(mariadb)
        tell("applying migrations" if options.database_url else f"applying migrations, seeding {options.users:,} users")
        await asyncio.to_thread(apply_migrations, database, MIGRATIONS)
        if options.database_url is None:
            await asyncio.to_thread(seed_users, database, options.users)
        partner_api_url = options.partner_api_url or (partner_api.url if partner_api else "")

        tell("creating the stack out of template.yaml")
        plan = _plan(options, given, database, partner_api_url)
        created = await plan.create(emulator.aws)
        yield LocalStack(
            options=options,
            emulator=emulator,
            stack=created,
            database=database,
            partner_api_url=partner_api_url,
            partner_api=partner_api,
            mariadb=mariadb,
            work_dir=work_dir,
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


def _database_of(mariadb: MariaDb | None) -> DatabaseUrl:
    if mariadb is None:
        raise BatchctlError("no database: neither --database-url nor a MariaDB of our own")
    address = mariadb.address
    return DatabaseUrl(address.host, address.port, address.user, address.password, address.database)


def _plan(options: LocalOptions, given: dict[str, str], database: DatabaseUrl, partner_api_url: str) -> StackPlan:
    """The stack with this machine's parameters; those that were asked for by name win."""
    slice_size = options.users_per_invocation or int(given.get("UsersPerInvocation", FEW_USERS))
    chunks_at_once, slices_at_once = WAITING_CONCURRENCY if slice_size < FEW_USERS else WORKING_CONCURRENCY
    local = {
        "ChunkConcurrency": str(chunks_at_once),
        "SliceConcurrency": str(slices_at_once),
        "DatabaseMode": "direct",
        "DatabaseAuth": "password",
        "DatabaseTls": "off",
        "DatabaseHost": database.host,
        "DatabasePort": str(database.port),
        "DatabaseName": database.name,
        "DatabaseUser": database.user,
        "DatabasePassword": database.password,
        "PartnerApiUrl": partner_api_url,
        "Tracing": "Active" if options.tracing else "PassThrough",
        # What the environments here really are: awslambdaric behaves otherwise on another version.
        "Runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "Architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
    }
    if options.users_per_invocation is not None:
        local["UsersPerInvocation"] = str(options.users_per_invocation)
    parameters = {**given, **local, **options.parameters}
    return load_stack(
        options.template,
        parameters,
        stack_name=f"express-batch-{options.tenant_group}",
        identity=Identity(),
        cache_dir=STATE_DIR / "cache",
    )
