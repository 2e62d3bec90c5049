"""Messages of the queue and rejected records, told as one kind of thing."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchctl.failures.failed_batches import hold_batches, parse_message
from batchctl.failures.places import StuckRecords
from batchctl.failures.rejected import RejectedRecord, read_rejected
from batchctl.failures.stream_reader import FoundBatch, KeptRecord
from batchctl.failures.stuck import describe_batch, describe_rejected
from tests.fakes.bounds import BOUNDED
from tests.fakes.deliveries import RUN, make_record, points_row
from tests.fakes.json_values import ANY_JSON

BATCH = {"shardId": "shardId-0", "startSequenceNumber": "10", "endSequenceNumber": "12", "batchSize": 2,
         "approximateArrivalOfFirstRecord": "2026-11-22T08:30:05.000Z"}  # fmt: skip
CONTEXT = {"requestId": "r-1", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 21}
DOCUMENT = {"requestContext": CONTEXT, "responseContext": {"functionError": "Unhandled"}, "KinesisBatchInfo": BATCH}


def make_message(body: Any = DOCUMENT, name: str = "m") -> dict[str, str]:
    return {"MessageId": name, "ReceiptHandle": f"receipt-{name}", "Body": json.dumps(body)}


def record(number: int, run_id: str = RUN) -> KeptRecord:
    rows = [points_row(position) for position in (3, 5)]
    return KeptRecord(number, "0-0", make_record(rows, run_id=run_id))


def test_message_is_what_lambda_documents() -> None:
    batch = parse_message(make_message())

    assert (batch.shard_id, batch.start, batch.end, batch.batch_size) == ("shardId-0", "10", "12", 2)
    assert (batch.condition, batch.function_error, batch.attempts) == ("RetryAttemptsExhausted", "Unhandled", 21)


@pytest.mark.parametrize("empty", [{}, None, "absent"])
@pytest.mark.parametrize("contexts", [("responseContext",), ("requestContext", "responseContext")])
def test_batch_can_be_put_again_when_the_function_was_never_reached(contexts: tuple[str, ...], empty: Any) -> None:
    """Else its rows would pass for another sender's, to be discarded."""
    document = {name: value for name, value in DOCUMENT.items() if name not in contexts}
    if empty != "absent":
        document |= dict.fromkeys(contexts, empty)

    stuck = describe_batch(FoundBatch(parse_message(make_message(document)), [record(10)]), [RUN])

    assert (stuck.remedy, len(stuck.entries)) == (None, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"endSequenceNumber": "-1"},
        {"startSequenceNumber": "+1"},
        {"endSequenceNumber": 12},
        {"startSequenceNumber": "\u0661"},
        {"shardId": "../x"},
        {"shardId": ["shardId-0"]},
        {"batchSize": -1},
        {"batchSize": 1e300},
    ],
)
def test_message_that_names_no_records_of_a_stream_is_kept_as_unreadable(change: dict[str, Any]) -> None:
    assert not parse_message(make_message({**DOCUMENT, "KinesisBatchInfo": {**BATCH, **change}})).is_readable


@BOUNDED
@given(ANY_JSON)
def test_message_of_any_other_shape_is_kept_as_unreadable(body: Any) -> None:
    assert not parse_message(make_message(body)).is_readable


def test_batch_is_told_with_its_runs_and_users() -> None:
    stuck = describe_batch(FoundBatch(parse_message(make_message()), [record(10), record(12, f"{RUN}-r1")]), [RUN])

    assert (stuck.run_ids, stuck.users, stuck.remedy) == ([RUN, f"{RUN}-r1"], 4, None)
    assert [key for key, _ in stuck.entries] == ["0-0", "0-0"]
    assert "21 times, last of all Unhandled; request r-1" in stuck.why


def test_batch_whose_first_record_is_gone_is_not_put_again_and_names_the_redrive() -> None:
    runs = ["20261122T082000Z", RUN, "20261122T084000Z"]

    stuck = describe_batch(FoundBatch(parse_message(make_message()), [record(12)]), runs)

    assert stuck.remedy is not None
    assert "some of its records are no longer in the stream" in stuck.remedy
    assert f"batchctl redrive {RUN}`" in stuck.remedy


def test_record_that_cannot_be_read_travels_with_its_batch_all_the_same() -> None:
    found = FoundBatch(parse_message(make_message()), [record(10), KeptRecord(12, "k", b"\xff")])

    stuck = describe_batch(found, [RUN])

    assert (stuck.users, len(stuck.entries), stuck.remedy) == (2, 2, None)


