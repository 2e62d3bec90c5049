"""The Kinesis adapter. PutRecords fails partially: each record has its own result.

Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from express_batch.adapters import kinesis_stream
from express_batch.adapters.kinesis_stream import MAX_BYTES, KinesisStream
from express_batch.errors import StreamUnavailableError
from express_batch.ports import StreamEntry
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.bounds import BOUNDED

Reply = Callable[[list[dict[str, Any]]], dict[str, Any]]


def take_all(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1", "ShardId": "s"} for _ in records]}


def refuse(*data: bytes) -> Reply:
    """Refuses these records of a call and takes the others."""

    def reply(records: list[dict[str, Any]]) -> dict[str, Any]:
        results: list[dict[str, str]] = [
            {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
            if record["Data"] in data
            else {"SequenceNumber": "1", "ShardId": "s"}
            for record in records
        ]
        return {"FailedRecordCount": sum("ErrorCode" in result for result in results), "Records": results}

    return reply


def fail(error: Exception) -> Reply:
    def reply(records: list[dict[str, Any]]) -> dict[str, Any]:
        raise error

    return reply


def client_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutRecords")


class FakeKinesis:
    """A client; its replies come in their order and the last one goes on for ever."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = replies or (take_all,)
        self.calls: list[list[bytes]] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        reply = self._replies[min(len(self.calls), len(self._replies) - 1)]
        self.calls.append([record["Data"] for record in Records])
        assert StreamName == "rows"
        assert 1 <= len(Records) <= 500
        assert sum(len(record["Data"]) + len(record["PartitionKey"]) for record in Records) <= 5_000_000
        return reply(Records)


class StreamOver(KinesisStream):
    """The adapter over another client."""

    def __init__(self, client: FakeKinesis) -> None:
        super().__init__("rows")
        self.__dict__["_client"] = client


class FakeTime:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(kinesis_stream, "time", fake)
    return fake


def make_entries(count: int) -> list[StreamEntry]:
    return [StreamEntry(f"key-{number}", f"{number}".encode()) for number in range(count)]


def test_put_sends_every_record_once_when_all_are_taken(clock: FakeTime) -> None:
    kinesis = FakeKinesis()

    StreamOver(kinesis).put_records(make_entries(3), deadline=200.0)

    assert kinesis.calls == [[b"0", b"1", b"2"]]
    assert clock.now == 100.0


def test_put_sends_nothing_when_there_is_nothing(clock: FakeTime) -> None:
    kinesis = FakeKinesis()

    StreamOver(kinesis).put_records([], deadline=200.0)

    assert kinesis.calls == []


def test_put_repeats_exactly_the_refused_records(clock: FakeTime) -> None:
    kinesis = FakeKinesis(refuse(b"1", b"3", b"4"), refuse(b"3"), take_all)

    StreamOver(kinesis).put_records(make_entries(5), deadline=200.0)

    assert kinesis.calls == [[b"0", b"1", b"2", b"3", b"4"], [b"1", b"3", b"4"], [b"3"]]
    assert clock.now > 100.0


@pytest.mark.parametrize(
    "error",
    [
        client_error("InternalFailure", 500),
        client_error("ServiceUnavailable", 503),
        client_error("ProvisionedThroughputExceededException", 400),
        client_error("LimitExceededException", 400),
        client_error("KMSThrottlingException", 400),
        client_error("ThrottlingException", 400),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ],
    ids=str,
)
def test_put_repeats_the_whole_call_when_it_failed_as_a_whole(clock: FakeTime, error: Exception) -> None:
    kinesis = FakeKinesis(fail(error), take_all)

    StreamOver(kinesis).put_records(make_entries(2), deadline=200.0)

    assert kinesis.calls == [[b"0", b"1"]] * 2


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "KMSAccessDeniedException"])
def test_put_raises_at_once_when_repeating_would_change_nothing(clock: FakeTime, code: str) -> None:
    kinesis = FakeKinesis(fail(client_error(code, 400)))

    with pytest.raises(ClientError, match=code):
        StreamOver(kinesis).put_records(make_entries(2), deadline=200.0)
    assert len(kinesis.calls) == 1


def test_put_gives_up_by_name_when_the_deadline_comes(clock: FakeTime) -> None:
    kinesis = FakeKinesis(refuse(b"0", b"1"))

    with pytest.raises(
        StreamUnavailableError, match=r"rows refused 2 of 3 .*ProvisionedThroughputExceeded.*add shards"
    ):
        StreamOver(kinesis).put_records(make_entries(3), deadline=120.0)
    assert clock.now < 120.0
    assert len(kinesis.calls) > 5


def test_put_tries_once_when_the_deadline_has_passed(clock: FakeTime) -> None:
    kinesis = FakeKinesis()

    StreamOver(kinesis).put_records(make_entries(1), deadline=50.0)

    assert kinesis.calls == [[b"0"]]


def test_put_splits_calls_at_five_hundred_records(clock: FakeTime) -> None:
    kinesis = FakeKinesis()

    StreamOver(kinesis).put_records(make_entries(1201), deadline=200.0)

    assert [len(call) for call in kinesis.calls] == [500, 500, 201]
    assert [data for call in kinesis.calls for data in call] == [entry.data for entry in make_entries(1201)]


def test_put_splits_calls_by_bytes(clock: FakeTime) -> None:
    kinesis = FakeKinesis()
    entries = [StreamEntry("k", bytes([number]) * 900_000) for number in range(11)]

    StreamOver(kinesis).put_records(entries, deadline=200.0)

    assert [len(call) for call in kinesis.calls] == [5, 5, 1]


@BOUNDED
@given(st.lists(st.integers(0, MAX_BYTES // 2), max_size=12))
def test_split_loses_no_record_whatever_the_sizes(sizes: list[int]) -> None:
    kinesis = FakeKinesis()
    entries = [StreamEntry("k", bytes(size)) for size in sizes]

    StreamOver(kinesis).put_records(entries, deadline=0.0)

    assert [len(data) for call in kinesis.calls for data in call] == sizes


def test_sender_is_slower_after_a_refusal_and_fast_again_after_successes(clock: FakeTime) -> None:
    # GIVEN a stream that refuses three times and then keeps up
    refusal = refuse(b"a")
    stream = StreamOver(FakeKinesis(refusal, refusal, refusal, take_all))

    pauses = []
    for _ in range(4):
        stream.put_records([StreamEntry("k", b"a")], deadline=clock.now + 100)
        pauses.append(stream.pause_seconds)

    # THEN the next slice waits before it sends, and each success halves the wait
    assert pauses == [0.4, 0.2, 0.0, 0.0]


def test_sender_does_not_wait_for_a_stream_when_no_time_is_left_for_it(clock: FakeTime) -> None:
    client = FakeKinesis(refuse(b"a"), refuse(b"a"), refuse(b"a"), refuse(b"a"), take_all)
    stream = StreamOver(client)
    stream.put_records([StreamEntry("k", b"a")], deadline=clock.now + 100)
    now = clock.now

    stream.put_records([StreamEntry("k", b"a")], deadline=now + 0.1)

    assert (clock.now, len(client.calls)) == (now, 6)
