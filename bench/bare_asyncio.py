"""The machine's practical limit: one process of uvloop and aiohttp, rows upserted a thousand at a time.

It keeps no ledger, retries in place, and loses everything if it dies. Whatever does more pays for it.
"""

import asyncio
import random
import time
from collections.abc import Iterator

import aiohttp
import uvloop

from bench.contract import ContenderArguments, ContenderResult, Database, parse_contender_arguments
from bench.points import RETRIED_STATUSES, UPSERT, PointsRow, connect, count_rows, make_row

CALLS_IN_FLIGHT = 600  # measured at 100 ms on two cores: 500 is bound by the latency, 1000 costs more CPU a call
ROWS_IN_STATEMENT = 1000
ATTEMPTS = 5
TIMEOUT_SECONDS = 10


async def sync_users(arguments: ContenderArguments) -> ContenderResult:
    """Every user of the table `users`, synced."""
    started_at, started = time.time(), time.monotonic()
    user_ids = await asyncio.to_thread(read_user_ids, arguments.database)
    rows: asyncio.Queue[PointsRow | None] = asyncio.Queue()
    writer = asyncio.create_task(write_rows(arguments.database, rows))
    waiting = iter(user_ids)
    connector = aiohttp.TCPConnector(limit=CALLS_IN_FLIGHT)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    session = aiohttp.ClientSession(arguments.partner_api_url, connector=connector, timeout=timeout)
    async with session, asyncio.TaskGroup() as group:
        for _ in range(min(CALLS_IN_FLIGHT, len(user_ids))):
            group.create_task(fetch_users(session, waiting, rows))
    rows.put_nowait(None)
    await writer
    seconds = time.monotonic() - started
    return ContenderResult(len(user_ids), await asyncio.to_thread(count_rows, arguments.database), seconds, started_at)


def read_user_ids(database: Database) -> list[str]:
    """The active users."""
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT user_id FROM users WHERE active = 1 ORDER BY user_id")
        return [row[0] for row in cursor.fetchall()]


async def fetch_users(
    session: aiohttp.ClientSession, waiting: Iterator[str], rows: "asyncio.Queue[PointsRow | None]"
) -> None:
    """One of the calls in flight: takes users until none waits."""
    for user_id in waiting:
        body = await fetch_points(session, user_id)
        rows.put_nowait(make_row(user_id, body, time.time_ns() // 1_000_000))


async def fetch_points(session: aiohttp.ClientSession, user_id: str) -> bytes:
    """The answer's body; 429 and 5xx are tried again. Raises aiohttp.ClientError after the last attempt."""
    for attempt in range(ATTEMPTS):
        async with session.get(f"/v1/users/{user_id}/points") as response:
            if response.status not in RETRIED_STATUSES or attempt == ATTEMPTS - 1:
                response.raise_for_status()
                return await response.read()
            retry_after = response.headers.get("Retry-After")
        await asyncio.sleep(float(retry_after) if retry_after else random.uniform(0, 0.1 * 2**attempt))
    raise AssertionError("the last attempt returns or raises")


async def write_rows(database: Database, rows: "asyncio.Queue[PointsRow | None]") -> None:
    """Writes until None comes; the statements run on a thread, beside the calls."""
    connection = await asyncio.to_thread(connect, database)
    with connection, connection.cursor() as cursor:
        # PyMySQL joins the rows of executemany into statements of up to this many bytes.
        cursor.max_stmt_length = 1_000_000
        row: PointsRow | None = await rows.get()
        while row is not None:
            batch: list[PointsRow] = []
            while row is not None and len(batch) < ROWS_IN_STATEMENT:
                batch.append(row)
                row = await rows.get()
            await asyncio.to_thread(cursor.executemany, UPSERT, batch)


def main() -> None:
    """Runs once and prints the result."""
    arguments = parse_contender_arguments("All users by one asyncio process.")
    uvloop.run(sync_users(arguments)).print_json()


if __name__ == "__main__":
    main()
