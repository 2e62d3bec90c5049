"""`make soak` in short: nine real runs on one stack, each of which leaks on purpose; the verdict names just what leaks.

Long series are tests/chaos/test_growth.py's.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from typing import IO, Any

import pymysql
import uvloop

from chaos.processes import describe_difference, list_commands
from chaos.scenario import Scenario
from chaos.soak.page import make_table, tell_faults
from chaos.soak.soaking import SoakOptions, SoakResult, soak
from chaos.stage import Stage

RUNS = 9
EACH_RUN = 6  # more than what is allowed from one third of the runs to the next
LEAKED = {
    "open files of emulator",
    "sockets of emulator",
    "threads of emulator",
    "Python threads of emulator",
    "asyncio tasks of emulator",
    "connections of MariaDB",
    "sockets of MariaDB",
    "rows of users",
    "objects under lost/",
    "files of emulator",
    "rows of batch_run beyond the retention",
}


class Leak:
    """What a run leaves behind, until the end."""

    def __init__(self) -> None:
        self.exits = contextlib.ExitStack()
        self.tasks: list[asyncio.Task[bool]] = []
        self.end = threading.Event()
        self._count = 0

    async def leak(self, stage: Stage) -> None:
        address = stage.mariadb.address
        for _ in range(EACH_RUN):
            self._count += 1
            name = f"leak-{self._count}"
            file: IO[bytes] = self.exits.enter_context((stage.stack.work_dir / name).open("wb"))
            file.write(b"x")
            self.exits.enter_context(socket.socket())
            threading.Thread(target=self.end.wait).start()
            self.tasks.append(asyncio.create_task(asyncio.Event().wait()))
            connection: Any = pymysql.connect(host=address.host, port=address.port, user=address.user,
                                              password=address.password, ssl_disabled=True)  # fmt: skip
            self.exits.enter_context(connection)
            bucket = stage.stack.stack.outputs["RunBucketName"]
            for number in range(2):
                await stage.stack.emulator.aws.call("s3", "PutObject", Bucket=bucket, Key=f"lost/{name}-{number}")
                statement = "INSERT INTO users (user_id, tenant_id, active) VALUES (%s, 'acme', 0)"
                await asyncio.to_thread(stage.database.query, statement, (f"{name}-{number}",))
        # Another tenant group's, which closes no run any more.
        statement = (
            "INSERT IGNORE INTO batch_run (tenant_group, run_id, scheduled_time, status, users_listed, listed_at)"
            " VALUES ('gone', '20250101T000000Z', '', 'COMPLETE', 1, NOW())"
        )
        await asyncio.to_thread(stage.database.query, statement)

    async def close(self) -> None:
        self.end.set()
        self.exits.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def soak_leaking() -> SoakResult:
    leak = Leak()

    @contextlib.asynccontextmanager
    async def around(stage: Stage, _seed: int) -> AsyncIterator[None]:
        await leak.leak(stage)
        stage.faults.note("leak")
        yield

    fault = Scenario("leak", "something is left behind", "nothing", around)
    options = SoakOptions(runs=RUNS, users=500, sample_every=1, faults=(fault,), calm_share=0.0)
    try:
        return await soak(options, lambda _result, _fault: None)
    finally:
        await leak.close()


def test_soak_names_what_grows_and_nothing_else() -> None:
    processes = list_commands()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(soak_leaking())

    # Every run was accounted for, and nothing is left running.
    assert result.problems == []
    assert (result.runs, result.struck["leak"]) == (RUNS, RUNS)
    assert describe_difference(processes, list_commands()) == ""
    # What leaked is named. What fills up in so few runs, as a day of rows does, is not judged here.
    growths = {growth.measure.name: growth for growth in result.growths()}
    assert {name for name in LEAKED if growths[name].grows} == LEAKED
    assert not result.is_green
    steady = (
        "rows of loyalty_points",
        "sockets of SyncUsers",
        "memory of MariaDB",
        "threads of moto",
        "versions of SyncUsers",
    )
    assert [name for name in steady if growths[name].grows is not False] == []
    # Each part of the stack is measured.
    assert {"memory of emulator", "memory of SyncUsers", "stream records", "trace documents"} <= set(growths)
    assert make_table(result).row_count == len(growths)
    assert tell_faults(result).startswith("9 runs of 500 users")
