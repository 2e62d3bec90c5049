"""ListUsers: one execution has the run, and its users are all in its chunks."""

import json
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest
from express_batch.chunks import read_chunk
from express_batch.errors import (
    InvalidEventError,
    JobQueryError,
    ListingTooLargeError,
    SettingsError,
    StorageUnavailableError,
)
from express_batch.job_contract import User
from express_batch.list_users import StartRequest, list_users
from express_batch.listing import MAX_LISTING_BYTES
from express_batch.run_layout import CIRCUIT_KEY, started_key
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.database import LedgerDatabase
from tests.fakes.job import ValueJob
from tests.fakes.json_values import ANY_JSON
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

RUN = "20261122T083000Z"
START = StartRequest("2026-11-22T08:30:00Z", "execution-1")


def make_users(count: int) -> list[User]:
    return [User(f"u{number}", "acme") for number in range(count)]


def start(
    store: MemoryStore,
    database: LedgerDatabase,
    request: StartRequest = START,
    chunk_size: int = 10,
    now: float = 1_000_000.0,
) -> dict[str, Any]:
    return list_users(
        request,
        tenant_group="blue",
        chunk_size=chunk_size,
        job=ValueJob(),
        database=database,
        store=store,
        observer=RecordingObserver(),
        now=lambda: now,
    )


@BOUNDED
@given(st.integers(0, 60), st.integers(1, 30))
def test_every_user_is_in_one_chunk_and_the_listing_tells_counts_only(count: int, chunk_size: int) -> None:
    users, store = make_users(count), MemoryStore()

    listing = start(store, LedgerDatabase(users), chunk_size=chunk_size)

    chunks = [read_chunk(store, RUN, chunk["chunk"]) for chunk in listing["chunks"]]
    assert [user for chunk in chunks for user in chunk] == users
    assert [len(chunk) for chunk in chunks] == [chunk["user_count"] for chunk in listing["chunks"]]
    assert (listing["run_id"], listing["started"], listing["users_listed"]) == (RUN, True, count)
    assert "acme" not in json.dumps(listing)


def test_listing_is_empty_when_there_are_no_users() -> None:
    database = LedgerDatabase()

    listing = start(MemoryStore(), database)

    assert listing == {"run_id": RUN, "started": True, "users_listed": 0, "chunks": []}
    assert database.statements[0][1] == ("blue", RUN, START.scheduled_time, 0)


def test_user_that_is_listed_twice_has_two_positions() -> None:
    twice = [User("u1", "acme"), User("u1", "acme"), User("u1", "other")]

    assert start(MemoryStore(), LedgerDatabase(twice))["users_listed"] == 3


def test_run_is_claimed_before_anything_is_listed() -> None:
    store = MemoryStore()
    start(store, LedgerDatabase(make_users(3)))

    assert store.writes[0] == started_key(RUN)
    assert json.loads(store.objects[started_key(RUN)])["execution"] == "execution-1"


def test_second_execution_does_nothing_when_the_run_is_taken() -> None:
    # GIVEN
    store = MemoryStore()
    start(store, LedgerDatabase(make_users(3)))
    written = list(store.writes)
    # WHEN another execution has the same scheduled time
    database = LedgerDatabase(make_users(5))
    listing = start(store, database, StartRequest(START.scheduled_time, "execution-2"))
    # THEN
    assert listing == {"run_id": RUN, "started": False, "users_listed": 0, "chunks": []}
    assert (store.writes, database.listings, database.statements) == (written, 0, [])


def test_second_execution_is_refused_when_it_names_the_same_moment_otherwise() -> None:
    store = MemoryStore()
    start(store, LedgerDatabase())

    listing = start(store, LedgerDatabase(), StartRequest("2026-11-22T17:30:00+09:00", "execution-2"))

    assert listing["started"] is False


def test_same_execution_lists_again_when_its_first_attempt_was_lost() -> None:
    store = MemoryStore()
    first = start(store, LedgerDatabase(make_users(25)))

    assert start(store, LedgerDatabase(make_users(25))) == first


def test_listing_is_that_of_the_first_attempt_when_the_users_have_changed_since() -> None:
    store, database = MemoryStore(), LedgerDatabase(make_users(12))
    first = start(store, LedgerDatabase(make_users(25)))

    assert start(store, database) == first
    assert (database.listings, database.statements[0][1][-1]) == (0, 25)


class OvertakenDatabase(LedgerDatabase):
    """While it lists users, another attempt of the same execution begins and ends."""

    def __init__(self, users: list[User], overtake: Callable[[], dict[str, Any]]) -> None:
        super().__init__(users)
        self._overtake = overtake
        self.answer: dict[str, Any] = {}

    def stream_users(self, query: str) -> Generator[User, None, None]:
        users = list(super().stream_users(query))
        self.answer = self._overtake()
        yield from users


