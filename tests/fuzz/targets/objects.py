"""The run bucket's objects as the functions read them: each put in a world that goes on around it."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from express_batch.chunks import MAX_CHUNK_USERS, MAX_PLACE, encode_chunk, read_chunk, read_origins
from express_batch.circuit_board import OPEN, Circuit, is_circuit_open, open_circuit, read_circuit
from express_batch.claim import Claim, read_claim
from express_batch.close_run import ClosingRequest, close_run
from express_batch.errors import BatchError, ChunkUnreadableError, ObjectUnreadableError
from express_batch.failures import FailedPosition, UserFailure, read_failures, write_user_failures
from express_batch.job_contract import User
from express_batch.retention import Retention
from express_batch.run_layout import CIRCUIT_KEY, STOP_KEY, TURN_KEY, check_run_id, chunk_key, closed_key
from express_batch.stop_switch import StopSwitch
from express_batch.turn import Turn, give_turn_back, take_turn

from tests.fakes.batch_world import MISSING, START, BatchWorld
from tests.fakes.database import LedgerDatabase
from tests.fakes.deliveries import RUN
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver
from tests.fuzz.target import Target

USERS = [User(f"user-{number}", "acme") for number in range(6)]
CLAIM = Claim("arn:aws:states:us-east-1:123456789012:express:batch:1", "2026-11-22T08:30:00Z", START).encode()
CHUNK = encode_chunk(RUN, 0, [User("a", "acme"), User("ü😀", "acme"), User("..", "")])
REDRIVE_CHUNK = encode_chunk(RUN, 0, [User("a", "acme"), User("b", "acme")], [(0, 3), (2, 0)])
LISTING = json.dumps(
    {"run_id": RUN, "started": True, "users_listed": 6, "chunks": [{"chunk": 0, "user_count": 6}]}
).encode()
CLOSED = json.dumps({"version": 1, "run_id": RUN, "status": "COMPLETE", "users_listed": 6}).encode()
OWN = Turn("20261122T084000Z", "own", START + 60)
HELD = Turn(RUN, "another", START)
SLICE_FAILURE = json.dumps(
    {
        "version": 1,
        "run_id": RUN,
        "chunk": 0,
        "start": 1,
        "end": 4,
        "function": "SyncUsers",
        "reason": "Sandbox.Timedout",
        "detail": '{"errorMessage": "RequestId: 1 Error: Task timed out"}',
    }
).encode()


def user_failures() -> bytes:
    """A failure record of single users, as SyncUsers writes it."""
    store = MemoryStore()
    failures = [UserFailure(0, "a", "acme", "ApiServerError", "GET /v1/users/a/points: 503")]
    failures.append(UserFailure(2, "ü", "acme", "TimeLeftError", ""))
    write_user_failures(store, RUN, 0, function="SyncUsers", name="00000-00000", failures=failures)
    (body,) = store.objects.values()
    return body


def holding(key: str, data: bytes) -> MemoryStore:
    """A store with this object."""
    store = MemoryStore()
    store.put(key, data)
    return store


def _chunk(data: bytes) -> list[User]:
    return read_chunk(holding(chunk_key(RUN, 0), data), RUN, 0)


def _check_users(users: list[User]) -> None:
    """What was read says the same when it is stored again."""
    assert _chunk(encode_chunk(RUN, 0, users)) == users


def _origins(data: bytes) -> list[tuple[int, int]]:
    return read_origins(holding(chunk_key(RUN, 0), data), RUN, 0)


def _check_origins(origins: list[tuple[int, int]]) -> None:
    assert all(0 <= chunk <= MAX_PLACE and 0 <= position < MAX_CHUNK_USERS for chunk, position in origins)


def _claim(data: bytes) -> Claim | None:
    return read_claim(holding(f"runs/{RUN}/started.json", data), RUN)


def _check_claim(claim: Claim | None) -> None:
    assert claim is not None
    assert claim.claimed_at == float("inf") or _claim(claim.encode()) == claim
    claim.may_live(START)


def _start_over(data: bytes) -> Any:
    """A run that somebody has claimed already, and whose time comes again."""
    world = BatchWorld(USERS)
    world.store.put(f"runs/{RUN}/started.json", data)
    return world.start(execution="own")


def _start_over_a_listing(data: bytes) -> Any:
    """ListUsers is repeated, and an attempt before it has listed."""
    world = BatchWorld(USERS)
    world.start(execution="own")
    world.store.put(f"runs/{RUN}/listing.json", data)
    answer = world.start(execution="own")
    assert sum(chunk["user_count"] for chunk in answer["chunks"]) == answer["users_listed"]
    return answer


def _redrive(key: str, data: bytes) -> Any:
    """A second redrive, over an object of the run or of its first redrive that may be anything."""
    world = BatchWorld(USERS, chunk_size=4)
    run_id = world.start()["run_id"]
    world.end(run_id, {(0, 1): "ApiServerError", (0, 2): MISSING, (1, 0): "ApiServerError"})
    first = world.redrive(run_id)["run_id"]
    world.end(first, {(0, 1): "ApiServerError"})
    assert key in world.store.objects, key
    world.store.put(key, data)
    asked = world.redrive(run_id, only_asks=True)
    started = world.redrive(run_id)
    return asked["users_left"], started["users_listed"]


def _check_left(counts: tuple[int, int]) -> None:
    assert 0 <= counts[1] <= counts[0] <= len(USERS)


def _turn(data: bytes) -> str | None:
    store = holding(TURN_KEY, data)
    holder = take_turn(store, OWN, OWN.taken_at)
    give_turn_back(store, OWN)
    return holder


def _check_holder(holder: str | None) -> None:
    if holder is not None:
        check_run_id(holder)


def _closed(data: bytes) -> str | None:
    store = holding(TURN_KEY, HELD.encode())
    store.put(closed_key(RUN), data)
    return take_turn(store, OWN, OWN.taken_at)


def _stop(data: bytes) -> StopSwitch:
    switch = StopSwitch(holding(STOP_KEY, data))
    assert switch.is_on()
    return switch


def _circuit(data: bytes) -> bool:
    store = holding(CIRCUIT_KEY, data)
    circuit = read_circuit(data)
    assert circuit is not None
    assert read_circuit(circuit.encode()) == circuit
    opened = open_circuit(store, Circuit(OPEN, START, RUN, "down"))
    assert opened is not circuit.is_open
    return is_circuit_open(store)


def _check_open(is_open: bool) -> None:
    assert is_open


def _failures(data: bytes) -> list[FailedPosition]:
    return list(read_failures(data))


def _check_failures(failures: list[FailedPosition]) -> None:
    assert all(0 <= failure.position <= MAX_CHUNK_USERS for failure in failures)
    assert all(len(failure.reason) <= 128 for failure in failures)


def _close_over_failures(data: bytes) -> Any:
    database = LedgerDatabase()
    database.written = [(0, 0, [0, 1])]
    return close_run(
        ClosingRequest(RUN, 6, {0: 6}),
        tenant_group="blue",
        wait_seconds=0.0,
        retention=Retention(run_days=7, ledger_days=30),
        database=database,
        store=holding(f"runs/{RUN}/failures/any.json", data),
        observer=RecordingObserver(),
    )


def _check_account(account: Any) -> None:
    assert account["rows_written"] == 2
    assert account["users_failed"] + account["users_missing"] == 4
    assert sum(account["failed_by_reason"].values()) == account["users_failed"]


def _redriving(name: str, key: str, seed: bytes, *decoders: str) -> Target:
    decode: Callable[[bytes], Any] = partial(_redrive, key)
    return Target(f"redrive-over-{name}", decode, (seed,), (BatchError,), decoders, _check_left)


_REDRIVE_ORIGINS = json.dumps(
    {
        "version": 1,
        "run_id": f"{RUN}-r1",
        "chunk": 0,
        "users": [["user-1", "acme"], ["user-2", "acme"], ["user-4", "acme"]],
        "origins": [[0, 1], [0, 2], [1, 0]],
    }
).encode()
_FIRST_CHUNK = encode_chunk(RUN, 0, USERS[:4])
_FIRST_LISTING = json.dumps(
    {"run_id": RUN, "chunks": [{"chunk": 0, "user_count": 4}, {"chunk": 1, "user_count": 2}]}
).encode()

TARGETS = (
    Target(
        "chunk",
        _chunk,
        (CHUNK,),
        (ChunkUnreadableError,),
        ("express_batch.chunks:read_chunk", "express_batch.chunks:_read", "express_batch.chunks:read_user"),
        _check_users,
    ),
    Target(
        "chunk-of-a-redrive",
        _origins,
        (REDRIVE_CHUNK,),
        (ChunkUnreadableError,),
        ("express_batch.chunks:read_origins",),
        _check_origins,
    ),
    Target(
        "claim",
        _claim,
        (CLAIM, b'{"execution": "e"}'),
        (ObjectUnreadableError,),
        ("express_batch.claim:read_claim", "express_batch.claim:decode_claim"),
        _check_claim,
    ),
    Target(
        "start-over-a-claim",
        _start_over,
        (CLAIM, Claim("own", "", START - 3600).encode()),
        (ObjectUnreadableError,),
        ("express_batch.list_users:_claim_run", "express_batch.claim:decode_claim"),
    ),
    Target(
        "start-over-a-listing",
        _start_over_a_listing,
        (LISTING,),
        (ObjectUnreadableError,),
        ("express_batch.listing:read_listing", "express_batch.chunks:read_sizes"),
    ),
    _redriving(
        "a-claim", f"runs/{RUN}/started.json", CLAIM.replace(b"1000000", b"1000"), "express_batch.claim:read_claim"
    ),
    _redriving(
        "the-claim-of-a-redrive",
        f"runs/{RUN}-r1/started.json",
        CLAIM.replace(b"1000000", b"1000"),
        "express_batch.claim:read_claim",
    ),
    _redriving(
        "a-listing",
        f"runs/{RUN}/listing.json",
        _FIRST_LISTING,
        "express_batch.attempts:RunHistory._read_sizes",
        "express_batch.chunks:read_sizes",
    ),
    _redriving(
        "the-listing-of-a-redrive",
        f"runs/{RUN}-r1/listing.json",
        b'{"chunks": [{"chunk": 0, "user_count": 3}]}',
        "express_batch.attempts:RunHistory._read_sizes",
    ),
    _redriving("a-chunk", f"runs/{RUN}/chunks/00000.json", _FIRST_CHUNK, "express_batch.chunks:read_chunk"),
    _redriving(
        "the-chunk-of-a-redrive",
        f"runs/{RUN}-r1/chunks/00000.json",
        _REDRIVE_ORIGINS,
        "express_batch.chunks:read_origins",
    ),
    _redriving(
        "a-failure-record",
        f"runs/{RUN}/failures/SyncUsers-00000-00000.json",
        user_failures(),
        "express_batch.failures:read_failures",
    ),
    Target(
        "turn",
        _turn,
        (HELD.encode(), OWN.encode(), Turn(RUN, "another", 0.0).encode()),
        (),
        ("express_batch.turn:_read_turn",),
        _check_holder,
    ),
    Target(
        "account-of-the-run-that-has-the-turn",
        _closed,
        (CLOSED, CLOSED.replace(b"COMPLETE", b"SKIPPED")),
        (),
        ("express_batch.turn:_says_that_it_ended",),
        _check_holder,
    ),
    Target(
        "stop",
        _stop,
        (b'{"reason": "partner down", "stopped_at": 1795336200.0, "stopped_by": "me", "version": 1}', b"stop"),
        (),
        ("express_batch.stop_switch:_read_reason",),
    ),
    Target(
        "circuit",
        _circuit,
        (Circuit(OPEN, START, RUN, "down").encode(), Circuit("closed", START, RUN, "back").encode(), b"open"),
        (),
        ("express_batch.circuit_board:read_circuit",),
        _check_open,
    ),
    Target(
        "failure-record",
        _failures,
        (user_failures(), SLICE_FAILURE),
        (ValueError,),
        (
            "express_batch.failures:read_failures",
            "express_batch.failures:read_slice",
            "express_batch.chunks:read_place",
        ),
        _check_failures,
    ),
    Target(
        "close-over-a-failure-record",
        _close_over_failures,
        (user_failures(), SLICE_FAILURE),
        (),
        ("express_batch.failures:read_failures",),
        _check_account,
    ),
)
