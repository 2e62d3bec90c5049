"""The stack that the faults are let loose on, and the model: what the partner API has answered last."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from batchctl.local.local_stack import LocalStack, local_stack
from batchctl.local.options import LocalOptions
from emulator.emulator import EmulatorOptions
from emulator.faults import FaultPlan
from emulator.faults.database import DatabaseFaults
from emulator.partner_api import LastAnswer, PartnerApi
from emulator.services.mariadb import MariaDb, MariaDbOptions
from emulator.services.mariadb_address import DatabaseAddress
from emulator.step_functions import Execution, ExecutionEvent

LATENCY_MS = 60.0
DRAIN_SECONDS = 60.0
# Short waits, so that a fault is met several times within seconds; each is within what template.yaml allows.
PARAMETERS = {
    "ChunkSize": "500",
    "CloseRunWaitSeconds": "12",
    "SyncUsersTimeoutSeconds": "10",
    "PartnerApiTimeoutSeconds": "2",
    "WriteRowsTimeoutSeconds": "30",
    "CallsInFlight": "100",
}
USERS_PER_INVOCATION = 100

Row = tuple[int, str, datetime]


@dataclass(frozen=True)
class Needs:
    """What a stack must be started with for a fault; faults with equal needs share one."""

    mariadb_arguments: tuple[str, ...] = ()
    clock_library: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)


class Schedule:
    """Times of runs, one after the other, from the beginning of 2026 on; a listener is told each."""

    def __init__(
        self, between: timedelta = timedelta(minutes=10), listener: Callable[[datetime], None] | None = None
    ) -> None:
        self.last = datetime(2026, 1, 1, tzinfo=UTC)
        self._between = between
        self._listener = listener

    def next_run(self) -> datetime:
        """The time of the next run, which is now the last."""
        self.last += self._between
        if self._listener is not None:
            self._listener(self.last)
        return self.last


class Stage:
    """A running stack with its faults; make it with `open_stage`."""

    def __init__(self, stack: LocalStack, database: DatabaseFaults, users: int, schedule: Schedule) -> None:
        self.stack = stack
        self.database = database
        self.users = users
        self.listed = asyncio.Event()  # of the present run
        self.rejected_before = 0  # records under rejected/ when the present fault was let loose
        self.present: Execution  # the run that was started last
        self._schedule = schedule
        self._earlier_answers: dict[str, LastAnswer] = {}
        stack.emulator.state_machines.listeners.append(self._take_event)

    @property
    def faults(self) -> FaultPlan:
        """The emulator's fault port."""
        return self.stack.emulator.faults

    @property
    def partner(self) -> PartnerApi:
        """The partner API's stand-in."""
        assert self.stack.partner_api is not None
        return self.stack.partner_api

    @property
    def mariadb(self) -> MariaDb:
        """The database server."""
        assert self.stack.mariadb is not None
        return self.stack.mariadb

    async def start(self, request: Mapping[str, Any] | None = None) -> Execution:
        """A started run: of a scheduled time that no run had yet, or what `request` asks for."""
        self.listed.clear()
        if request is None:
            request = {"scheduled_time": self._schedule.next_run().strftime("%Y-%m-%dT%H:%M:%SZ")}
        self.present = await self.stack.emulator.state_machines.start(self.stack.state_machine_arn, dict(request))
        return self.present

    def note_if_held_up(self, name: str, began: float) -> None:
        """A strike, since `began`, where the present run has not come to its end meanwhile."""
        if self.present.status == "RUNNING":
            self.faults.note(name, at=began)

    async def drain(self) -> bool:
        """True when the writer has taken everything from the stream; False where it does not in time."""
        try:
            await asyncio.wait_for(self.stack.emulator.mappings.drain(), DRAIN_SECONDS)
        except TimeoutError:
            return False
        return True

    async def rows(self) -> dict[str, Row]:
        """{user id: row} of the table."""
        statement = "SELECT user_id, points, tier, updated_at FROM loyalty_points"
        rows = await asyncio.to_thread(self.database.query, statement)
        return {user_id: (points, tier, updated_at) for user_id, points, tier, updated_at in rows}

    async def model(self) -> dict[str, Row]:
        """{user id: row} by the partner API's last good answer for each user, since the stack was started."""
        answers = {**self._earlier_answers, **await self.partner.answers()}
        return {user_id: make_row(answer) for user_id, answer in answers.items()}

    async def remember_answers(self) -> None:
        """Keep the model, before the partner API's process ends."""
        self._earlier_answers |= await self.partner.answers()

    async def count_calls(self) -> int:
        """How often the partner API was called since its process was started."""
        return sum((await self.partner.calls_by_user()).values())

    async def read_account(self, run_id: str) -> tuple[str, int, int, int, int] | None:
        """(status, listed, written, failed, missing) as the ledger has it; None where there is no such run."""
        rows = await asyncio.to_thread(
            self.database.query,
            "SELECT status, users_listed, COALESCE(rows_written, 0), COALESCE(users_failed, 0),"
            " COALESCE(users_missing, users_listed) FROM batch_run WHERE tenant_group = %s AND run_id = %s",
            (self.stack.tenant_group, run_id),
        )
        return (str(rows[0][0]), *map(int, rows[0][1:])) if rows else None  # type: ignore[return-value]

    async def count_written(self, run_id: str) -> int:
        """Places of the run that the ledger has as written, each counted once."""
        rows = await asyncio.to_thread(
            self.database.query,
            "SELECT chunk, start_position, positions FROM batch_write WHERE tenant_group = %s AND run_id = %s",
            (self.stack.tenant_group, run_id),
        )
        masks: dict[int, int] = {}
        for chunk, start, positions in rows:
            masks[chunk] = masks.get(chunk, 0) | int.from_bytes(positions, "little") << start
        return sum(mask.bit_count() for mask in masks.values())

    async def failed_users(self, run_id: str) -> set[str]:
        """Every user that a failure record of the run names, by id or by its place."""
        failed: set[str] = set()
        chunks: dict[int, list[str]] = {}
        for document in (await self._read_objects(f"runs/{run_id}/failures/")).values():
            if "failures" in document:
                failed |= {failure["user_id"] for failure in document["failures"]}
                continue
            if document["chunk"] not in chunks:
                chunks[document["chunk"]] = await self._read_chunk(run_id, document["chunk"])
            failed |= set(chunks[document["chunk"]][document["start"] : document["end"]])
        return failed

    async def partner_outcomes(self) -> Counter[str]:
        """How many calls met which outcome at the partner API."""
        return Counter((await self.partner.stats())["outcomes"])

    async def put_record(self, data: bytes) -> None:
        """A record of somebody else in the stream."""
        stream = self.stack.stack.outputs["RowStreamName"]
        await self.stack.emulator.aws.call("kinesis", "PutRecord", StreamName=stream, PartitionKey="x", Data=data)

    async def list_keys(self, prefix: str) -> list[str]:
        """Keys of the run bucket."""
        bucket, keys, after = self.stack.stack.outputs["RunBucketName"], [], ""
        while True:
            page = await self.stack.emulator.aws.call(
                "s3", "ListObjectsV2", Bucket=bucket, Prefix=prefix, StartAfter=after
            )
            keys += [item["Key"] for item in page.get("Contents", [])]
            if not page["IsTruncated"]:
                return keys
            after = keys[-1]

    async def _read_chunk(self, run_id: str, chunk: int) -> list[str]:
        (document,) = (await self._read_objects(f"runs/{run_id}/chunks/{chunk:05d}.json")).values()
        return [str(user[0]) for user in document["users"]]

    async def _read_objects(self, prefix: str) -> dict[str, Any]:
        bucket, call = self.stack.stack.outputs["RunBucketName"], self.stack.emulator.aws.call
        found = {}
        for key in await self.list_keys(prefix):
            body = (await call("s3", "GetObject", Bucket=bucket, Key=key))["Body"]
            found[key] = json.loads(await asyncio.to_thread(body.read))
        return found

    def _take_event(self, event: ExecutionEvent) -> None:
        if event.type == "TaskSucceeded" and event.state_name == "ListUsers":
            self.listed.set()