@pytest.mark.parametrize("dry_run_users", [None, 100])
def test_chunks_are_not_mixed_when_an_attempt_that_was_taken_for_dead_goes_on(dry_run_users: int | None) -> None:
    # GIVEN an attempt that is at work while the next one lists, with a user less
    store = MemoryStore()
    request = StartRequest(START.scheduled_time, "execution-1", dry_run_users=dry_run_users)
    later = LedgerDatabase(make_users(25)[1:])
    slow = OvertakenDatabase(make_users(25), lambda: start(store, later, request))

    # WHEN both have ended
    answer = start(store, slow, request)

    # THEN the chunks that the state machine was told of hold what they held then
    read = [read_chunk(store, slow.answer["run_id"], chunk["chunk"]) for chunk in slow.answer["chunks"]]
    assert [user for chunk in read for user in chunk] == make_users(25)[1:]
    if dry_run_users is None:
        assert answer == slow.answer
        assert [values[-1] for _, values in [*slow.statements, *later.statements]] == [24, 24]
    else:
        assert [chunk["chunk"] for chunk in answer["chunks"]] == [20_000, 20_001, 20_002]


def test_chunks_are_not_mixed_when_the_first_attempt_died_among_them() -> None:
    # The dead attempt's requests may still be on their way.
    store = MemoryStore()
    store.broken = (f"runs/{RUN}/chunks/00001",)
    with pytest.raises(StorageUnavailableError):
        start(store, LedgerDatabase(make_users(25)))
    store.broken = ()

    listing = start(store, LedgerDatabase(make_users(12)))

    assert [chunk["chunk"] for chunk in listing["chunks"]] == [20_000, 20_001]


def test_next_scheduled_time_is_a_run_of_its_own() -> None:
    store = MemoryStore()
    start(store, LedgerDatabase(make_users(3)))

    later = start(store, LedgerDatabase(make_users(4)), StartRequest("2026-11-22T08:40:00Z", "execution-2"))

    assert (later["started"], later["users_listed"]) == (True, 4)


def test_listing_is_refused_with_the_remedy_when_it_would_not_fit_a_payload() -> None:
    """A state's payload is limited and DataLimitExceeded cannot be caught.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    """
    database = LedgerDatabase(make_users(9_000))

    with pytest.raises(ListingTooLargeError, match="raise ChunkSize above 1"):
        start(MemoryStore(), database, chunk_size=1)
    assert database.statements == []
    assert MAX_LISTING_BYTES < 262_144


def test_listing_fails_when_a_chunk_cannot_be_stored() -> None:
    store, database = MemoryStore(), LedgerDatabase(make_users(25))
    store.broken = (f"runs/{RUN}/chunks/00001",)

    with pytest.raises(StorageUnavailableError):
        start(store, database)
    assert database.statements == []


def test_listing_is_refused_when_the_chunk_size_is_none() -> None:
    with pytest.raises(SettingsError, match="CHUNK_SIZE is 0"):
        start(MemoryStore(), LedgerDatabase(), chunk_size=0)


def test_request_is_what_the_state_machine_sends() -> None:
    assert StartRequest.from_event({"scheduled_time": "t", "execution": "e"}) == StartRequest("t", "e")


@BOUNDED
@given(ANY_JSON)
def test_request_is_refused_when_the_event_is_any_other(event: Any) -> None:
    with pytest.raises(InvalidEventError):
        StartRequest.from_event(event)


class BrokenDatabase(LedgerDatabase):
    """Refuses the job's query."""

    def stream_users(self, query: str) -> Generator[User, None, None]:
        raise JobQueryError("refused")
        yield


@pytest.mark.parametrize(("seconds_later", "started"), [(299, False), (301, True)])
def test_run_is_taken_over_when_its_execution_died_before_it_had_listed(seconds_later: int, started: bool) -> None:
    # GIVEN an execution that claimed the run and failed
    store, database = MemoryStore(), LedgerDatabase(make_users(4))
    with pytest.raises(JobQueryError):
        start(store, BrokenDatabase(), now=1000.0)

    # WHEN somebody starts the same run again, after or within the life of an Express execution
    listing = start(store, database, StartRequest(START.scheduled_time, "execution-2"), now=1000.0 + seconds_later)

    assert listing["started"] is started


def test_run_is_taken_over_by_one_when_two_find_its_execution_dead() -> None:
    store, database = MemoryStore(), LedgerDatabase(make_users(4))
    with pytest.raises(JobQueryError):
        start(store, BrokenDatabase(), now=1000.0)
    get_with_version = store.get_with_version

    def be_late(key: str) -> tuple[bytes, str] | None:
        found = get_with_version(key)
        store.get_with_version = get_with_version  # type: ignore[method-assign]
        assert start(store, database, StartRequest(START.scheduled_time, "execution-2"), now=1301.0)["started"]
        return found

    store.get_with_version = be_late  # type: ignore[method-assign]

    assert not start(store, database, StartRequest(START.scheduled_time, "execution-3"), now=1301.0)["started"]


