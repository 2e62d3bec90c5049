"""CloseRun: how a run ended, told from what is written and what failed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from express_batch import ledger
from express_batch.close_run import EXECUTION_SECONDS, ClosingRequest, close_run
from express_batch.errors import DatabaseUnavailableError, InvalidEventError
from express_batch.failures import UserFailure, write_user_failures
from express_batch.retention import Retention
from express_batch.run_layout import closed_key, failures_prefix
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED
from tests.fakes.database import LedgerDatabase
from tests.fakes.json_values import ANY_JSON, nested_json
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

RUN = "20261122T083000Z"
EVENT: dict[str, Any] = {
    "run_id": RUN,
    "users_listed": 15,
    "chunks": [{"chunk": 0, "user_count": 10}, {"chunk": 1, "user_count": 5}],
}


class Stage:
    """A run of two chunks, ten and five users; `sleep` moves the clock and lets `arrivals` happen."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.database = LedgerDatabase()
        self.observer = RecordingObserver()
        self.now = 1000.0
        self.started: str | None = None
        self.arrivals: list[tuple[float, tuple[int, int, list[int]]]] = []

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds
        for when, entry in list(self.arrivals):
            if when <= self.now:
                self.database.written.append(entry)
                self.arrivals.remove((when, entry))

    def write(self, chunk: int, positions: list[int]) -> None:
        self.database.written.append((chunk, 0, positions))

    def fail(self, chunk: int, positions: list[int], reason: str = "ApiTimeoutError", name: str = "x") -> None:
        failures = [UserFailure(position, f"u{position}", "acme", reason, "") for position in positions]
        write_user_failures(self.store, RUN, chunk, function="SyncUsers", name=f"{chunk}-{name}", failures=failures)

    def fail_slice(self, chunk: int, start: int, end: int) -> None:
        """As the state machine does (RecordSliceFailure)."""
        body = {"version": 1, "run_id": RUN, "chunk": chunk, "start": start, "end": end, "reason": "Sandbox.Timedout"}
        self.store.put(f"{failures_prefix(RUN)}slice-{chunk}-{start}.json", json.dumps(body).encode())

    def close(self, wait_seconds: float = 0.0) -> dict[str, Any]:
        return close_run(
            ClosingRequest.from_event({**EVENT, "execution_started_at": self.started}),
            tenant_group="blue",
            wait_seconds=wait_seconds,
            retention=Retention(run_days=7, ledger_days=30),
            database=self.database,
            store=self.store,
            observer=self.observer,
            clock=lambda: self.now,
            sleep=self.sleep,
            now=lambda: 1_795_336_200.0 + self.now,
        )


def test_run_is_complete_when_all_are_written() -> None:
    stage = Stage()
    stage.write(0, list(range(10)))
    stage.write(1, list(range(5)))

    assert stage.close() == {
        "run_id": RUN,
        "status": "COMPLETE",
        "users_listed": 15,
        "rows_written": 15,
        "users_failed": 0,
        "users_missing": 0,
        "failed_by_reason": {},
    }
    statement, parameters = stage.database.statements[0]
    assert statement.startswith("UPDATE batch_run")
    assert parameters[:7] == ("COMPLETE", 15, 15, 0, 0, "blue", RUN)


def test_run_is_partial_when_some_failed_and_all_are_accounted_for() -> None:
    stage = Stage()
    stage.write(0, list(range(9)))
    stage.fail(0, [9], "MalformedAnswerError")
    stage.fail_slice(1, 0, 5)

    answer = stage.close()

    assert (answer["status"], answer["rows_written"], answer["users_failed"]) == ("PARTIAL", 9, 6)
    assert answer["failed_by_reason"] == {"MalformedAnswerError": 1, "Sandbox.Timedout": 5}


def test_run_is_incomplete_when_some_are_neither_written_nor_failed() -> None:
    stage = Stage()
    stage.write(0, list(range(10)))
    stage.fail(1, [0])

    answer = stage.close()

    assert (answer["status"], answer["users_missing"]) == ("INCOMPLETE", 4)


