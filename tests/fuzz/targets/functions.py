"""The functions' events, each through the function's own logic, with everything behind it in memory."""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice, encode_chunk
from express_batch.close_run import ClosingRequest, close_run
from express_batch.errors import BatchError, InvalidEventError
from express_batch.invocation import Invocation
from express_batch.job_contract import User
from express_batch.list_users import StartRequest, list_users
from express_batch.retention import Retention
from express_batch.slice_turn import Limits
from express_batch.sync_users import sync_users
from express_batch.write_rows import write_rows
from job import loyalty_points

from tests.fakes.batch_world import BatchWorld
from tests.fakes.database import LedgerDatabase
from tests.fakes.deliveries import RUN, make_event, make_record, points_row
from tests.fakes.job import ValueJob
from tests.fakes.limit_table import MemoryTable
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver
from tests.fakes.partner import ScriptedPartner, VirtualRunner
from tests.fakes.row_stream import MemoryStream
from tests.fuzz.target import Target

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_795_000_000.0
USERS = [User(f"user-{number}", "acme") for number in range(12)]


class NotDeliveredError(Exception):
    """Lambda's runtime client reads no event out of these bytes, so the handler is never called."""


def read_event(data: bytes) -> Any:
    """The event as the runtime client hands it to the handler (awslambdaric: json.loads)."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotDeliveredError from error


def sample(name: str) -> bytes:
    """The sample event of a function."""
    (path,) = ROOT.joinpath("events").glob(f"[0-9][0-9]-{name}.json")
    return path.read_bytes()


def event(**keys: Any) -> bytes:
    """An event as Lambda has it."""
    return json.dumps(keys).encode()


def _list_users(data: bytes) -> Any:
    world = BatchWorld(USERS)
    world.end(world.start()["run_id"], {(0, 3): "missing"})
    return list_users(
        StartRequest.from_event(read_event(data)),
        tenant_group="blue",
        chunk_size=5,
        job=ValueJob(),
        database=world.database,
        store=world.store,
        observer=world.observer,
        now=lambda: world.now,
    )


def _check_answer(answer: Any) -> None:
    assert len(json.dumps(answer)) < 240_000
    assert sum(chunk["user_count"] for chunk in answer.get("chunks", [])) == answer.get("users_listed", 0)


class _VirtualTime:
    """The time of the calls' loop, and of the pauses before it."""

    def __init__(self) -> None:
        self._paused = 0.0

    def now(self) -> float:
        try:
            return NOW + self._paused + asyncio.get_running_loop().time()
        except RuntimeError:
            return NOW + self._paused

    def pause(self, seconds: float) -> None:
        assert seconds < 300  # an invocation ends before
        self._paused += seconds


def _sync_users(data: bytes) -> dict[str, Any]:
    asked = read_event(data)
    slice_ = Slice.from_event(asked)
    table, virtual = MemoryTable(), _VirtualTime()
    store = MemoryStore()
    store.put(f"runs/{RUN}/chunks/00000.json", encode_chunk(RUN, 0, USERS))
    return sync_users(
        slice_,
        invocation=Invocation("request-1", 60.0),
        job=ValueJob(),
        calls_in_flight=5,
        chunks=ChunkCache(store),
        store=store,
        stream=MemoryStream(),
        partner=VirtualRunner(ScriptedPartner({f"/{user.user_id}": [{"value": 1}] for user in USERS})),
        observer=RecordingObserver(),
        limit=Limits(lambda _: table, virtual.now, virtual.pause).of_event(asked),
    )


def _write_rows(data: bytes) -> Any:
    return write_rows(
        read_event(data),
        tenant_group="blue",
        table=loyalty_points.TABLE,
        database=LedgerDatabase(),
        store=MemoryStore(),
        observer=RecordingObserver(),
    )


def _close_run(data: bytes) -> Any:
    request = ClosingRequest.from_event(read_event(data))
    database = LedgerDatabase()
    database.written = [(0, 0, [0, 1, 2])]
    return close_run(
        request,
        tenant_group="blue",
        wait_seconds=0.0,
        retention=Retention(run_days=7, ledger_days=30),
        database=database,
        store=MemoryStore(),
        observer=RecordingObserver(),
    )


def _check_account(answer: Any) -> None:
    assert answer["users_listed"] == answer["rows_written"] + answer["users_failed"] + answer["users_missing"]
    assert min(answer["rows_written"], answer["users_failed"], answer["users_missing"]) >= 0


