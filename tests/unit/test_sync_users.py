"""SyncUsers: a slice's users, as rows in the stream or as failures in the bucket."""

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice, encode_chunk
from express_batch.errors import (
    ApiRejectedError,
    ChunkUnreadableError,
    JobFailedError,
    LimitUnavailableError,
    StorageUnavailableError,
    StreamUnavailableError,
)
from express_batch.failures import read_failures
from express_batch.invocation import Invocation
from express_batch.job_contract import User
from express_batch.partner_circuit import PartnerCircuit
from express_batch.run_layout import CIRCUIT_KEY, STOP_KEY, chunk_key, failures_prefix
from express_batch.slice_turn import Limits, SliceLimit
from express_batch.stop_switch import StopSwitch
from express_batch.stream_record import decode_record
from express_batch.sync_users import sync_users

from tests.fakes.job import ValueJob
from tests.fakes.limit_table import MemoryTable
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver
from tests.fakes.partner import ScriptedPartner, VirtualRunner
from tests.fakes.row_stream import MemoryStream

RUN = "20261122T083000Z"
USERS = [User(f"u{number}", "acme") for number in range(10)]
TRACE = f"Root=1-67a2b3c4-{'0' * 24};Parent={'c' * 16};Sampled=1"
ATTEMPT = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


class Stage:
    """Chunk 3 of ten users; `bad` users are refused by the partner."""

    def __init__(self, bad: tuple[str, ...] = (), stream: MemoryStream | None = None) -> None:
        self.store = MemoryStore()
        self.store.put(chunk_key(RUN, 3), encode_chunk(RUN, 3, USERS))
        self.stream = stream or MemoryStream()
        self.observer = RecordingObserver(TRACE, traced_calls=2)
        self.switch: StopSwitch | None = None
        self.circuit: PartnerCircuit | None = None
        self.limit: SliceLimit | None = None
        self.latency = 0.1
        self.script: dict[str, list[Any]] = {
            f"/{user.user_id}": [ApiRejectedError("404") if user.user_id in bad else {"value": user.user_id}]
            for user in USERS
        }

    def sync(
        self,
        start: int = 2,
        end: int = 6,
        attempt: str = ATTEMPT,
        seconds_left: float = 60.0,
        deadline: float | None = None,
        run_id: str = RUN,
    ) -> dict[str, Any]:
        return sync_users(
            Slice(run_id, 3, start, end, deadline),
            invocation=Invocation(attempt, seconds_left),
            job=ValueJob(),
            calls_in_flight=10,
            chunks=ChunkCache(self.store),
            store=self.store,
            stream=self.stream,
            partner=VirtualRunner(ScriptedPartner(self.script, latency=self.latency)),
            observer=self.observer,
            switch=self.switch,
            circuit=self.circuit,
            limit=self.limit,
        )

    @property
    def failure_keys(self) -> list[str]:
        return list(self.store.list_keys(failures_prefix(RUN)))


def test_rows_travel_in_one_record_that_says_where_they_come_from() -> None:
    stage = Stage()

    assert stage.sync() == {"synced": 4, "failed": 0}

    (entry,) = stage.stream.entries
    record = decode_record(entry.data)
    assert (record.run_id, record.chunk, record.start, record.trace_header) == (RUN, 3, 2, TRACE)
    assert record.columns == ("user_id", "value")
    assert sorted((row.position, row.values[0]) for row in record.rows) == [
        (position, f"u{position}") for position in range(2, 6)
    ]
    assert ATTEMPT in record.record_id
    assert stage.failure_keys == []


def test_rows_and_failures_account_for_every_user_of_the_slice() -> None:
    stage = Stage(bad=("u3", "u5"))

    assert stage.sync() == {"synced": 2, "failed": 2}

    rows = [row.position for row in decode_record(stage.stream.entries[0].data).rows]
    (key,) = stage.failure_keys
    failed = [failure.position for failure in read_failures(stage.store.objects[key])]
    assert sorted(rows + failed) == [2, 3, 4, 5]
    assert failed == [3, 5]