def test_run_of_no_users_is_complete() -> None:
    stage = Stage()

    answer = close_run(
        ClosingRequest.from_event({"run_id": RUN, "users_listed": 0, "chunks": []}),
        tenant_group="blue",
        wait_seconds=60,
        retention=Retention(run_days=7, ledger_days=30),
        database=stage.database,
        store=stage.store,
        observer=stage.observer,
        clock=lambda: stage.now,
        sleep=stage.sleep,
    )

    assert answer["status"] == "COMPLETE"
    assert stage.now == 1000.0


def test_user_counts_as_written_when_a_later_attempt_had_it() -> None:
    stage = Stage()
    stage.fail(0, [3, 4])
    stage.fail_slice(0, 0, 10)
    stage.write(0, list(range(10)))
    stage.write(1, list(range(5)))

    answer = stage.close()

    assert (answer["status"], answer["users_failed"]) == ("COMPLETE", 0)


def test_user_counts_once_when_two_failure_records_have_it() -> None:
    stage = Stage()
    stage.write(0, list(range(10)))
    stage.fail(1, [0, 1, 2])
    stage.fail_slice(1, 0, 5)

    assert stage.close()["users_failed"] == 5


def test_users_count_once_when_records_overlap() -> None:
    stage = Stage()
    stage.write(0, [0, 1, 2, 3, 4, 5])
    stage.write(0, [4, 5, 6, 7, 8])

    assert stage.close()["rows_written"] == 9


def test_positions_that_were_never_listed_count_for_nothing() -> None:
    stage = Stage()
    stage.write(1, list(range(9)))
    stage.write(7, [0, 1])
    stage.fail(0, [10, 11, 99])
    stage.fail(8, [0])

    answer = stage.close()

    assert (answer["rows_written"], answer["users_failed"], answer["users_missing"]) == (5, 0, 10)


def test_closing_waits_until_the_last_row_is_written() -> None:
    stage = Stage()
    stage.arrivals = [(1002.0, (0, 0, list(range(10)))), (1007.5, (1, 0, list(range(5))))]

    assert stage.close(wait_seconds=60)["status"] == "COMPLETE"
    assert 1007.5 <= stage.now < 1009.0


def test_closing_stops_waiting_when_its_time_is_over() -> None:
    stage = Stage()
    stage.arrivals = [(1030.5, (0, 0, list(range(10))))]

    assert stage.close(wait_seconds=30)["status"] == "INCOMPLETE"
    assert stage.now == pytest.approx(1030.0)
    assert stage.database.queries < 45


@pytest.mark.parametrize(("began_before", "waits"), [(100, 60.0), (250, 35.0), (285, 0.0), (294, 0.0)])
def test_closing_waits_no_longer_than_its_execution_lives(began_before: int, waits: float) -> None:
    """Else slices that end late leave a run without an account: the state machine would end first."""
    stage = Stage()
    stage.started = datetime.fromtimestamp(1_795_336_200.0 + stage.now - began_before, UTC).isoformat()

    answer = stage.close(wait_seconds=60)

    assert (answer["status"], stage.observer.line("run closed")["waited_seconds"]) == ("INCOMPLETE", waits)


def test_closing_waits_for_whoever_calls_it_when_the_execution_is_over() -> None:
    """As by `batchctl invoke` or `sam local invoke`, with the event of an old run."""
    stage = Stage()
    stage.started = "2026-11-22T08:30:00.000Z"  # 1,000 s before

    assert stage.close(wait_seconds=60)["status"] == "INCOMPLETE"
    assert stage.observer.line("run closed")["waited_seconds"] == 60.0


def test_closing_knows_how_long_its_execution_lives() -> None:
    machine = json.loads((Path(__file__).parents[2] / "statemachines/user_batch.asl.json").read_text())

    assert machine["TimeoutSeconds"] == EXECUTION_SECONDS


def test_closing_counts_a_failure_that_is_recorded_while_it_waits() -> None:
    stage = Stage()
    stage.write(0, list(range(10)))
    plain_sleep = stage.sleep

    def sleep(seconds: float) -> None:
        plain_sleep(seconds)
        if stage.now > 1003:
            stage.fail_slice(1, 0, 5)

    stage.sleep = sleep  # type: ignore[method-assign]

    assert stage.close(wait_seconds=30)["status"] == "PARTIAL"
    assert stage.now < 1010