def _load_cloudformation() -> ModuleType:
    """functions/migrate_schema/cloudformation.py, which no package holds."""
    path = ROOT / "functions/migrate_schema/cloudformation.py"
    spec = importlib.util.spec_from_file_location("cloudformation", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A name of its own: tests of the handler put the handler's folder on the path.
    sys.modules["fuzzed_cloudformation"] = module
    spec.loader.exec_module(module)
    return module


def _migrate_schema() -> Callable[[bytes], Any]:
    module = _load_cloudformation()

    def decode(data: bytes) -> Any:
        asked = read_event(data)
        if not module.is_request(asked):
            return None
        needs = module.needs_steps(asked)
        return needs, module.make_answer(asked, "a problem" if needs else None)

    return decode


_REQUEST = {
    "RequestType": "Update",
    "ResponseURL": "https://cloudformation-custom-resource-response.example/answer",
    "StackId": "stack",
    "RequestId": "request",
    "LogicalResourceId": "SchemaSteps",
    "PhysicalResourceId": "schema-steps",
    "ResourceProperties": {"Steps": "arn:aws:lambda:us-east-1:123456789012:layer:migrations:3"},
    "OldResourceProperties": {"Steps": "arn:aws:lambda:us-east-1:123456789012:layer:migrations:2"},
}

_LIMIT = {"table": "limits", "partner": "loyalty", "calls_per_second": 500, "calls_in_flight": 800}
_LEASE = {"lane": "lane0", "start": 1_795_000_000_000_000, "gap": 8591, "calls": 10}

TARGETS = (
    Target(
        "event-of-list-users",
        _list_users,
        (
            sample("list_users"),
            event(scheduled_time="2026-11-22T08:40:00+09:00", execution="e", dry_run_users=3, deadline=1795336500000),
            event(scheduled_time="redrive", execution="e", redrive_of=RUN, reasons=["Missing"], only_asks=False),
            event(scheduled_time="redrive", execution="e", redrive_of=f"{RUN}-r1", only_asks=True),
        ),
        (NotDeliveredError, BatchError),
        (
            "express_batch.list_users:StartRequest.from_event",
            "express_batch.redrive:RedriveRequest.from_event",
            "express_batch.start_time:read_start_time",
            "express_batch.start_time:read_deadline",
            "express_batch.run_layout:make_run_id",
        ),
        _check_answer,
    ),
    Target(
        "event-of-sync-users",
        _sync_users,
        (
            sample("sync_users"),
            event(run_id=RUN, chunk=0, start=2, end=12),
            event(run_id=RUN, chunk=0, start=2, end=12, limit=_LIMIT | {"calls_per_second": 0}, lease=None),
            event(run_id=RUN, chunk=0, start=2, end=12, deadline=1.0, limit=_LIMIT, lease=_LEASE),
            event(run_id=RUN, chunk=0, start=2, end=12, deadline=1_795_000_200_000, limit=_LIMIT, lease=_LEASE),
        ),
        (NotDeliveredError, BatchError),
        (
            "express_batch.chunks:Slice.from_event",
            "express_batch.partner_limit:LimitOptions.from_event",
            "express_batch.call_lanes:Lease.from_event",
        ),
        lambda counts: None,
    ),
    Target(
        "event-of-write-rows",
        _write_rows,
        (
            sample("write_rows"),
            json.dumps(make_event([make_record([points_row(1), points_row(2)]), b"no record"])).encode(),
        ),
        (NotDeliveredError, InvalidEventError),
        ("express_batch.kinesis_event:read_arrived", "express_batch.write_rows:_read_records"),
    ),
    Target(
        "event-of-close-run",
        _close_run,
        (sample("close_run"), event(run_id=f"{RUN}-r2", users_listed=7, chunks=[{"chunk": 0, "user_count": 7}])),
        (NotDeliveredError, BatchError),
        ("express_batch.close_run:ClosingRequest.from_event", "express_batch.chunks:read_sizes"),
        _check_account,
    ),
    Target(
        "event-of-migrate-schema",
        _migrate_schema(),
        (json.dumps(_REQUEST).encode(), sample("migrate_schema"), b"{}"),
        (NotDeliveredError, InvalidEventError),
        ("cloudformation:is_request", "cloudformation:needs_steps", "cloudformation:make_answer"),
    ),
)
