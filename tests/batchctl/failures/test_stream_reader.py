"""Records of a given-up batch are found as far as the stream keeps them, and put again until the shard takes them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from batchctl.errors import BatchctlError
from batchctl.failures import stream_reader
from batchctl.failures.failed_batches import FailedBatch
from batchctl.failures.stream_reader import StreamReader


class FakeStream:
    """A shard with records of the given numbers; two a page, and an empty page between."""

    def __init__(self, numbers: list[int], refusals: int = 0, gone: str | None = None) -> None:
        self.records = [(number, f"key-{number}", b"%d" % number) for number in numbers]
        self.refusals = refusals
        self.gone = gone
        self.put: list[tuple[str, bytes]] = []
        self.calls = 0

    def get_shard_iterator(self, **request: str) -> dict[str, str]:
        if self.gone:
            raise ClientError({"Error": {"Code": self.gone, "Message": ""}}, "GetShardIterator")
        assert request["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
        assert request["StreamName"] == "rows"  # the stack's, whatever a message says
        start = int(request["StartingSequenceNumber"])
        return {"ShardIterator": f"{sum(number < start for number, _, _ in self.records)} full"}

    def get_records(self, **request: str) -> dict[str, Any]:
        self.calls += 1
        position, kind = request["ShardIterator"].split()
        if kind == "empty":
            return {"Records": [], "NextShardIterator": f"{position} full", "MillisBehindLatest": 5}
        page = self.records[int(position) : int(position) + 2]
        following = int(position) + len(page)
        return {
            "Records": [{"SequenceNumber": str(n), "PartitionKey": key, "Data": data} for n, key, data in page],
            "NextShardIterator": f"{following} {'empty' if following < len(self.records) else 'full'}",
            "MillisBehindLatest": 0 if following == len(self.records) else 5,
        }

    def put_records(self, **request: Any) -> dict[str, Any]:
        results: list[dict[str, str]] = []
        for record in request["Records"]:
            if self.refusals:
                self.refusals -= 1
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.put.append((record["PartitionKey"], record["Data"]))
                results.append({"SequenceNumber": "1"})
        return {"Records": results}


def make_batch(start: int, end: int, shard_id: str = "shardId-0") -> FailedBatch:
    return FailedBatch("m", "r", "", "RetryAttemptsExhausted", None, "", 1, shard_id, str(start), str(end), 2, "")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_reader, "PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("kept", "found", "is_whole"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], [3, 4, 5, 6], True),
        ([3, 4, 5, 6], [3, 4, 5, 6], True),
        ([5, 6, 7], [5, 6], False),  # the first two have been trimmed
        ([7, 8, 9], [], False),
        ([], [], False),
    ],
)
def test_find_gives_the_batchs_records_as_far_as_they_are_kept(
    kept: list[int], found: list[int], is_whole: bool
) -> None:
    batch = StreamReader(FakeStream(kept), "rows").find(make_batch(3, 6))

    assert [record.sequence_number for record in batch.records] == found
    assert batch.is_whole is is_whole


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidArgumentException"])
def test_find_gives_nothing_when_the_shard_or_the_number_is_gone(code: str) -> None:
    assert StreamReader(FakeStream([], gone=code), "rows").find(make_batch(3, 6)).records == []


def test_find_says_what_is_refused_when_it_is_something_else() -> None:
    with pytest.raises(BatchctlError, match="stream rows: access denied"):
        StreamReader(FakeStream([], gone="AccessDeniedException"), "rows").find(make_batch(3, 6))


def test_find_reads_no_further_than_the_batchs_end() -> None:
    stream = FakeStream(list(range(1, 1000)))

    StreamReader(stream, "rows").find(make_batch(3, 6))

    assert stream.calls == 3  # two pages and the empty one between them


def test_message_is_none_of_the_mappings_when_it_names_more_than_a_batch_spans(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_reader, "MOST_BYTES", 3)
    stream = FakeStream([1, 2, 3, 4, 5, 6, 7, 8])

    found = StreamReader(stream, "rows").find(make_batch(1, 10**128))

    assert (found.records, found.batch.is_readable) == ([], False)
    assert stream.calls == 3  # two records a page, with an empty page between
    assert StreamReader(stream, "rows").find(make_batch(1, 3)).is_whole


def test_put_sends_each_record_once_though_the_shard_refuses_some() -> None:
    stream = FakeStream([], refusals=15)
    entries = [(f"key-{number}", b"%d" % number) for number in range(25)]

    StreamReader(stream, "rows").put(entries)

    assert sorted(stream.put) == sorted(entries)


def test_put_fails_when_the_shard_refuses_again_and_again() -> None:
    with pytest.raises(BatchctlError, match="refused again and again"):
        StreamReader(FakeStream([], refusals=1000), "rows").put([("k", b"")])
