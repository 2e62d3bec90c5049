"""The operations of Kinesis Data Streams, by their API names."""

import re
import time
from collections.abc import Callable
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.retention.calendar import Calendar
from emulator.services.kinesis.describing import describe_stream, describe_stream_summary, list_shards, list_streams
from emulator.services.kinesis.getting import get_records, get_shard_iterator
from emulator.services.kinesis.putting import PutFault, put_record, put_records
from emulator.services.kinesis.reader import ShardReader
from emulator.services.kinesis.settings import (
    add_tags,
    change_retention,
    list_tags,
    remove_tags,
    set_max_record_size,
    start_encryption,
    stop_encryption,
)
from emulator.services.kinesis.stream import DEFAULT_MAX_RECORD_KIB, Stream, make_shards
from emulator.services.kinesis.streams import Streams

# An on-demand stream starts with four shards' worth of throughput; here it keeps them.
# Source: https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
_ON_DEMAND_SHARDS = 4
_MAX_SHARDS = 500

_Handler = Callable[[dict[str, Any]], dict[str, Any]]


class KinesisService:
    """Streams in memory; records live for the stream's retention period.

    `put_fault` lets a test make single records fail: see `PutFault`.
    """

    def __init__(self, identity: Identity, clock: Callable[[], float] = time.time) -> None:
        self.put_fault: PutFault | None = None
        self._clock = clock
        self._streams = Streams(identity, clock)
        find = self._streams.find
        self._handlers: dict[str, _Handler] = {
            "PutRecords": lambda request: put_records(find(request), request, self.put_fault),
            "PutRecord": lambda request: put_record(find(request), request, self.put_fault),
            "GetRecords": lambda request: get_records(self._streams, request, clock),
            "GetShardIterator": lambda request: get_shard_iterator(find(request), request, clock()),
            "CreateStream": self._create_stream,
            "DeleteStream": self._delete_stream,
            "DescribeStream": lambda request: describe_stream(find(request), request),
            "DescribeStreamSummary": lambda request: describe_stream_summary(find(request)),
            "ListShards": lambda request: list_shards(self._streams, request),
            "ListStreams": lambda request: list_streams(self._streams, request),
            "IncreaseStreamRetentionPeriod": lambda request: change_retention(find(request), request, longer=True),
            "DecreaseStreamRetentionPeriod": lambda request: change_retention(find(request), request, longer=False),
            "AddTagsToStream": lambda request: add_tags(find(request), request),
            "TagResource": lambda request: add_tags(find(request), request),
            "RemoveTagsFromStream": lambda request: remove_tags(find(request), request),
            "UntagResource": lambda request: remove_tags(find(request), request),
            "ListTagsForStream": lambda request: {**list_tags(find(request)), "HasMoreTags": False},
            "ListTagsForResource": lambda request: list_tags(find(request)),
            "StartStreamEncryption": lambda request: start_encryption(find(request), request),
            "StopStreamEncryption": lambda request: stop_encryption(find(request), request),
            "UpdateMaxRecordSize": lambda request: set_max_record_size(find(request), request),
        }

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of one API operation, in boto3's shape."""
        handler = self._handlers.get(operation)
        if handler is None:
            raise AwsError("UnknownOperationException", f"kinesis:{operation} is not emulated.")
        return handler(request)

    def shard_ids(self, stream_arn: str) -> list[str]:
        """The ids of a stream's shards."""
        return [shard.shard_id for shard in self._streams.find_by_arn(stream_arn).shards]

    def retention_seconds(self, stream_arn: str) -> int:
        """How long the stream keeps a record."""
        return self._streams.find_by_arn(stream_arn).retention_hours * 3600

    def expire(self, calendar: Calendar) -> int:
        """How many records went because they are older, by the calendar, than their stream keeps them."""
        before = self.count_records()
        for stream in self._streams:
            oldest = calendar.to_real(calendar.now() - stream.retention_hours * 3600)
            for shard in stream.shards:
                shard.trim(oldest)
        return before - self.count_records()

    def count_records(self) -> int:
        """Records that are kept, in all streams."""
        return sum(shard.end - shard.start for stream in self._streams for shard in stream.shards)

    def open_reader(
        self, stream_arn: str, shard_id: str, starting_position: str, timestamp: float | None = None
    ) -> ShardReader:
        """A cursor for a reader in this process; `starting_position` as an event source mapping names it."""
        shard = self._streams.find_by_arn(stream_arn).find_shard(shard_id)
        if starting_position == "TRIM_HORIZON":
            return ShardReader(shard, shard.start)
        if starting_position == "LATEST":
            return ShardReader(shard, shard.end)
        if starting_position == "AT_TIMESTAMP" and timestamp is not None:
            return ShardReader(shard, shard.position_of_time(timestamp))
        raise AwsError("InvalidParameterValueException", f"StartingPosition {starting_position} cannot be used.")

    def _create_stream(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["StreamName"]
        if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,128}", name):
            raise AwsError("ValidationException", f"StreamName {name} must match [a-zA-Z0-9_.-]+, 1 to 128 characters.")
        for refused in ("WarmThroughputMiBps", "RecordDistributionStrategy"):
            if request.get(refused) is not None:
                raise AwsError("InvalidArgumentException", f"CreateStream: {refused} is not emulated.")
        mode = request.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
        count = request.get("ShardCount")
        if mode == "ON_DEMAND":
            if count is not None:
                raise AwsError("InvalidArgumentException", "ShardCount must not be given for an ON_DEMAND stream.")
            count = _ON_DEMAND_SHARDS
        if count is None or not 1 <= count <= _MAX_SHARDS:
            raise AwsError("ValidationException", f"ShardCount {count} must be from 1 to {_MAX_SHARDS}.")
        now = self._clock()
        self._streams.add(
            Stream(
                name=name,
                arn=self._streams.arn(name),
                created_at=now,
                mode=mode,
                shards=make_shards(count, now, self._clock),
                max_record_kib=request.get("MaxRecordSizeInKiB", DEFAULT_MAX_RECORD_KIB),
                tags=dict(request.get("Tags", {})),
            )
        )
        return {}

    def _delete_stream(self, request: dict[str, Any]) -> dict[str, Any]:
        self._streams.remove(self._streams.find(request))
        return {}
