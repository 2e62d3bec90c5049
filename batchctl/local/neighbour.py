"""A further tenant group's stack beside a local one: the same emulator and partner, users and a database of its own."""

import asyncio
import time
from dataclasses import replace

from batchctl.errors import UsageError
from batchctl.local.database import apply_migrations, create_database, seed_users
from batchctl.local.local_stack import LocalStack, plan_stack
from batchctl.local.options import LocalOptions
from batchctl.project_tree import MIGRATIONS, TENANT_GROUPS
from emulator.stack import read_tenant_group


async def join_stack(first: LocalStack, options: LocalOptions) -> LocalStack:
    """The running stack of another group, which ends with the first one; its users' ids begin with the group's name."""
    group = options.tenant_group
    if group == first.tenant_group:
        raise UsageError(f"the stack of {group} is there already: name another tenant group")
    started = time.monotonic()
    name = f"{first.database.name}_{group.replace('-', '_')}"
    database = await asyncio.to_thread(create_database, first.database, name)
    await asyncio.to_thread(apply_migrations, database, MIGRATIONS)
    await asyncio.to_thread(seed_users, database, options.users, prefix=f"{group}-")
    given = read_tenant_group(group, TENANT_GROUPS)
    plan = await asyncio.to_thread(plan_stack, options, given, database, first.partner_api_url)
    created = await plan.create(first.emulator.aws)
    return replace(first, options=options, stack=created, database=database, setup_seconds=time.monotonic() - started)
