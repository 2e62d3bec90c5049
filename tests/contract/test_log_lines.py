"""docs/reference/observability.md says what a log line holds, and reports rely on it."""

import asyncio
import contextlib
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from express_batch.admission import Admission
from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice, encode_chunk
from express_batch.circuit_probe import probe_partner
from express_batch.close_run import ClosingRequest, close_run
from express_batch.errors import ApiRejectedError, ApiServerError
from express_batch.invocation import Invocation
from express_batch.job_contract import User
from express_batch.list_users import StartRequest, list_users
from express_batch.partner_circuit import PartnerCircuit
from express_batch.retention import Retention
from express_batch.run_layout import TURN_KEY, chunk_key, closed_key
from express_batch.slice_turn import Limits, SliceLimit
from express_batch.stop_switch import StopSwitch
from express_batch.stream_record import SyncedRow
from express_batch.sync_users import sync_users
from express_batch.turn import Turn
from express_batch.write_rows import write_rows

from tests.fakes.database import LedgerDatabase
from tests.fakes.deliveries import RUN, make_event, make_record
from tests.fakes.job import ValueJob
from tests.fakes.limit_table import MemoryTable
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver
from tests.fakes.partner import ScriptedPartner, VirtualRunner
from tests.fakes.row_stream import MemoryStream

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/reference/observability.md"
USERS = [User("u0", "acme"), User("u1", "acme")]
LISTING = {"run_id": RUN, "users_listed": 2, "chunks": [{"chunk": 0, "user_count": 2}]}
START = {"scheduled_time": "2026-11-22T08:30:00Z", "execution": "e", "execution_started_at": "2026-11-22T08:30:01.5Z"}