def test_closing_reads_each_failure_record_once_however_long_it_waits() -> None:
    stage = Stage()
    stage.fail(0, [1])

    stage.close(wait_seconds=10)

    assert len(stage.store.reads) == 1
    assert stage.database.queries > 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[]",
        b"7",
        b'"failures"',
        b'{"version": 2}',
        b'{"version": 1, "chunk": 0}',
        b'{"version": 1, "chunk": "zero", "failures": []}',
        b'{"version": 1, "chunk": Infinity, "failures": []}',
        b'{"version": 1, "chunk": 0, "failures": [{"position": 1}]}',
        b'{"version": 1, "chunk": 0, "failures": [{"position": NaN, "reason": ""}]}',
        b'{"version": 1, "chunk": 0, "start": null, "end": 5, "reason": ""}',
        nested_json(100_000),
    ],
)
def test_users_are_missing_and_not_lost_in_silence_when_their_failure_record_is_unreadable(body: bytes) -> None:
    stage = Stage()
    stage.write(0, list(range(10)))
    key = f"{failures_prefix(RUN)}SyncUsers-broken.json"
    stage.store.put(key, body)
    stage.fail(1, [0, 1])

    answer = stage.close()

    assert (answer["status"], answer["users_failed"], answer["users_missing"]) == ("INCOMPLETE", 2, 3)
    assert [(message, keys["key"]) for message, keys in stage.observer.warnings] == [("failure record unreadable", key)]


def test_account_is_told_with_the_time_that_it_waited_for() -> None:
    stage = Stage()
    stage.write(0, list(range(10)))
    stage.fail(1, [0])
    stage.arrivals = [(1002.0, (1, 0, [1, 2, 3, 4]))]

    answer = stage.close(wait_seconds=30)

    line = stage.observer.line("run closed")
    assert {name: line[name] for name in answer if name != "run_id"} == {
        name: value for name, value in answer.items() if name != "run_id"
    }
    assert 2.0 <= line["waited_seconds"] < 4.0
    assert line["ended_at"] - line["started_at"] == pytest.approx(line["waited_seconds"], abs=1e-5)
    document = json.loads(stage.store.objects[closed_key(RUN)])
    assert document == {"version": 1, "run_id": RUN, "redrive_of": None, "tenant_group": "blue", **line}


def test_metrics_tell_the_account_and_the_seconds_since_the_execution_began() -> None:
    stage = Stage()
    stage.write(0, list(range(8)))
    stage.fail(0, [8, 9], "ApiTimeoutError")
    stage.started = "2026-11-22T08:30:00.000Z"  # 1,000 s before

    stage.close()

    assert stage.observer.metrics == {
        ("RowsWritten", None): 8,
        ("UsersFailed", None): 2,
        ("UsersMissing", None): 5,
        ("UsersFailedByReason", "ApiTimeoutError"): 2,
        ("RunSeconds", None): 1000.0,
    }


def test_run_stays_closed_when_its_account_cannot_be_stored_as_an_object() -> None:
    """GIVEN that S3 does not answer for it: ledger and log line have the account."""
    stage = Stage()
    stage.write(0, list(range(10)))
    stage.write(1, list(range(5)))
    stage.store.broken = (closed_key(RUN),)

    assert stage.close()["status"] == "COMPLETE"

    assert stage.database.statements[0][0].startswith("UPDATE batch_run")
    assert [message for message, _ in stage.observer.warnings] == ["account of the run not stored"]
    assert stage.observer.line("run closed")["status"] == "COMPLETE"


