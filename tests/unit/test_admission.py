"""Whether a run may start, as ListUsers asks it."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from express_batch.admission import Admission
from express_batch.errors import DatabaseUnavailableError, JobQueryError
from express_batch.job_contract import User
from express_batch.list_users import StartRequest, list_users
from express_batch.redrive import RedriveRequest
from express_batch.run_layout import STOP_KEY, TURN_KEY, closed_key

from tests.fakes.database import LedgerDatabase
from tests.fakes.job import ValueJob
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

RUN = "20261122T083000Z"
START = StartRequest("2026-11-22T08:30:00Z", "execution-1", execution_started_at=1000.0, deadline=1200.0)
NEXT = StartRequest("2026-11-22T08:31:00Z", "execution-2", execution_started_at=1060.0, deadline=1260.0)
SKIP, WAIT, BOTH = (Admission(overlap) for overlap in ("skip", "wait", "both"))


class Group:
    """A tenant group of three users, its bucket and its ledger."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.database = LedgerDatabase([User(f"u{number}", "acme") for number in range(3)])
        self.observer = RecordingObserver()

    def start(
        self, request: StartRequest = START, admission: Admission = SKIP, now: float | None = None
    ) -> dict[str, Any]:
        self.observer = RecordingObserver()
        moment = (request.execution_started_at or 0.0) + 1 if now is None else now
        return list_users(
            request,
            tenant_group="blue",
            chunk_size=10,
            job=ValueJob(),
            database=self.database,
            store=self.store,
            observer=self.observer,
            admission=admission,
            now=lambda: moment,
        )

    def account(self, run_id: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.store.objects[closed_key(run_id)])
        return document


@pytest.fixture
def group() -> Group:
    """A group without runs."""
    return Group()


def test_run_lists_nobody_while_calls_are_stopped_and_says_why(group: Group) -> None:
    group.store.put(STOP_KEY, b'{"reason": "partner asked us to"}')

    answer = group.start()

    assert answer == {"run_id": RUN, "started": False, "status": "STOPPED", "users_listed": 0, "chunks": []}
    assert (group.database.listings, group.database.statements) == (0, [])
    assert (group.account(RUN)["status"], group.account(RUN)["reason"]) == ("STOPPED", "partner asked us to")
    assert group.observer.line("run not started") == {"status": "STOPPED", "reason": "partner asked us to"}


def test_next_run_lists_everybody_when_calls_were_resumed(group: Group) -> None:
    group.store.put(STOP_KEY, b"{}")
    group.start()
    del group.store.objects[STOP_KEY]

    assert group.start(NEXT)["users_listed"] == 3


@pytest.mark.parametrize(
    "request_",
    [
        StartRequest("2026-11-22T08:30:00Z", "e", dry_run_users=2),
        StartRequest("redrive", "e", redrive=RedriveRequest(RUN)),
    ],
)
def test_dry_run_and_redrive_are_stopped_too_and_leave_nothing_behind(group: Group, request_: StartRequest) -> None:
    group.store.put(STOP_KEY, b"{}")

    answer = group.start(request_)

    assert (answer["started"], answer["status"]) == (False, "STOPPED")
    assert list(group.store.objects) == [STOP_KEY]


def test_run_is_skipped_while_an_earlier_one_goes(group: Group) -> None:
    group.start()

    answer = group.start(NEXT)

    assert (answer["started"], answer["status"], answer["chunks"]) == (False, "SKIPPED", [])
    assert group.account(answer["run_id"])["reason"] == f"run {RUN} still goes"
    assert group.database.listings == 1


@pytest.mark.parametrize("stops", [False, True])
def test_account_of_a_run_stays_when_an_attempt_at_its_listing_that_was_taken_for_dead_is_refused(
    group: Group, stops: bool
) -> None:
    group.start()
    group.store.put(closed_key(RUN), b'{"status": "PARTIAL", "failed_by_reason": {"StoppedError": 3}}')
    group.start(NEXT)
    if stops:
        group.store.put(STOP_KEY, b"{}")

    assert group.start()["started"] is False

    assert group.account(RUN)["status"] == "PARTIAL"