def test_failure_record_names_user_tenant_and_reason() -> None:
    stage = Stage(bad=("u3",))
    stage.sync()

    document = json.loads(stage.store.objects[stage.failure_keys[0]])
    assert document == {
        "version": 1,
        "run_id": RUN,
        "chunk": 3,
        "function": "SyncUsers",
        "failures": [
            {"position": 3, "user_id": "u3", "tenant_id": "acme", "reason": "ApiRejectedError", "detail": "404"}
        ],
    }


def test_second_attempt_replaces_the_failure_record_and_adds_none() -> None:
    stage = Stage(bad=("u3",))
    stage.sync(attempt="first-attempt")
    keys = stage.failure_keys

    stage.sync(attempt="second-attempt")

    assert stage.failure_keys == keys
    assert len({decode_record(entry.data).record_id for entry in stage.stream.entries}) == 2


def test_attempts_have_records_of_their_own_when_their_request_ids_begin_alike() -> None:
    """Else the ledger would take the second attempt's record for the first one's and not count its users."""
    stage = Stage()
    stage.sync(attempt="019a5f00-0000-7000-8000-000000000001")
    stage.sync(attempt="019a5f00-0000-7000-8000-000000000002")

    assert len({decode_record(entry.data).record_id for entry in stage.stream.entries}) == 2


def test_slices_of_one_chunk_never_share_a_failure_record() -> None:
    stage = Stage(bad=("u1", "u5"))
    stage.sync(0, 3)
    stage.sync(3, 6)

    assert len(stage.failure_keys) == 2


def test_nothing_is_sent_when_no_user_has_an_answer() -> None:
    stage = Stage(bad=tuple(user.user_id for user in USERS))

    assert stage.sync() == {"synced": 0, "failed": 4}
    assert stage.stream.entries == []


def test_stream_unavailable_propagates_and_no_user_is_noted_as_failed() -> None:
    """The retry has them all again; nothing says that they are done."""
    stage = Stage(bad=("u3",), stream=MemoryStream(takes=0))

    with pytest.raises(StreamUnavailableError):
        stage.sync()
    assert stage.failure_keys == []


def test_storage_unavailable_propagates_when_failures_cannot_be_stored() -> None:
    stage = Stage(bad=("u3",))
    stage.store.broken = (failures_prefix(RUN),)

    with pytest.raises(StorageUnavailableError):
        stage.sync()


def test_users_fail_by_name_when_the_invocation_has_no_time_left() -> None:
    stage = Stage()

    assert stage.sync(seconds_left=4.0) == {"synced": 0, "failed": 4}
    assert {failure.reason for failure in read_failures(stage.store.objects[stage.failure_keys[0]])} == {
        "TimeLeftError"
    }


def test_slice_is_refused_when_it_ends_beyond_its_chunk() -> None:
    stage = Stage()

    with pytest.raises(ChunkUnreadableError, match="10 users, the slice ends at 11"):
        stage.sync(8, 11)
    assert stage.stream.entries == []


def test_spans_carry_summaries_and_no_users() -> None:
    stage = Stage(bad=("u3",))
    stage.sync()

    assert stage.observer.spans["read chunk"] == {}
    calls = stage.observer.spans["call partner API"]["calls"]
    assert calls["count"] == 4
    assert calls["p50"] == pytest.approx(100, rel=0.1)
    assert stage.observer.spans["send rows"] == {
        "records": 1, "record_bytes": len(stage.stream.entries[0].data),
    }  # fmt: skip


def test_line_tells_the_slice_in_numbers_with_a_few_users_for_each_reason() -> None:
    stage = Stage(bad=("u1", "u2", "u3", "u4", "u5"))
    before = time.time()

    stage.sync(0, 10)

    line = stage.observer.line("slice synced")
    assert (line["start"], line["end"], line["users"], line["synced"], line["failed"]) == (0, 10, 10, 5, 5)
    assert line["failed_by_reason"] == {"ApiRejectedError": 5}
    assert line["sample_users"] == {"ApiRejectedError": ["u1", "u2", "u3"]}
    assert (line["calls"], line["retries"], line["throttled"]) == (10, 0, 0)
    assert sum(line["latency"].values()) == 10
    assert (line["records"], line["record_bytes"]) == (1, len(stage.stream.entries[0].data))
    assert before <= line["started_at"] <= line["ended_at"] <= time.time()
    spent = line["read_seconds"] + line["call_seconds"] + line["send_seconds"]
    assert 0 <= spent <= line["ended_at"] - line["started_at"] + 0.01