@pytest.mark.parametrize("has_died", [False, True])
def test_run_is_its_executions_when_the_answer_to_the_claim_was_lost(has_died: bool) -> None:
    store = MemoryStore()
    if has_died:
        with pytest.raises(JobQueryError):
            start(store, BrokenDatabase(), now=1000.0)
    store.unheard = {"runs/20261122T083000Z/started.json"}

    listing = start(store, LedgerDatabase(make_users(4)), StartRequest(START.scheduled_time, "execution-2"), now=1301.0)

    assert (listing["started"], listing["users_listed"]) == (True, 4)


def test_run_is_taken_over_when_its_listing_was_stored_and_never_opened() -> None:
    # Nobody was called for: the state machine goes on with ListUsers' answer, and that comes behind the account.
    store = MemoryStore()
    first = start(store, LedgerDatabase(make_users(4)), now=1000.0)

    taken = start(store, LedgerDatabase(make_users(5)), StartRequest(START.scheduled_time, "execution-2"), now=1301.0)

    assert taken == first


def test_run_that_was_listed_is_not_taken_over_however_old_it_is() -> None:
    store, database = MemoryStore(), LedgerDatabase(make_users(4))
    start(store, database, now=1000.0)

    listing = start(store, database, StartRequest(START.scheduled_time, "execution-2"), now=1_000_000.0)

    assert listing["started"] is False


def test_dry_run_lists_the_first_users_into_chunks_and_leaves_claim_and_ledger_alone() -> None:
    store, database = MemoryStore(), LedgerDatabase(make_users(40))

    listing = start(store, database, StartRequest("2026-11-22T08:30:00Z", "execution-1", dry_run_users=25))

    assert (listing["dry_run"], listing["started"], listing["users_listed"]) == (True, True, 25)
    assert [chunk["user_count"] for chunk in listing["chunks"]] == [10, 10, 5]
    assert read_chunk(store, listing["run_id"], 2)[-1].user_id == "u24"
    assert sorted(store.writes) == [f"runs/{listing['run_id']}/chunks/{number:05d}.json" for number in range(3)]
    assert database.statements == []


def test_dry_run_takes_nothing_from_the_run_of_the_same_moment() -> None:
    store = MemoryStore()
    dry = start(store, LedgerDatabase(make_users(3)), StartRequest(START.scheduled_time, "smoke", dry_run_users=2))

    real = start(store, LedgerDatabase(make_users(3)))

    assert (real["run_id"], real["started"], real["users_listed"]) == (RUN, True, 3)
    assert dry["run_id"] != RUN


@pytest.mark.parametrize("users", [0, -1, 1001, True, "10", 1.5])
def test_request_is_refused_when_a_dry_run_has_too_many_users_or_none(users: object) -> None:
    with pytest.raises(InvalidEventError, match="expected a whole number from 1 to 1000"):
        StartRequest.from_event({"scheduled_time": "t", "execution": "e", "dry_run_users": users})


def test_request_is_a_real_run_when_the_machine_sends_null() -> None:
    event = {"scheduled_time": "t", "execution": "e", "dry_run_users": None}

    assert StartRequest.from_event(event) == StartRequest("t", "e")


OPEN_CIRCUIT = b'{"state": "open", "changed_at": 1, "run_id": "", "reason": ""}'


@pytest.mark.parametrize("dry_run_users", [None, 2])
def test_listing_says_that_the_circuit_is_open_so_that_the_partner_is_probed(dry_run_users: int | None) -> None:
    store = MemoryStore()
    store.put(CIRCUIT_KEY, OPEN_CIRCUIT)
    request = replace(START, dry_run_users=dry_run_users, circuit_breaker=True)

    listing = start(store, LedgerDatabase(make_users(3)), request)

    assert (listing["started"], listing["circuit"]) == (True, "open")


@pytest.mark.parametrize("body", [None, OPEN_CIRCUIT.replace(b"open", b"closed")])
def test_listing_says_nothing_when_the_circuit_is_closed(body: bytes | None) -> None:
    store = MemoryStore()
    store.objects |= {CIRCUIT_KEY: body} if body else {}

    assert "circuit" not in start(store, LedgerDatabase(make_users(3)), replace(START, circuit_breaker=True))


def test_listing_does_not_look_at_the_circuit_where_the_machine_knows_no_probe() -> None:
    store = MemoryStore()
    store.put(CIRCUIT_KEY, OPEN_CIRCUIT)

    assert "circuit" not in start(store, LedgerDatabase(make_users(3)))


def test_request_is_refused_when_circuit_breaker_is_no_flag() -> None:
    with pytest.raises(InvalidEventError, match="circuit_breaker"):
        StartRequest.from_event({"scheduled_time": "t", "execution": "e", "circuit_breaker": "ENABLED"})