def promised_keys() -> dict[str, set[str]]:
    """{message: the keys of its own} as the table of log lines says."""
    rows = re.findall(r"^\| `([a-z ]+)` \| \w+ \| [^|]+ \| ([^|]*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {message: set(re.findall(r"`(\w+)`", keys)) for message, keys in rows}


def list_now(store: MemoryStore, observer: RecordingObserver) -> None:
    list_users(
        StartRequest.from_event(START),
        tenant_group="blue",
        chunk_size=10,
        job=ValueJob(),
        database=LedgerDatabase(USERS),
        store=store,
        observer=observer,
    )


def wait_now(store: MemoryStore, observer: RecordingObserver) -> None:
    refuse_now(store, observer, deadline=1795336401500)


def refuse_now(store: MemoryStore, observer: RecordingObserver, **event: Any) -> None:
    """Another run goes."""
    store.put(TURN_KEY, Turn("20261122T082900Z", "another", 1795336201.0).encode())
    store.objects.pop(f"runs/{RUN}/started.json", None)
    list_users(
        StartRequest.from_event({**START, **event}),
        tenant_group="blue",
        chunk_size=10,
        job=ValueJob(),
        database=LedgerDatabase(USERS),
        store=store,
        observer=observer,
        admission=Admission("wait"),
        now=lambda: 1795336202.0,
    )


def wait_for_slots(store: MemoryStore, observer: RecordingObserver) -> None:
    """Another slice has the lane for some seconds."""
    table = MemoryTable()
    sync_now(store, RecordingObserver(), limited_to(table, 1))
    sync_now(store, observer, limited_to(table, 1), deadline=time.time() + 200)


def limited_to(table: MemoryTable, calls_per_second: int) -> SliceLimit:
    """The limit of a slice in an environment of its own, by the clock of the loop that calls."""

    def now() -> float:
        with contextlib.suppress(RuntimeError):
            return began + asyncio.get_running_loop().time()
        return began

    began = time.time()
    limit = {"table": "t", "partner": "p", "calls_per_second": calls_per_second, "calls_in_flight": 0}
    found = Limits(lambda _: table, now).of_event({"limit": limit})
    assert found is not None
    return found


def sync_limited(store: MemoryStore, observer: RecordingObserver) -> None:
    sync_now(store, observer, limited_to(MemoryTable(), 500))


def sync_now(
    store: MemoryStore, observer: RecordingObserver, limit: SliceLimit | None = None, deadline: float | None = None
) -> None:
    store.put(chunk_key(RUN, 0), encode_chunk(RUN, 0, USERS))
    observer.identify(run_id=RUN, chunk=0)
    sync_users(
        Slice(RUN, 0, 0, 2, deadline),
        invocation=Invocation("request-1", 60.0),
        job=ValueJob(),
        calls_in_flight=2,
        chunks=ChunkCache(store),
        store=store,
        stream=MemoryStream(),
        partner=VirtualRunner(ScriptedPartner({"/u0": [{"value": 1}], "/u1": [ApiRejectedError("404")]})),
        observer=observer,
        limit=limit,
    )


def probe_limited(store: MemoryStore, observer: RecordingObserver) -> None:
    table = MemoryTable()
    table.is_away = True
    probe_now(store, observer, limit=limited_to(table, 500))


def probe_now(
    store: MemoryStore,
    observer: RecordingObserver,
    *,
    answer: object = ApiServerError("503"),
    limit: SliceLimit | None = None,
) -> None:
    store.put(chunk_key(RUN, 0), encode_chunk(RUN, 0, USERS))
    observer.identify(run_id=RUN)
    probe_partner(
        Slice(RUN, 0, 0, 2, is_probe=True),
        invocation=Invocation("request-1", 60.0),
        job=ValueJob(),
        chunks=ChunkCache(store),
        store=store,
        partner=VirtualRunner(ScriptedPartner({"/u0": [answer], "/u1": [answer]})),
        observer=observer,
        switch=StopSwitch(store),
        limit=limit,
    )


def find_down(store: MemoryStore, observer: RecordingObserver) -> None:
    observer.identify(run_id=RUN, chunk=0)
    circuit = PartnerCircuit(store)
    circuit.begin(RUN)
    for user in range(20):
        circuit.note(f"u{user}", float(user), float(user), ApiServerError("503"))
    circuit.settle()
    circuit.tell(observer)


def probe_again(store: MemoryStore, observer: RecordingObserver) -> None:
    probe_now(store, observer, answer={"value": 1})


def write_now(store: MemoryStore, observer: RecordingObserver) -> None:
    record = make_record([SyncedRow(0, 1, ("u0", 1))], columns=ValueJob.TABLE.columns)
    write_rows(
        make_event([record, b"no record"]),
        tenant_group="blue",
        table=ValueJob.TABLE,
        database=LedgerDatabase(),
        store=store,
        observer=observer,
    )


def close_now(store: MemoryStore, observer: RecordingObserver) -> None:
    close_run(
        ClosingRequest.from_event({**LISTING, "execution_started_at": START["execution_started_at"]}),
        tenant_group="blue",
        wait_seconds=0.0,
        retention=Retention(run_days=7, ledger_days=30),
        database=LedgerDatabase(),
        store=store,
        observer=observer,
    )


def list_first(store: MemoryStore, observer: RecordingObserver) -> None:
    store.objects.clear()
    list_now(store, observer)


@pytest.fixture
def told() -> dict[str, dict[str, Any]]:
    """{message: keys} of every line of a run that meets everything once."""
    store, lines = MemoryStore(), {}
    circuit, limit = (find_down, probe_limited, probe_now, probe_again), (wait_for_slots, sync_limited)
    for step in (wait_now, refuse_now, list_first, list_now, *limit, sync_now, *circuit, write_now, close_now):
        observer = RecordingObserver()
        if step is list_now and store.objects:
            store.put(f"runs/{RUN}/started.json", json.dumps({"execution": "another"}).encode())
        step(store, observer)
        for message, keys in [*observer.lines, *observer.warnings]:
            lines[message] = {**observer.identified, **keys}
    lines["run closed"]["closed.json"] = json.loads(store.objects[closed_key(RUN)])
    return lines


@pytest.mark.parametrize("message", sorted(promised_keys()))
def test_line_has_exactly_the_keys_that_the_reference_promises(told: dict[str, dict[str, Any]], message: str) -> None:
    keys = set(told[message]) - {"run_id", "closed.json"}

    assert keys == promised_keys()[message]


def test_lines_of_a_run_name_it(told: dict[str, dict[str, Any]]) -> None:
    # CloseRun's handler says it, and a record that is broken names no run.
    by_handler = {"run closed", "old ledger entries removed", "stream record rejected"}

    assert {message for message, keys in told.items() if keys.get("run_id") != RUN} == by_handler


def test_closed_object_has_the_keys_of_the_line(told: dict[str, dict[str, Any]]) -> None:
    document = told["run closed"]["closed.json"]

    assert set(document) == promised_keys()["run closed"] | {"version", "run_id", "redrive_of", "tenant_group"}
    assert (document["version"], document["run_id"], document["tenant_group"]) == (1, RUN, "blue")
    assert document["execution_started_at"] == told["users listed"]["execution_started_at"] == 1795336201.5