def test_metrics_are_those_of_a_run_and_none_when_it_is_dry() -> None:
    stage = Stage(bad=("u3",))
    stage.sync()

    assert stage.observer.metrics["UsersSynced", None] == 3
    assert stage.observer.metrics["CallsThrottled", None] == 0
    assert len(stage.observer.metrics["CallLatency", None]) == 4

    dry_run_id = "dry-20261122T083000Z-1a2b3c4d"
    stage = Stage()
    stage.store.put(chunk_key(dry_run_id, 3), encode_chunk(dry_run_id, 3, USERS))
    stage.sync(run_id=dry_run_id)
    assert stage.observer.metrics == {}


def test_slowest_calls_are_traced_when_the_invocation_is_sampled() -> None:
    stage = Stage(bad=("u3",))
    stage.sync()

    assert len(stage.observer.calls) == 2
    assert abs(stage.observer.calls[0].started_at - time.time()) < 60

    stage = Stage()
    stage.observer = RecordingObserver(TRACE.replace("Sampled=1", "Sampled=0"), traced_calls=2)
    stage.sync()
    assert stage.observer.calls == []


def test_slice_that_begins_when_the_run_has_to_be_closed_calls_nobody_and_accounts_for_all() -> None:
    # GIVEN a run whose time for calls is over
    stage = Stage()

    counts = stage.sync(2, 6, deadline=time.time() - 1)

    assert counts == {"synced": 0, "failed": 4}
    (key,) = stage.failure_keys
    assert {item.reason for item in read_failures(stage.store.objects[key])} == {"TimeLeftError"}


def test_slice_has_its_invocations_time_when_the_run_has_more() -> None:
    assert Stage().sync(2, 6, deadline=time.time() + 1000) == {"synced": 4, "failed": 0}


def test_dry_run_calls_for_every_user_and_sends_nothing() -> None:
    # GIVEN the chunk of a dry run, one of whose users the partner refuses
    run_id = "dry-20261122T083000Z-1a2b3c4d"
    stage = Stage(bad=("u3",))
    stage.store.put(chunk_key(run_id, 3), encode_chunk(run_id, 3, USERS))

    counts = stage.sync(run_id=run_id)

    # THEN the counts and the reason are there, and no row
    assert counts == {"synced": 3, "failed": 1}
    assert stage.stream.entries == []
    assert len(list(stage.store.list_keys(failures_prefix(run_id)))) == 1


def test_slice_calls_nobody_while_calls_are_stopped_and_accounts_for_all() -> None:
    stage = Stage()
    stage.store.put(STOP_KEY, b'{"reason": "partner down"}')
    stage.switch = StopSwitch(stage.store)

    counts = stage.sync(2, 6)

    assert counts == {"synced": 0, "failed": 4}
    (key,) = stage.failure_keys
    assert {item.reason for item in read_failures(stage.store.objects[key])} == {"StoppedError"}
    assert stage.observer.line("slice synced")["calls"] == 0


class QuietSwitch(StopSwitch):
    """Nobody puts it on during the slice; it waits in virtual time."""

    async def wait_until_on(self) -> None:
        await asyncio.sleep(1000)


def test_switch_is_read_once_beside_the_chunk() -> None:
    stage = Stage()
    stage.switch = QuietSwitch(stage.store, clock=lambda: 100.0)

    stage.sync(0, 3)
    stage.sync(3, 6)

    assert stage.store.reads.count(STOP_KEY) == 1