def test_ledger_is_closed_before_the_object_is_written() -> None:
    """GIVEN a ledger that cannot be closed: no object may say that the run is."""
    stage = Stage()

    def refuse(tx: Any, *_: object) -> None:
        raise DatabaseUnavailableError("gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "close_run", refuse)
        with pytest.raises(DatabaseUnavailableError):
            stage.close()
    assert closed_key(RUN) not in stage.store.objects


POSITIONS = st.lists(st.integers(0, 12), max_size=12)


@BOUNDED
@given(st.lists(st.tuples(st.integers(0, 2), POSITIONS), max_size=5), st.lists(st.tuples(st.integers(0, 2), POSITIONS)))
def test_every_listed_user_is_counted_exactly_once_whatever_is_written_and_failed(
    written: list[tuple[int, list[int]]], failed: list[tuple[int, list[int]]]
) -> None:
    stage = Stage()
    for chunk, positions in written:
        stage.write(chunk, positions)
    for number, (chunk, positions) in enumerate(failed):
        stage.fail(chunk, positions, name=str(number))

    answer = stage.close()

    listed = {(chunk["chunk"], position) for chunk in EVENT["chunks"] for position in range(chunk["user_count"])}
    in_database = {(chunk, position) for chunk, positions in written for position in positions} & listed
    in_records = ({(chunk, position) for chunk, positions in failed for position in positions} & listed) - in_database
    assert (answer["rows_written"], answer["users_failed"]) == (len(in_database), len(in_records))
    assert answer["users_missing"] == 15 - len(in_database) - len(in_records)


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "x"},
        {"users_listed": None},
        {"users_listed": 14},
        {"execution_started_at": "yesterday"},
        {"execution_started_at": "2026-11-22T08:30:00"},
        {"execution_started_at": 7},
        {"chunks": None},
        {"chunks": [{}]},
        {"chunks": [{"chunk": 0, "user_count": 10}, {"chunk": 0, "user_count": 5}]},
        {"chunks": [{"chunk": 0, "user_count": 20}, {"chunk": 1, "user_count": -5}]},
        {"chunks": [{"chunk": 0, "user_count": 1e400}]},
        {"users_listed": 10**9, "chunks": [{"chunk": 0, "user_count": 10**9}]},
    ],
)
def test_request_is_refused_when_it_does_not_hold_together(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError):
        ClosingRequest.from_event({**EVENT, **change})


@BOUNDED
@given(ANY_JSON)
def test_request_is_refused_when_the_event_is_any_other(event: Any) -> None:
    with pytest.raises(InvalidEventError):
        ClosingRequest.from_event(event)


def test_redrive_is_closed_under_its_own_id_and_forgets_by_the_time_of_its_run() -> None:
    stage = Stage()
    stage.write(0, [0])
    event = {"run_id": f"{RUN}-r2", "users_listed": 1, "chunks": [{"chunk": 0, "user_count": 1}], "redrive_of": RUN}

    account = close_run(
        ClosingRequest.from_event(event),
        tenant_group="blue",
        wait_seconds=0,
        retention=Retention(run_days=7, ledger_days=30),
        database=stage.database,
        store=stage.store,
        observer=stage.observer,
    )

    assert (account["run_id"], account["status"]) == (f"{RUN}-r2", "COMPLETE")
    assert json.loads(stage.store.objects[f"runs/{RUN}-r2/closed.json"])["redrive_of"] == RUN
    deleted = [parameters for statement, parameters in stage.database.statements if statement.startswith("DELETE")]
    assert [before[:2] for before in deleted] == [("blue", "20261115T083000Z"), ("blue", "20261023T083000Z")]


def test_run_ends_as_it_did_when_its_user_may_not_delete() -> None:
    stage = Stage()
    stage.write(0, list(range(10)))
    stage.write(1, list(range(5)))
    stage.database.refuses = "DELETE FROM batch_run"

    assert stage.close()["status"] == "COMPLETE"
    (warning,) = stage.observer.warnings
    assert warning[0] == "old ledger entries not removed"
    assert "batch_run" in str(warning[1]["reason"])


def test_run_ends_as_it_did_when_somebody_holds_old_entries() -> None:
    """GIVEN a lock on rows that are to be forgotten: account, object, log line and metrics are there before it."""
    stage = Stage()
    stage.write(0, list(range(10)))
    stage.write(1, list(range(5)))
    told: list[bool] = []

    def hold(*_: object, **__: object) -> dict[str, int]:
        told.append(closed_key(RUN) in stage.store.objects and bool(stage.observer.metrics))
        raise DatabaseUnavailableError("lost every dead-lock (MySQL error 1205, 6 attempts)")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("express_batch.close_run.forget_old_runs", hold)
        assert stage.close()["status"] == "COMPLETE"

    assert told == [True]
    assert [message for message, _ in stage.observer.warnings] == ["old ledger entries not removed"]