def test_run_waits_and_starts_when_the_earlier_one_is_closed(group: Group) -> None:
    group.start()

    waiting = group.start(NEXT, WAIT)
    group.store.put(closed_key(RUN), b'{"status": "COMPLETE"}')
    started = group.start(NEXT, WAIT, now=1066.0)

    assert (waiting["status"], waiting["wait_seconds"]) == ("WAITING", 5)
    assert group.observer.lines[0][0] == "users listed"
    assert started["users_listed"] == 3


@pytest.mark.parametrize(("now", "status"), [(1155.0, "WAITING"), (1155.1, "SKIPPED")])
def test_run_waits_until_half_of_its_time_for_calls_is_over(group: Group, now: float, status: str) -> None:
    group.start(now=1059.0)  # closes nothing

    assert group.start(NEXT, WAIT, now=now)["status"] == status


def test_run_is_skipped_rather_than_made_to_wait_when_the_machine_is_an_older_one(group: Group) -> None:
    group.start()

    older = StartRequest("2026-11-22T08:31:00Z", "execution-2", execution_started_at=1060.0)

    answer = group.start(older, WAIT, now=1061.0)

    assert answer["status"] == "SKIPPED"


def test_runs_go_side_by_side_when_both_may(group: Group) -> None:
    group.start(admission=BOTH)

    assert group.start(NEXT, BOTH)["started"] is True
    assert TURN_KEY not in group.store.objects


class BrokenDatabase(LedgerDatabase):
    """Refuses the job's query."""

    def stream_users(self, query: str) -> Generator[User, None, None]:
        raise JobQueryError("refused")
        yield


def test_run_that_could_not_list_keeps_nobody_out(group: Group) -> None:
    working, group.database = group.database, BrokenDatabase()
    with pytest.raises(JobQueryError):
        group.start()
    group.database = working

    assert group.start(NEXT)["started"] is True


def test_run_keeps_its_turn_when_an_attempt_at_its_listing_that_was_taken_for_dead_fails(group: Group) -> None:
    # GIVEN an attempt that is overtaken by the next one while it reads the users, and fails then
    class Overtaken(LedgerDatabase):
        def stream_users(self, query: str) -> Generator[User, None, None]:
            group.database = working
            assert group.start()["users_listed"] == 3
            raise DatabaseUnavailableError("broke off")
            yield

    working, group.database = group.database, Overtaken()
    with pytest.raises(DatabaseUnavailableError):
        group.start()

    assert group.start(NEXT)["status"] == "SKIPPED"


def test_run_waits_for_a_writer_that_is_behind_and_starts_when_it_has_caught_up(group: Group) -> None:
    # GIVEN a run whose 30 users were listed, 5 of them failed and 10 written so far
    admission = Admission("skip", max_unwritten_users=14)
    group.database.incomplete = [("20261122T082000Z", 30, 5)]
    group.database.written = [(0, 0, list(range(10)))]

    waiting = group.start(admission=admission)
    reason = group.observer.line("run waits")["reason"]
    group.database.written.append((0, 10, [10]))
    started = group.start(admission=admission, now=1006.0)

    assert (waiting["status"], reason) == ("WAITING", "15 users of earlier runs are not written yet")
    assert started["users_listed"] == 3


def test_run_is_skipped_when_the_writer_does_not_catch_up(group: Group) -> None:
    group.database.incomplete = [("20261122T082000Z", 30, 0)]

    answer = group.start(admission=Admission("both", max_unwritten_users=29), now=1099.0)

    assert answer["status"] == "SKIPPED"
    assert group.account(RUN)["reason"] == "30 users of earlier runs are not written yet"


def test_account_of_a_refused_run_has_the_keys_of_a_closed_one(group: Group) -> None:
    group.start()
    group.start(NEXT)

    account = group.account("20261122T083100Z")

    assert {account[name] for name in ("users_listed", "rows_written", "users_failed", "users_missing")} == {0}
    assert (account["execution_started_at"], account["ended_at"], account["tenant_group"]) == (1060.0, 1061.0, "blue")


def test_invocation_without_an_execution_neither_has_a_turn_nor_waits_for_one(group: Group) -> None:
    by_hand = StartRequest("2026-11-22T08:30:00Z", "by hand")

    assert group.start(by_hand, now=1000.0)["users_listed"] == 3
    assert TURN_KEY not in group.store.objects
    assert group.start(NEXT)["users_listed"] == 3