def test_more_time_is_kept_back_for_sending_when_the_stream_refuses_records() -> None:
    # GIVEN calls that take 20 s, and 33 s of the invocation, of which 5 are always kept back
    stage, refused = Stage(), Stage()
    stage.latency = refused.latency = 20.0
    # WHEN the stream has refused of late: four pauses more
    refused.stream.pause_seconds = 3.0

    assert stage.sync(seconds_left=33.0) == {"synced": 4, "failed": 0}
    assert refused.sync(seconds_left=33.0) == {"synced": 0, "failed": 4}


def test_users_are_called_for_however_often_the_stream_has_refused() -> None:
    # An environment that calls for nobody sends nothing, and would believe in the refusals for as long as it lives.
    stage = Stage()
    stage.stream.pause_seconds = 3.0

    assert stage.sync(seconds_left=10.0) == {"synced": 4, "failed": 0}


def test_everybody_fails_by_name_and_nobody_is_called_for_while_the_circuit_is_open() -> None:
    stage = Stage()
    stage.store.put(CIRCUIT_KEY, b'{"state": "open", "changed_at": 1, "run_id": "", "reason": ""}')
    stage.circuit = PartnerCircuit(stage.store)

    assert stage.sync() == {"synced": 0, "failed": 4}

    (line,) = [keys for message, keys in stage.observer.lines if message == "slice synced"]
    assert (line["calls"], line["failed_by_reason"]) == (0, {"CircuitOpenError": 4})
    assert stage.stream.entries == []


def test_slice_asks_nobody_about_the_circuit_where_there_is_no_breaker() -> None:
    stage = Stage()
    stage.store.put(CIRCUIT_KEY, b'{"state": "open", "changed_at": 1, "run_id": "", "reason": ""}')

    assert stage.sync() == {"synced": 4, "failed": 0}
    assert CIRCUIT_KEY not in stage.store.reads


def limited(table: MemoryTable, now: float = 1_795_000_000.0, **limit: int) -> SliceLimit:
    """The limit of a slice whose environment knows nothing yet."""
    options = {"table": "limits", "partner": "loyalty", "calls_per_second": 0, "calls_in_flight": 0, **limit}
    found = Limits(lambda _: table, lambda: now, lambda _: None).of_event({"limit": options})
    assert found is not None
    return found


def test_slice_that_has_to_wait_returns_its_lease_and_has_done_nothing_else() -> None:
    stage, table = Stage(), MemoryTable()
    limited(table, calls_per_second=1).take_turn(
        Slice(RUN, 3, 0, 10), holder="a", calls_in_flight=10, seconds_left=60.0, waits_until=None
    )
    stage.limit = limited(table, calls_per_second=1)
    stage.store.reads.clear()

    answer = stage.sync(deadline=1_795_000_200.0)

    assert set(answer) == {"wait_seconds", "lease"}
    assert answer["wait_seconds"] >= 9
    assert answer["lease"]["calls"] == 4
    assert (stage.store.reads, stage.stream.entries, stage.failure_keys) == ([], [], [])
    assert stage.observer.line("slice waits")["wait_seconds"] == answer["wait_seconds"]


def test_slice_calls_with_no_more_permits_than_it_got_and_gives_them_back() -> None:
    stage, table = Stage(), MemoryTable()
    stage.limit = limited(table, calls_in_flight=3)

    assert stage.sync() == {"synced": 4, "failed": 0}

    assert table.items["loyalty#in-flight"] == {"held": 0}
    assert table.writes == 3


def test_permits_are_given_back_when_the_slice_fails() -> None:
    stage, table = Stage(), MemoryTable()
    stage.limit = limited(table, calls_in_flight=3)
    stage.script["/u3"] = [KeyError("a bug of the job")]

    with pytest.raises(JobFailedError):
        stage.sync()

    assert table.items["loyalty#in-flight"] == {"held": 0}


@pytest.mark.parametrize("end", [6, 11])
def test_permits_are_given_back_when_the_chunk_cannot_be_read_or_ends_before_the_slice(end: int) -> None:
    stage, table = Stage(), MemoryTable()
    stage.limit = limited(table, calls_in_flight=3)
    if end == 6:
        stage.store.put(chunk_key(RUN, 3), b"nonsense")

    with pytest.raises(ChunkUnreadableError):
        stage.sync(end=end)

    assert table.items["loyalty#in-flight"] == {"held": 0}


