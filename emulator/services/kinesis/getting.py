"""GetShardIterator and GetRecords: cursors for readers that come over the API."""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from emulator.errors import AwsError
from emulator.services.kinesis.record import StoredRecord
from emulator.services.kinesis.shard import Shard
from emulator.services.kinesis.stream import Stream
from emulator.services.kinesis.streams import Streams

# Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
_MAX_RECORDS = 10_000
_MAX_BYTES = 10 * 1024 * 1024
_ITERATOR_LIFE_SECONDS = 300


def get_shard_iterator(stream: Stream, request: dict[str, Any], now: float) -> dict[str, Any]:
    """An iterator at the place that the request names."""
    shard = stream.find_shard(request["ShardId"])
    return {"ShardIterator": _encode(stream, shard, _find_position(shard, request, now), now)}


def get_records(streams: Streams, request: dict[str, Any], clock: Callable[[], float]) -> dict[str, Any]:
    """The records at the iterator, and the iterator behind them."""
    limit = request.get("Limit") or _MAX_RECORDS
    if not 1 <= limit <= _MAX_RECORDS:
        raise AwsError("InvalidArgumentException", f"Limit {limit} must be from 1 to {_MAX_RECORDS}.")
    stream, shard, position, issued_at = _decode(streams, request["ShardIterator"])
    now = clock()
    if now - issued_at > _ITERATOR_LIFE_SECONDS:
        raise AwsError("ExpiredIteratorException", "Iterator expired: a shard iterator lives for 5 minutes.")
    position = max(position, shard.start)
    records = _cut_to_bytes(shard.read(position, limit))
    position += len(records)
    behind = 0
    if position < shard.end:
        behind = max(0, int((now - shard.read(position, 1)[0].arrival) * 1000))
    return {
        "Records": [_show(record, stream) for record in records],
        "NextShardIterator": _encode(stream, shard, position, now),
        "MillisBehindLatest": behind,
    }


def _find_position(shard: Shard, request: dict[str, Any], now: float) -> int:
    kind = request["ShardIteratorType"]
    if kind == "TRIM_HORIZON":
        return shard.start
    if kind == "LATEST":
        return shard.end
    if kind == "AT_TIMESTAMP":
        timestamp = request.get("Timestamp")
        if timestamp is None:
            raise AwsError("InvalidArgumentException", "AT_TIMESTAMP needs Timestamp.")
        if timestamp.timestamp() > now:
            raise AwsError("InvalidArgumentException", "The timestamp of AT_TIMESTAMP must not be in the future.")
        return shard.position_of_time(timestamp.timestamp())
    if kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        sequence = request.get("StartingSequenceNumber")
        if sequence is None or not sequence.isdecimal():
            raise AwsError("InvalidArgumentException", f"{kind} needs StartingSequenceNumber, a sequence number.")
        position = shard.position_of_sequence(int(sequence))
        if position > shard.end:
            raise AwsError("InvalidArgumentException", f"StartingSequenceNumber {sequence} is not in {shard.shard_id}.")
        return position if kind == "AT_SEQUENCE_NUMBER" else position + 1
    raise AwsError("ValidationException", f"ShardIteratorType {kind} is unknown.")


def _cut_to_bytes(records: list[StoredRecord]) -> list[StoredRecord]:
    total = 0
    for index, record in enumerate(records):
        total += len(record.data)
        if total > _MAX_BYTES and index:
            return records[:index]
    return records


def _show(record: StoredRecord, stream: Stream) -> dict[str, Any]:
    shown = {
        "SequenceNumber": record.sequence_number,
        "ApproximateArrivalTimestamp": datetime.fromtimestamp(record.arrival, UTC),
        "Data": record.data,
        "PartitionKey": record.partition_key,
    }
    if stream.encryption_type != "NONE":
        shown["EncryptionType"] = stream.encryption_type
    return shown


def _encode(stream: Stream, shard: Shard, position: int, now: float) -> str:
    fields = [stream.name, stream.generation, shard.shard_id, position, now]
    return base64.b64encode(json.dumps(fields).encode()).decode()


def _decode(streams: Streams, iterator: str) -> tuple[Stream, Shard, int, float]:
    try:
        name, generation, shard_id, position, issued_at = json.loads(base64.b64decode(iterator, validate=True))
    except (binascii.Error, ValueError) as error:
        raise AwsError("InvalidArgumentException", "Invalid ShardIterator.") from error
    stream = streams.find({"StreamName": name})
    if stream.generation != generation:
        raise AwsError("ResourceNotFoundException", f"The stream {name} of this iterator was deleted.")
    return stream, stream.find_shard(shard_id), position, issued_at