def make_row(answer: LastAnswer) -> Row:
    """The row that the job makes of an answer; a naive UTC time, as the database gives it."""
    updated_at = datetime.fromisoformat(answer.updated_at).astimezone(UTC).replace(tzinfo=None)
    return answer.points, answer.tier, updated_at


@contextlib.asynccontextmanager
async def open_stage(
    needs: Needs,
    users: int,
    seed: int,
    tell: Callable[[str], None],
    *,
    emulator_options: EmulatorOptions | None = None,
    tracing: bool = False,
    schedule: Schedule | None = None,
) -> AsyncIterator[Stage]:
    """A stage whose every user has a row; everything has ended when the block is left."""
    options = LocalOptions(
        users=users,
        users_per_invocation=USERS_PER_INVOCATION,
        api_latency_ms=LATENCY_MS,
        seed=seed,
        parameters={**PARAMETERS, **needs.parameters},
        tracing=tracing,
    )
    mariadb_options = MariaDbOptions(arguments=needs.mariadb_arguments)
    emulator_options = replace(emulator_options or EmulatorOptions(), clock_library=needs.clock_library)
    async with local_stack(options, tell, mariadb_options=mariadb_options, emulator_options=emulator_options) as stack:
        assert stack.mariadb is not None
        address: DatabaseAddress = stack.mariadb.address
        stage = Stage(stack, await asyncio.to_thread(DatabaseFaults, address), users, schedule or Schedule())
        # Each good answer differs from the one before, so that an older row shows.
        await stage.partner.set_options(changing=True)
        tell("a run without faults")
        started = time.monotonic()
        ended = await (await stage.start()).wait()
        if ended.output is None or ended.output["status"] != "COMPLETE":
            raise RuntimeError(f"the run without faults ended after {time.monotonic() - started:.0f} s: {ended.error}")
        yield stage
