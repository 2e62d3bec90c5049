"""A small tenant group: bucket, stream, partner and clock in memory, a real MariaDB, the functions as they are.

The state machine's part is played by the test: executions, attempts at their steps, and answers that come or are lost.
"""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from express_batch.adapters.mysql import MysqlDatabase
from express_batch.admission import Admission
from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice
from express_batch.close_run import ClosingRequest, close_run
from express_batch.invocation import Invocation as SyncInvocation
from express_batch.list_users import StartRequest, list_users
from express_batch.retention import Retention
from express_batch.run_layout import STOP_KEY, failures_prefix
from express_batch.stop_switch import StopSwitch
from express_batch.sync_users import sync_users
from express_batch.write_rows import write_rows
from job import loyalty_points

from tests.database.server import Probe
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver
from tests.model.invocation import Fate, Invocation
from tests.model.oracle import Place, SentRecord, SentRow, accounted_rows, chunk_users, read_record
from tests.model.ports import Clock, GatedDatabase, GatedPartner, GatedStore, GatedStream, Partner

CHUNK_SIZE = 3
SLICE_SIZE = 2
GROUP = "blue"


@dataclass
class SliceWork:
    """An item of the inner Map."""

    event: dict[str, Any]
    attempts: list[Invocation] = field(default_factory=list)
    is_over: bool = False

    @property
    def places(self) -> list[Place]:
        """Which users it is for."""
        return [(self.event["chunk"], position) for position in range(self.event["start"], self.event["end"])]


@dataclass
class Execution:
    """An execution of UserBatch."""

    name: str
    event: dict[str, Any]
    started_at: float
    listings: list[Invocation] = field(default_factory=list)
    answer: dict[str, Any] | None = None  # of ListUsers, as the state machine took it
    users: dict[Place, str] = field(default_factory=dict)  # as they were when the answer was taken
    slices: list[SliceWork] = field(default_factory=list)
    closings: list[Invocation] = field(default_factory=list)
    is_closed: bool = False

    @property
    def has_started(self) -> bool:
        """Whether it calls for users."""
        return self.answer is not None and self.answer["started"]

    @property
    def run_id(self) -> str:
        """Of the answer."""
        assert self.answer is not None
        return str(self.answer["run_id"])


@dataclass
class Delivery:
    """A batch of stream records for WriteRows, by their numbers in the log."""

    numbers: list[int]
    invocation: Invocation
    is_noted: bool = False