@pytest.mark.parametrize(
    ("names", "run_id", "reasons", "is_wanted"),
    [
        ([], None, [], True),
        (["m"], RUN, ["RetryAttemptsExhausted"], True),
        (["x"], None, [], False),
        ([], "20261122T084000Z", [], False),
        ([], None, ["RecordAgeExpired"], False),
    ],
)
def test_filters_are_held_all_at_once(
    names: list[str], run_id: str | None, reasons: list[str], is_wanted: bool
) -> None:
    stuck = describe_batch(FoundBatch(parse_message(make_message()), [record(10)]), [RUN])

    assert stuck.is_wanted(names, run_id, reasons) is is_wanted


class FakeQueue:
    """Hands each message out once until it is given back."""

    def __init__(self, messages: list[dict[str, str]]) -> None:
        self.visible = messages
        self.given_back: list[str] = []
        self.deleted: list[str] = []

    def receive_message(self, **request: Any) -> dict[str, Any]:
        most = request["MaxNumberOfMessages"]
        taken, self.visible = self.visible[:most], self.visible[most:]
        return {"Messages": taken} if taken else {}

    def delete_message(self, **request: str) -> None:
        self.deleted.append(request["ReceiptHandle"])

    def change_message_visibility_batch(self, **request: Any) -> None:
        entries = request["Entries"]
        assert len(entries) <= 10
        assert all(entry["VisibilityTimeout"] == 0 for entry in entries)
        self.given_back += [entry["ReceiptHandle"] for entry in entries]


@given(st.integers(0, 35), st.data())
def test_messages_are_given_back_but_for_those_that_were_removed(count: int, data: Any) -> None:
    queue = FakeQueue([make_message(name=f"m{number}") for number in range(count)])

    with hold_batches(queue, "url") as held:
        assert len(held.batches) == count
        for batch in [batch for batch in held.batches if data.draw(st.booleans())]:
            held.remove(batch)

    assert sorted(queue.deleted + queue.given_back) == sorted(f"receipt-m{number}" for number in range(count))


def test_messages_are_given_back_when_a_command_breaks_off() -> None:
    queue = FakeQueue([make_message()])

    with pytest.raises(ZeroDivisionError), hold_batches(queue, "url"):
        raise ZeroDivisionError

    assert queue.given_back == ["receipt-m"]


class BrokenStream:
    def put(self, entries: Any) -> None:
        raise ConnectionError


def test_message_stays_when_its_records_cannot_be_put() -> None:
    queue = FakeQueue([make_message()])
    with hold_batches(queue, "url") as held:
        stuck = describe_batch(FoundBatch(held.batches[0], [record(10)]), [RUN])
        records = StuckRecords(None, BrokenStream(), held, [stuck])  # type: ignore[arg-type]

        with pytest.raises(ConnectionError):
            records.put_again(stuck)

    assert (queue.deleted, queue.given_back) == ([], ["receipt-m"])


def test_rejected_record_can_be_put_again_when_this_release_reads_it() -> None:
    readable = describe_rejected(RejectedRecord("rejected/s/1.json", "InvalidEventError", "", record(1).data))
    broken = describe_rejected(RejectedRecord("rejected/s/2.json", "InvalidEventError", "", b"{}"))

    assert (readable.name, readable.remedy, [key for key, _ in readable.entries]) == ("s/1", None, ["0-0"])
    assert broken.entries == ()
    assert "cannot read it either" in (broken.remedy or "")


class OneObject:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def list_keys(self, prefix: str) -> list[str]:
        return [f"{prefix}s/1.json"]

    def get(self, _key: str) -> bytes:
        return self._body


@pytest.mark.parametrize("body", [b"\xff", b"[]", b'{"reason": "", "detail": "", "data": "?"}'])
def test_rejected_object_that_is_none_is_listed_all_the_same(body: bytes) -> None:
    (rejected,) = read_rejected(OneObject(body))  # type: ignore[arg-type]

    assert rejected.reason == "Unreadable"


def test_rejected_object_is_what_write_rows_stores() -> None:
    body = json.dumps({"reason": "A", "detail": "b", "data": base64.b64encode(b"x").decode()}).encode()

    assert read_rejected(OneObject(body)) == [RejectedRecord("rejected/s/1.json", "A", "b", b"x")]  # type: ignore[arg-type]
