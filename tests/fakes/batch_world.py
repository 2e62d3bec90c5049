"""Runs and redrives without AWS: ListUsers as it is, ledger and store in memory; a slice ends as a test says."""

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from express_batch.chunks import Place, read_chunk
from express_batch.database import DatabaseActivity
from express_batch.failures import UserFailure, write_user_failures
from express_batch.job_contract import User
from express_batch.ledger import RunRow
from express_batch.list_users import StartRequest, list_users
from express_batch.positions import mask_to_bytes, pack_positions
from express_batch.redrive import RedriveRequest

from tests.fakes.job import ValueJob
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

T = TypeVar("T")
WRITTEN = "written"
MISSING = "missing"  # any other outcome is the reason of a failure
START = 1_000_000.0


class AccountsDatabase:
    """A Database that keeps the ledger's rows: `rows` of batch_run and `written` of batch_write, both by run id."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        self.users = users
        self.listings = 0
        self.rows: dict[str, RunRow] = {}
        self.links: dict[str, str] = {}
        self.scheduled_times: dict[str, str] = {}
        self.written: dict[str, list[tuple[int, int, bytes]]] = {}

    def run_transaction(self, work: Callable[[Any], T]) -> T:
        return work(self)

    def take_activity(self) -> DatabaseActivity:
        return DatabaseActivity()

    def stream_users(self, _query: str) -> Generator[User, None, None]:
        self.listings += 1
        yield from self.users

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        if statement.startswith("INSERT INTO batch_run"):
            _, run_id, self.scheduled_times[parameters[1]], listed = parameters
            self.rows[run_id] = RunRow("RUNNING", listed, None, None, None, is_closed=False)
        else:
            assert "SET redrive_of" in statement
            original, _, run_id = parameters
            self.links[run_id] = original
        return 1

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        raise AssertionError(statement)

    def attempt(self, work: Callable[[], None]) -> None:
        work()

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        if "FROM batch_write" in statement:
            return self.written.get(parameters[1], [])
        assert "FROM batch_run" in statement
        prefix = parameters[1].removesuffix("%")
        return [
            (key, row.status, row.users_listed, row.rows_written, row.users_failed, row.users_missing, row.is_closed)
            for key, row in self.rows.items()
            if key.startswith(prefix)
        ]


class BatchWorld:
    """A tenant group's runs. `now` is the clock that ListUsers reads."""

    def __init__(self, users: Iterable[User] = (), chunk_size: int = 10) -> None:
        self.database = AccountsDatabase(users)
        self.store = MemoryStore()
        self.observer = RecordingObserver()
        self.chunk_size = chunk_size
        self.now = START
        self._executions = 0

    def start(self, scheduled_time: str = "2026-11-22T08:30:00Z", *, execution: str | None = None) -> dict[str, Any]:
        """What ListUsers answers for a run."""
        return self._list(StartRequest(scheduled_time, execution or self._new_execution()))

    def redrive(
        self, run_id: str, *reasons: str, execution: str | None = None, only_asks: bool = False
    ) -> dict[str, Any]:
        """What ListUsers answers for a redrive."""
        request = RedriveRequest(run_id, reasons, only_asks)
        return self._list(StartRequest(f"redrive of {run_id}", execution or self._new_execution(), redrive=request))

    def end(self, run_id: str, outcomes: Mapping[Place, str], *, closes: bool = True) -> None:
        """Let the slices of a listed run come out so; places that are not named are written."""
        listing = json.loads(self.store.objects[f"runs/{run_id}/listing.json"])
        counts = {WRITTEN: 0, MISSING: 0}
        for chunk, size in ((item["chunk"], item["user_count"]) for item in listing["chunks"]):
            came = {position: outcomes.get((chunk, position), WRITTEN) for position in range(size)}
            done = [position for position, outcome in came.items() if outcome == WRITTEN]
            # Two records that overlap, as two attempts at a slice leave them.
            for part in (done, done[: len(done) // 2]):
                if part:
                    mask = pack_positions(position - part[0] for position in part)
                    self.database.written.setdefault(run_id, []).append((chunk, part[0], mask_to_bytes(mask)))
            users = read_chunk(self.store, run_id, chunk)
            failures = [
                UserFailure(position, *users[position], outcome, "")
                for position, outcome in came.items()
                if outcome not in counts
            ]
            if failures:
                name = f"{chunk:05d}-00000"
                write_user_failures(self.store, run_id, chunk, function="SyncUsers", name=name, failures=failures)
            for outcome in came.values():
                counts[outcome] = counts.get(outcome, 0) + 1
        if closes:
            written, missing = counts[WRITTEN], counts[MISSING]
            failed = listing["users_listed"] - written - missing
            status = "INCOMPLETE" if missing else "PARTIAL" if failed else "COMPLETE"
            row = RunRow(status, listing["users_listed"], written, failed, missing, is_closed=True)
            self.database.rows[run_id] = row

    def users_of(self, listing: Mapping[str, Any]) -> list[User]:
        """The users in a listing's chunks, in their order."""
        return [user for item in listing["chunks"] for user in read_chunk(self.store, listing["run_id"], item["chunk"])]

    def _new_execution(self) -> str:
        self._executions += 1
        return f"execution-{self._executions}"

    def _list(self, request: StartRequest) -> dict[str, Any]:
        return list_users(
            request,
            tenant_group="blue",
            chunk_size=self.chunk_size,
            job=ValueJob(),
            database=self.database,
            store=self.store,
            observer=self.observer,
            now=lambda: self.now,
        )