def test_taking_slots_is_told_by_itself_and_not_as_reading_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a table that takes three seconds for each request
    stage, moment = Stage(), 100.0
    spans: list[str] = []

    class SlowTable(MemoryTable):
        def _answer(self) -> None:
            nonlocal moment
            moment += 3.0
            spans.extend(stage.observer.open_spans)

    clock = SimpleNamespace(time=time.time, time_ns=time.time_ns, monotonic=lambda: moment)
    monkeypatch.setattr("express_batch.sync_users.time", clock)
    table = SlowTable()
    stage.limit = limited(table, calls_per_second=500)

    stage.sync()

    assert "take turn" in spans
    assert "read chunk" not in spans
    line = stage.observer.line("slice synced")
    assert line["turn_seconds"] == 3.0 * spans.count("take turn")
    assert line["read_seconds"] == 0.0


def test_nobody_is_called_when_calls_are_stopped_while_the_slice_waits_for_its_permits() -> None:
    stage, table = Stage(), MemoryTable()
    moment = 100.0

    def stop_meanwhile(seconds: float) -> None:
        nonlocal moment
        moment += seconds + 1.0
        stage.store.put(STOP_KEY, b'{"reason": "partner down"}')

    stage.switch = StopSwitch(stage.store, clock=lambda: moment)
    options = {"table": "limits", "partner": "loyalty", "calls_per_second": 500, "calls_in_flight": 800}
    stage.limit = Limits(lambda _: table, lambda: 1_795_000_000.0, stop_meanwhile).of_event({"limit": options})

    assert stage.sync() == {"synced": 0, "failed": 4}

    assert stage.observer.line("slice synced")["failed_by_reason"] == {"StoppedError": 4}
    assert table.items["loyalty#in-flight"] == {"held": 0}


def test_nobody_is_called_and_the_slice_is_repeated_when_the_table_is_away() -> None:
    stage, table = Stage(), MemoryTable()
    table.is_away = True
    stage.limit = limited(table, calls_per_second=500)

    with pytest.raises(LimitUnavailableError):
        stage.sync()
    assert (stage.stream.entries, stage.failure_keys) == ([], [])


def test_users_that_no_slot_is_left_for_fail_by_name() -> None:
    # GIVEN a lane that is taken until after the run's end
    stage, table, now = Stage(), MemoryTable(), time.time()
    limited(table, now, calls_per_second=1).take_turn(
        Slice(RUN, 3, 0, 250), holder="a", calls_in_flight=10, seconds_left=600.0, waits_until=None
    )
    stage.limit = limited(table, now, calls_per_second=1)

    assert stage.sync(deadline=now + 200) == {"synced": 0, "failed": 4}
    assert stage.observer.warnings == [("no slots left", {"start": 2, "end": 6})]
    assert {failure.reason for failure in read_failures(stage.store.objects[stage.failure_keys[0]])} == {
        "LimitReachedError"
    }


@pytest.mark.parametrize("key", [STOP_KEY, CIRCUIT_KEY])
def test_slice_takes_no_slots_and_does_not_wait_when_nobody_is_to_be_called_for(key: str) -> None:
    # GIVEN a lane that is taken for a while, so that a slice would have to wait
    stage, table = Stage(), MemoryTable()
    limited(table, calls_per_second=1).take_turn(
        Slice(RUN, 3, 0, 10), holder="a", calls_in_flight=10, seconds_left=60.0, waits_until=None
    )
    stage.limit = limited(table, calls_per_second=1)
    stage.switch, stage.circuit = StopSwitch(stage.store), PartnerCircuit(stage.store)
    stage.store.put(key, b'{"state": "open", "changed_at": 1, "run_id": "", "reason": ""}')
    before = table.reads + table.writes

    assert stage.sync(deadline=1_795_000_200.0) == {"synced": 0, "failed": 4}
    assert table.reads + table.writes == before
