"""The row stream in Kinesis. PutRecords fails partially, so just the refused records are sent again."""

import random
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from express_batch.adapters.kinesis_requests import KinesisRequests
from express_batch.adapters.stream_pace import StreamPace
from express_batch.errors import StreamUnavailableError
from express_batch.ports import StreamEntry

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html: 500 records and 10 MiB a call.
# Half of the bytes, so that a call is short and a repeat is cheap.
MAX_RECORDS = 500
MAX_BYTES = 5_000_000


class KinesisStream:
    """A RowStream over one Kinesis stream."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pace = StreamPace()

    @cached_property
    def _client(self) -> KinesisRequests:
        return KinesisRequests()

    @property
    def pause_seconds(self) -> float:
        """How long the sender has to wait before its next call, as the stream has answered of late."""
        return self._pace.pause_seconds

    def put_records(self, entries: Sequence[StreamEntry], *, deadline: float) -> None:
        """Send all entries before `deadline` (time.monotonic()). Raises StreamUnavailableError."""
        for call in _split_calls(entries):
            self._put_call(call, deadline)

    def _put_call(self, entries: Sequence[StreamEntry], deadline: float) -> None:
        left = [{"Data": entry.data, "PartitionKey": entry.partition_key} for entry in entries]
        # A stream that has refused of late is given time first, but none that is not there.
        delay = self._jitter()
        if delay and time.monotonic() + delay < deadline:
            time.sleep(delay)
        while True:
            left, cause = self._put_once(left)
            if not left:
                self._pace.speed_up()
                return
            self._pace.slow_down()
            delay = self._jitter()
            if time.monotonic() + delay >= deadline:
                raise StreamUnavailableError(
                    f"stream {self._name} refused {len(left)} of {len(entries)} records for the last time "
                    f"with {cause}: add shards, or lower the concurrency"
                )
            time.sleep(delay)

    def _jitter(self) -> float:
        return random.uniform(0.5, 1.0) * self._pace.pause_seconds  # noqa: S311

    def _put_once(self, records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
        """The records that were refused, and the first one's reason."""
        try:
            answer = self._client.put_records(StreamName=self._name, Records=records)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status < 500 and code not in (
                "ProvisionedThroughputExceededException",
                "LimitExceededException",
                "KMSThrottlingException",
                # Of every AWS service (https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html).
                "ThrottlingException",
            ):
                raise
            return records, code
        except BotoCoreError as error:
            return records, type(error).__name__
        results = answer.get("Records")
        if not isinstance(results, list) or len(results) != len(records):
            return records, "an answer of another shape"  # sent again, which is harmless
        codes = [result.get("ErrorCode", "") if isinstance(result, dict) else "no result" for result in results]
        refused = [(record, str(code)) for record, code in zip(records, codes, strict=True) if code]
        return [record for record, _ in refused], refused[0][1] if refused else ""


def _split_calls(entries: Sequence[StreamEntry]) -> Iterator[list[StreamEntry]]:
    call: list[StreamEntry] = []
    size = 0
    for entry in entries:
        entry_size = len(entry.data) + len(entry.partition_key)
        if call and (len(call) == MAX_RECORDS or size + entry_size > MAX_BYTES):
            yield call
            call, size = [], 0
        call.append(entry)
        size += entry_size
    if call:
        yield call
