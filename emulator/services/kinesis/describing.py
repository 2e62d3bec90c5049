"""DescribeStream, DescribeStreamSummary, ListShards and ListStreams."""

import re
from datetime import UTC, datetime
from typing import Any

from emulator.errors import AwsError
from emulator.services.kinesis.shard import Shard
from emulator.services.kinesis.stream import Stream
from emulator.services.kinesis.streams import Streams

_DEFAULT_SHARDS = 100
_MAX_LISTED_SHARDS = 1000


def describe_stream(stream: Stream, request: dict[str, Any]) -> dict[str, Any]:
    """Everything about a stream, with a page of its shards."""
    shards, more = _page(stream.shards, request.get("ExclusiveStartShardId"), request.get("Limit") or _DEFAULT_SHARDS)
    shown = _show_stream(stream)
    shown["Shards"] = [_show_shard(shard) for shard in shards]
    shown["HasMoreShards"] = more
    return {"StreamDescription": shown}


def describe_stream_summary(stream: Stream) -> dict[str, Any]:
    """Everything about a stream but its shards."""
    summary = _show_stream(stream)
    summary["OpenShardCount"] = len(stream.shards)
    summary["ConsumerCount"] = 0
    summary["MaxRecordSizeInKiB"] = stream.max_record_kib
    return {"StreamDescriptionSummary": summary}


def list_shards(streams: Streams, request: dict[str, Any]) -> dict[str, Any]:
    """A page of a stream's shards."""
    if request.get("ShardFilter", {}).get("Type", "AT_LATEST") not in (
        "AT_LATEST",
        "AT_TRIM_HORIZON",
        "FROM_TRIM_HORIZON",
    ):
        raise AwsError("InvalidArgumentException", f"ShardFilter {request['ShardFilter']['Type']} is not emulated.")
    limit = request.get("MaxResults") or _MAX_LISTED_SHARDS
    token = request.get("NextToken")
    if token is None:
        stream = streams.find(request)
        after = request.get("ExclusiveStartShardId")
    else:
        name, _, after = token.partition("/")
        stream = streams.find({"StreamName": name})
    shards, more = _page(stream.shards, after, limit)
    answer: dict[str, Any] = {"Shards": [_show_shard(shard) for shard in shards]}
    if more:
        answer["NextToken"] = f"{stream.name}/{shards[-1].shard_id}"
    return answer


def list_streams(streams: Streams, request: dict[str, Any]) -> dict[str, Any]:
    """A page of the account's streams."""
    limit = request.get("Limit") or _DEFAULT_SHARDS
    after = request.get("NextToken") or request.get("ExclusiveStartStreamName") or ""
    found = [stream for stream in streams if stream.name > after]
    page = found[:limit]
    answer: dict[str, Any] = {
        "StreamNames": [stream.name for stream in page],
        "HasMoreStreams": len(found) > limit,
        "StreamSummaries": [
            {
                "StreamName": stream.name,
                "StreamARN": stream.arn,
                "StreamStatus": "ACTIVE",
                "StreamModeDetails": {"StreamMode": stream.mode},
                "StreamCreationTimestamp": datetime.fromtimestamp(stream.created_at, UTC),
            }
            for stream in page
        ],
    }
    if len(found) > limit:
        answer["NextToken"] = page[-1].name
    return answer


def _show_stream(stream: Stream) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": stream.mode},
        "RetentionPeriodHours": stream.retention_hours,
        "StreamCreationTimestamp": datetime.fromtimestamp(stream.created_at, UTC),
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": stream.encryption_type,
    }
    if stream.key_id is not None:
        shown["KeyId"] = stream.key_id
    return shown


def _show_shard(shard: Shard) -> dict[str, Any]:
    return {
        "ShardId": shard.shard_id,
        "HashKeyRange": {"StartingHashKey": str(shard.hash_start), "EndingHashKey": str(shard.hash_end)},
        "SequenceNumberRange": {"StartingSequenceNumber": str(shard.first_sequence)},
    }


def _page(shards: list[Shard], after: str | None, limit: int) -> tuple[list[Shard], bool]:
    if after is not None and not re.fullmatch(r"[\w.-]{1,128}", after):
        raise AwsError("InvalidArgumentException", f"{after} is no shard id.")
    found = [shard for shard in shards if after is None or shard.shard_id > after]
    return found[:limit], len(found) > limit