class World:
    """`log` is the stream, `written` has the numbers of the records that a committed transaction was given.

    `accounted` has for each record that is in the ledger the rows that count as written.
    """

    def __init__(
        self, probe: Probe, environments: list[MysqlDatabase], make: Callable[[], MysqlDatabase], clock: Clock
    ) -> None:
        for table in ("batch_run", "batch_write", "users", "loyalty_points"):
            probe.query(f"DELETE FROM {table}")
        clock.restart()
        self.probe = probe
        self.clock = clock
        self.objects = MemoryStore()
        self.partner = Partner()
        self.log: list[bytes] = []
        self.written: set[int] = set()
        self.accounted: dict[tuple[str, str], list[SentRow]] = {}
        self.executions: list[Execution] = []
        self.deliveries: list[Delivery] = []
        self.overlap = "both"
        self._idle = environments
        self._make_database = make
        self._names = 0
        self._invocations: list[Invocation] = []
        self._lent: dict[str, MysqlDatabase] = {}
        self._observer = RecordingObserver()

    def state(self) -> tuple[int, int, int]:
        """Another one whenever the bucket, the database or what the state machine was told have changed."""
        commits = sum(invocation.commits for invocation in self._invocations)
        return len(self.objects.writes), commits, sum(each.has_started for each in self.executions)

    def is_alive(self, execution: Execution) -> bool:
        """Whether the engine still runs it: five minutes at most."""
        return self.clock.now - execution.started_at <= 300

    def written_records(self) -> list[SentRecord]:
        """What committed transactions were given."""
        return [record for number in sorted(self.written) if (record := read_record(self.log[number]))]

    def accounted_rows(self) -> list[SentRow]:
        """All rows that count as written."""
        return [row for rows in self.accounted.values() for row in rows]

    def sent_records(self) -> list[SentRecord]:
        """All of the stream."""
        return [record for data in self.log if (record := read_record(data))]

    def rows(self) -> dict[str, tuple[int, int]]:
        """{user id: (points, version)} of the table."""
        found = self.probe.query("SELECT user_id, points, answer_version FROM loyalty_points")
        return {user_id: (points, version) for user_id, points, version in found}

    def seed(self, users: Iterable[str]) -> None:
        """These users of two tenants, and none besides."""
        rows = [(user_id, "acme" if user_id < "u3" else "other") for user_id in sorted(users)]
        self.probe.execute_many("INSERT INTO users (user_id, tenant_id) VALUES (%s, %s)", rows)

    def active_users(self) -> set[str]:
        """Whom the job's query lists."""
        return {user_id for (user_id,) in self.probe.query("SELECT user_id FROM users WHERE active = 1")}

    def read_json(self, key: str) -> Any:
        """An object of the bucket, or None."""
        body = self.objects.objects.get(key)
        return None if body is None else json.loads(body)

    def is_going(self, execution: Execution) -> bool:
        """Whether the execution may call for users: CloseRun, heard of or not, is what comes last."""
        if not execution.has_started or not self.is_alive(execution):
            return False
        return f"runs/{execution.run_id}/closed.json" not in self.objects.objects

    def put_back(self) -> None:
        """Give back what dead invocations had."""
        self._idle.extend(self._lent.values())
        self._lent.clear()

    def held(self) -> list[Invocation]:
        """What is held, the oldest first."""
        return [each for each in self._invocations if each.is_held]

    # The state machine's steps.

    def start(self, event: dict[str, Any]) -> Execution:
        """A new execution, whose ListUsers is not called yet."""
        self._names += 1
        execution = Execution(f"execution-{self._names}", event, self.clock.time())
        self.executions.append(execution)
        return execution

    def call_list_users(self, execution: Execution, fate: Fate) -> Invocation:
        """An attempt at ListUsers; the state machine listens to none that it made before."""
        for earlier in execution.listings:
            earlier.is_heard = False
        redrive_of = execution.event.get("redrive_of")
        request = StartRequest.from_event(
            {
                "scheduled_time": execution.event.get("scheduled_time", f"redrive of {redrive_of}"),
                "execution": execution.name,
                "execution_started_at": datetime.fromtimestamp(execution.started_at, UTC).isoformat(),
                "deadline": 1000 * (execution.started_at + 210),
                "redrive_of": redrive_of,
                "reasons": execution.event.get("reasons"),
            }
        )

        def work(invocation: Invocation) -> Any:
            store = GatedStore(invocation, self.objects)
            return list_users(
                request,
                tenant_group=GROUP,
                chunk_size=CHUNK_SIZE,
                job=loyalty_points,
                database=GatedDatabase(invocation, self._borrow(invocation)),
                store=store,
                observer=self._observer,
                admission=Admission(self.overlap, 0),
                switch=StopSwitch(store, self.clock.monotonic),
                now=self.clock.time,
            )

        return self._invoke("ListUsers", work, fate, execution.listings)

    def take_answer(self, execution: Execution, invocation: Invocation) -> None:
        """The state machine goes on with what an attempt at ListUsers has answered."""
        execution.answer = json.loads(json.dumps(invocation.answer))
        if not execution.has_started:
            return
        execution.users = chunk_users(self.objects.objects, execution.answer)
        for chunk in execution.answer["chunks"]:
            for start in range(0, chunk["user_count"], SLICE_SIZE):
                end = min(start + SLICE_SIZE, chunk["user_count"])
                event = {"run_id": execution.run_id, "chunk": chunk["chunk"], "start": start, "end": end}
                execution.slices.append(SliceWork(event))

    def call_sync_users(
        self, work: SliceWork, fate: Fate, *, takes: int | None = None, stops_at: int | None = None
    ) -> tuple[Invocation, GatedPartner]:
        """An attempt at a slice. The stream takes `takes` records; calls are stopped at the call `stops_at`."""
        for earlier in work.attempts:
            earlier.is_heard = False
        partners: list[GatedPartner] = []

        def sync(invocation: Invocation) -> Any:
            store = GatedStore(invocation, self.objects)
            return sync_users(
                Slice.from_event(work.event),
                invocation=SyncInvocation(invocation.name, 60.0),
                job=loyalty_points,
                calls_in_flight=1,
                chunks=ChunkCache(store),
                store=store,
                stream=GatedStream(invocation, self.log, takes),
                partner=partners[0],
                observer=self._observer,
                switch=StopSwitch(store, self.clock.monotonic),
            )

        def stop(call: int) -> None:
            self.clock.now += 2.0  # longer than a look at the switch holds
            if call == stops_at:
                self.stop_calls()

        invocation = self._make_invocation("SyncUsers", sync)
        partners.append(GatedPartner(invocation, self.partner, stop))
        work.attempts.append(invocation)
        invocation.run(fate)
        self._give_back(invocation)
        return invocation, partners[0]

    def record_slice_failure(self, work: SliceWork) -> None:
        """What the state machine stores when it gives a slice up."""
        event = work.event
        key = f"{failures_prefix(event['run_id'])}slice-{event['chunk']:05d}-{event['start']:05d}.json"
        document = {"version": 1, **event, "function": "SyncUsers", "reason": "Sandbox.Timedout", "detail": ""}
        self.objects.put(key, json.dumps(document).encode())
        work.is_over = True

    def call_close_run(self, execution: Execution, fate: Fate) -> Invocation:
        """An attempt at CloseRun."""
        for earlier in execution.closings:
            earlier.is_heard = False
        request = ClosingRequest.from_event(execution.answer)

        def sleep(seconds: float) -> None:
            self.clock.now += seconds

        def work(invocation: Invocation) -> Any:
            return close_run(
                request,
                tenant_group=GROUP,
                wait_seconds=0.1,
                retention=Retention(run_days=7, ledger_days=30),
                database=GatedDatabase(invocation, self._borrow(invocation)),
                store=GatedStore(invocation, self.objects),
                observer=self._observer,
                clock=self.clock.monotonic,
                sleep=sleep,
                now=self.clock.time,
            )

        return self._invoke("CloseRun", work, fate, execution.closings)

    # The mapping's.

    def deliver(self, numbers: list[int], fate: Fate) -> Delivery:
        """A batch for WriteRows: these records of the log in this order."""
        event = {
            "Records": [
                {
                    "eventID": f"shardId-000000000000:{number}",
                    "kinesis": {
                        "data": base64.b64encode(self.log[number]).decode(),
                        "sequenceNumber": str(number),
                        "approximateArrivalTimestamp": self.clock.now,  # by then at the latest
                    },
                }
                for number in numbers
            ]
        }

        def work(invocation: Invocation) -> Any:
            return write_rows(
                event,
                tenant_group=GROUP,
                table=loyalty_points.TABLE,
                database=GatedDatabase(invocation, self._borrow(invocation)),
                store=GatedStore(invocation, self.objects),
                observer=self._observer,
            )

        delivery = Delivery(numbers, self._make_invocation("WriteRows", work))
        self.deliveries.append(delivery)
        delivery.invocation.run(fate)
        self.note_commits()
        self._give_back(delivery.invocation)
        return delivery

    def note_commits(self) -> None:
        """Take notice of what deliveries have committed."""
        for delivery in self.deliveries:
            if delivery.invocation.commits and not delivery.is_noted:
                delivery.is_noted = True
                self.written.update(delivery.numbers)
                batch = [record for number in delivery.numbers if (record := read_record(self.log[number]))]
                rows = accounted_rows(batch)
                for record in batch:  # a record that the ledger has keeps its entry
                    self.accounted.setdefault((record.run_id, record.record_id), rows[record.record_id])
        self.deliveries = [delivery for delivery in self.deliveries if not delivery.invocation.has_ended]

    # Everybody else's.

    def stop_calls(self) -> None:
        """`batchctl stop`."""
        self.objects.put(STOP_KEY, b"{}")

    def resume_calls(self) -> None:
        """`batchctl resume`."""
        self.objects.objects.pop(STOP_KEY, None)

    @property
    def is_stopped(self) -> bool:
        """Whether calls are stopped."""
        return STOP_KEY in self.objects.objects

    def go_on(self, invocation: Invocation, fate: Fate) -> None:
        """Let a held invocation go on."""
        invocation.go_on(fate)
        self.note_commits()
        self._give_back(invocation)

    def kill_held(self) -> None:
        """The environments of all that is held die."""
        for invocation in self.held():
            invocation.kill()
            self._give_back(invocation)
        self.note_commits()

    def _invoke(
        self, function: str, work: Callable[[Invocation], Any], fate: Fate, attempts: list[Invocation]
    ) -> Invocation:
        invocation = self._make_invocation(function, work)
        attempts.append(invocation)
        invocation.run(fate)
        self._give_back(invocation)
        return invocation

    def _make_invocation(self, function: str, work: Callable[[Invocation], Any]) -> Invocation:
        self._names += 1
        invocation = Invocation(f"{function}-{self._names}", self.clock.time(), work)
        self._invocations.append(invocation)
        return invocation

    def _borrow(self, invocation: Invocation) -> MysqlDatabase:
        database = self._idle.pop() if self._idle else self._make_database()
        self._lent[invocation.name] = database
        return database

    def _give_back(self, invocation: Invocation) -> None:
        if invocation.has_ended and invocation.name in self._lent:
            self._idle.append(self._lent.pop(invocation.name))
