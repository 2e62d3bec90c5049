"""What surrounds stacks on this machine: the emulator, MariaDB and the partner API's stand-in."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from batchctl.database_url import DatabaseUrl
from batchctl.errors import BatchctlError
from batchctl.project_tree import STATE_DIR
from emulator.emulator import Emulator, EmulatorOptions
from emulator.partner_api import PartnerApi, PartnerApiOptions
from emulator.services.mariadb import MariaDb, MariaDbOptions

CACHE_DIR = STATE_DIR / "cache"


@dataclass
class Surroundings:
    """Running parts; None stands for one that the caller has brought."""

    emulator: Emulator
    mariadb: MariaDb | None
    partner_api: PartnerApi | None
    work_dir: Path

    @property
    def database(self) -> DatabaseUrl:
        """Our own MariaDB's database, with an account that may do anything there."""
        if self.mariadb is None:
            raise BatchctlError("no database: neither --database-url nor a MariaDB of our own")
        address = self.mariadb.address
        return DatabaseUrl(address.host, address.port, address.user, address.password, address.database)


@contextlib.asynccontextmanager
async def open_surroundings(
    partner_api_options: PartnerApiOptions | None,
    *,
    with_mariadb: bool = True,
    mariadb_options: MariaDbOptions | None = None,
    emulator_options: EmulatorOptions | None = None,
) -> AsyncIterator[Surroundings]:
    """Everything started side by side; all of it has ended when the block is left, however that happens.

    The emulator gets directories of its own, whatever its options say.
    """
    STATE_DIR.mkdir(exist_ok=True)
    async with contextlib.AsyncExitStack() as exits:
        work_dir = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="express-batch-")))
        emulator = Emulator(replace(emulator_options or EmulatorOptions(), work_dir=work_dir, cache_dir=CACHE_DIR))
        mariadb = MariaDb(CACHE_DIR, mariadb_options) if with_mariadb else None
        partner_api = PartnerApi(partner_api_options) if partner_api_options is not None else None
        # Each is entered for teardown before it starts, so that a failure of one takes down the others.
        if mariadb is not None:
            exits.push_async_callback(mariadb.stop)
        if partner_api is not None:
            exits.push_async_callback(partner_api.stop)
        starting: list[asyncio.Future[Any]] = [asyncio.ensure_future(exits.enter_async_context(emulator))]
        starting += [asyncio.ensure_future(part.start()) for part in (mariadb, partner_api) if part is not None]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
        yield Surroundings(emulator, mariadb, partner_api, work_dir)
