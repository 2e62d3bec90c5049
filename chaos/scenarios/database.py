"""MariaDB: killed, read-only, full, crowded, locked."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from chaos.scenario import COMPLETE, INCOMPLETE, PARTIAL, Around, Scenario, meanwhile
from chaos.stage import Needs, Stage
from emulator.faults.database import LARGE_DISK, SMALL_DISK, DatabaseFaults

Break = Callable[[DatabaseFaults], contextlib.AbstractContextManager[None]]
OUTAGE_SECONDS = 2.0
READ_ONLY, NO_CONNECTION, DISK_FULL = 1290, 1040, 1114
POISONED = ("user-0000007", "user-0000404", "user-0000405", "user-0001201")


def _outage(name: str, code: int, break_it: Break) -> Around:
    """Broken when the users are listed; an ordinary account is then answered `code`."""

    async def break_for_a_while(stage: Stage) -> None:
        await stage.listed.wait()
        breaking, began = break_it(stage.database), time.monotonic()
        await asyncio.to_thread(breaking.__enter__)
        try:
            await _expect(stage, code)
            await asyncio.sleep(OUTAGE_SECONDS)
            stage.note_if_held_up(name, began)
        finally:
            await asyncio.to_thread(breaking.__exit__, None, None, None)

    @contextlib.asynccontextmanager
    async def around(stage: Stage, _seed: int) -> AsyncIterator[None]:
        async with meanwhile(break_for_a_while(stage)):
            yield

    return around


async def _expect(stage: Stage, code: int) -> None:
    """The server must really refuse, or the fault is none."""
    answered = await asyncio.to_thread(stage.database.try_to_write)
    if answered != code:
        raise RuntimeError(f"the server answers {answered} to a write, expected {code}")


@contextlib.asynccontextmanager
async def _kill(stage: Stage, _seed: int) -> AsyncIterator[None]:
    async def kill_in_mid_transaction() -> None:
        await stage.listed.wait()
        holding = stage.database.held_row("loyalty_points", "user_id", f"user-{stage.users // 2 + 50:07d}")
        await asyncio.to_thread(holding.__enter__)
        is_open = await asyncio.to_thread(stage.database.wait_for_open_transaction, 20, 10.0)
        await stage.mariadb.kill()
        if is_open:
            stage.faults.note("database-killed")
        await asyncio.to_thread(holding.__exit__, None, None, None)
        await asyncio.sleep(OUTAGE_SECONDS)
        await stage.mariadb.restart()

    async with meanwhile(kill_in_mid_transaction()):
        yield


@contextlib.asynccontextmanager
async def _hang(stage: Stage, _seed: int) -> AsyncIterator[None]:
    async def pause() -> None:
        await stage.listed.wait()
        stage.mariadb.pause()
        began = time.monotonic()
        try:
            await asyncio.sleep(OUTAGE_SECONDS)
            stage.note_if_held_up("database-hangs", began)
        finally:
            stage.mariadb.resume()

    async with meanwhile(pause()):
        yield


@contextlib.asynccontextmanager
async def _dead_locks(stage: Stage, _seed: int) -> AsyncIterator[None]:
    users = sorted(await stage.rows())
    before, began = await asyncio.to_thread(stage.database.status, "Innodb_deadlocks"), time.monotonic()

    async def lock() -> None:
        await stage.listed.wait()
        locking = stage.database.dead_locks("loyalty_points", "user_id", users)
        await asyncio.to_thread(locking.__enter__)
        await asyncio.sleep(OUTAGE_SECONDS)
        await asyncio.to_thread(locking.__exit__, None, None, None)

    async with meanwhile(lock()):
        yield
    after = await asyncio.to_thread(stage.database.status, "Innodb_deadlocks")
    for _ in range(after - before):
        stage.faults.note("database-dead-locks", at=began)


@contextlib.asynccontextmanager
async def _full_disk(stage: Stage, _seed: int) -> AsyncIterator[None]:
    async def fill() -> None:
        await stage.listed.wait()
        began = time.monotonic()
        await asyncio.to_thread(stage.database.fill_disk)
        try:
            await _expect(stage, DISK_FULL)
            await asyncio.sleep(OUTAGE_SECONDS)
            stage.note_if_held_up("database-disk-full", began)
        finally:
            await stage.mariadb.restart(LARGE_DISK)

    async with meanwhile(fill()):
        yield


@contextlib.asynccontextmanager
async def _refused_rows(stage: Stage, _seed: int) -> AsyncIterator[None]:
    query, began = stage.database.query, time.monotonic()
    names = ", ".join(f"'{user}'" for user in POISONED)
    ((newest,),) = await asyncio.to_thread(query, "SELECT MAX(answer_version) FROM loyalty_points")
    check = f"user_id NOT IN ({names}) OR answer_version <= {int(newest)}"
    await asyncio.to_thread(query, f"ALTER TABLE loyalty_points ADD CONSTRAINT poison CHECK ({check})")
    try:
        yield
        await stage.drain()
        run_id = str(stage.present.output["run_id"])
        for _ in set(POISONED) & await stage.failed_users(run_id):
            stage.faults.note("poisonous-row", at=began)
    finally:
        await asyncio.to_thread(query, "ALTER TABLE loyalty_points DROP CONSTRAINT poison")


SCENARIOS = (
    Scenario(
        "database-killed",
        "MariaDB is killed (-9) in the midst of a transaction and started again 2 s later",
        "a transaction is whole or was never; a new connection, patience, the mapping's retries",
        _kill,
        is_quick=True,
        ends=(COMPLETE, INCOMPLETE),
    ),
    Scenario(
        "database-read-only",
        "the server closes its sessions and is read-only for 2 s (error 1290), as the former primary of a failover",
        "the connection is given up for a new one, the transaction repeated",
        _outage("database-read-only", READ_ONLY, DatabaseFaults.read_only),
        ends=(COMPLETE, INCOMPLETE),
    ),
    Scenario(
        "database-without-connections",
        "others hold every connection for 2 s (error 1040), and the functions' own are closed",
        "patience within the invocation, the mapping's retries",
        _outage("database-without-connections", NO_CONNECTION, DatabaseFaults.no_connection_left),
        ends=(COMPLETE, INCOMPLETE),
    ),
    Scenario(
        "database-dead-locks",
        "two others lock rows in the opposite order for 2 s (error 1213)",
        "the loser's transaction is repeated",
        _dead_locks,
        ends=(COMPLETE, INCOMPLETE),
    ),
    Scenario(
        "database-disk-full",
        "the tablespace has no page left (error 1114); after 2 s the server gets more room, and starts again for it",
        "an outage like any other: repeated until there is room",
        _full_disk,
        needs=Needs(mariadb_arguments=SMALL_DISK),
        ends=(COMPLETE, INCOMPLETE),
    ),
    Scenario(
        "database-hangs",
        "the server's process stands still for 2 s (SIGSTOP)",
        "time-outs that are longer",
        _hang,
        ends=(COMPLETE, INCOMPLETE),
    ),
    Scenario(
        "poisonous-row",
        "the table refuses the rows of four users",
        "the refused rows are found by halving and become failure records, their neighbours are written",
        _refused_rows,
        ends=(PARTIAL,),
    ),
)
