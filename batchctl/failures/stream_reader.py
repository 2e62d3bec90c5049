"""Records of the stream by their sequence numbers, and back into it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError
from express_batch.errors import InvalidEventError
from express_batch.stream_record import StreamRecord, decode_record

from batchctl.errors import BatchctlError
from batchctl.failures.failed_batches import FailedBatch
from batchctl.redrive.stack import explained

# A call takes at most 500 records and 10 MiB of them; a record has 900,000 bytes at most (express_batch.stream_record).
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
PUT_RECORDS = 10
PUT_ATTEMPTS = 6
# GetRecords may answer with nothing and still have more behind it; 5 calls a second and shard are allowed.
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
MOST_PAGES = 2_000
PAUSE_SECONDS = 0.25
# A shard takes 1 MB a second, and a batch is gathered for 300 s at most (WriteWindowSeconds): it spans less.
# A message that names more is not the mapping's, and would fill the operator's memory.
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
MOST_BYTES = 512_000_000
# The shard is gone, or the number is none of its kept ones.
_GONE = ("ResourceNotFoundException", "InvalidArgumentException")


@dataclass(frozen=True)
class KeptRecord:
    """A record that the stream still has."""

    sequence_number: int
    partition_key: str
    data: bytes

    def decode(self) -> StreamRecord | None:
        """What WriteRows would read, or None where it could not."""
        try:
            return decode_record(self.data)
        except InvalidEventError:
            return None


@dataclass(frozen=True)
class FoundBatch:
    """The records from a batch's first to its last that the stream still has.

    Where the mapping works on a shard with several batches at once, records of other batches lie in between.
    """

    batch: FailedBatch
    records: Sequence[KeptRecord]

    @property
    def is_whole(self) -> bool:
        """Whether its first record is still there, and so all behind it."""
        return bool(self.records) and self.records[0].sequence_number == int(self.batch.start)


class _TooMuchError(Exception):
    """More than a batch can span."""


class StreamReader:
    """One stream. All methods raise BatchctlError."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def find(self, batch: FailedBatch) -> FoundBatch:
        """The batch's records, as far as the stream keeps them; a message that names too many counts as unreadable."""
        if not batch.is_readable:
            return FoundBatch(batch, [])
        with explained(f"stream {self._name}"):
            try:
                return FoundBatch(batch, self._read(batch.shard_id, int(batch.start), int(batch.end)))
            except _TooMuchError:
                return FoundBatch(replace(batch, shard_id=""), [])
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _GONE:
                    return FoundBatch(batch, [])
                raise

    def put(self, entries: Sequence[tuple[str, bytes]]) -> None:
        """Put all (partition key, data); those that the shard refuses are tried again."""
        for first in range(0, len(entries), PUT_RECORDS):
            self._put_all(entries[first : first + PUT_RECORDS])

    def _read(self, shard_id: str, start: int, end: int) -> list[KeptRecord]:
        iterator = self._client.get_shard_iterator(
            StreamName=self._name,
            ShardId=shard_id,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=str(start),
        )["ShardIterator"]
        found: list[KeptRecord] = []
        size = 0
        for _ in range(MOST_PAGES):
            page = self._client.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                number = int(record["SequenceNumber"])
                if number > end:
                    return found
                found.append(KeptRecord(number, record["PartitionKey"], bytes(record["Data"])))
                size += len(record["Data"])
                if size > MOST_BYTES:
                    raise _TooMuchError
            iterator = page.get("NextShardIterator")
            is_last = found and found[-1].sequence_number == end
            if is_last or iterator is None or (not page["Records"] and page.get("MillisBehindLatest", 0) == 0):
                return found
            if not page["Records"]:
                time.sleep(PAUSE_SECONDS)
        raise BatchctlError(f"stream {self._name}: record {end} of {shard_id} is not reached: try again")

    def _put_all(self, entries: Sequence[tuple[str, bytes]]) -> None:
        left = [{"PartitionKey": key, "Data": data} for key, data in entries]
        for attempt in range(PUT_ATTEMPTS):
            with explained(f"stream {self._name}"):
                answer = self._client.put_records(StreamName=self._name, Records=left)
            results = zip(left, answer["Records"], strict=True)
            left = [entry for entry, result in results if "ErrorCode" in result]
            if not left:
                return
            time.sleep(PAUSE_SECONDS * 2**attempt)
        raise BatchctlError(f"stream {self._name}: {len(left)} records were refused again and again: try later")
