"""PutRecord and PutRecords: limits for each record, and partial failure."""

from collections.abc import Callable
from typing import Any

from emulator.errors import AwsError
from emulator.services.kinesis.shard import Shard
from emulator.services.kinesis.stream import Stream

# Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MAX_RECORDS = 500
MAX_REQUEST_BYTES = 10 * 1024 * 1024
_MAX_PARTITION_KEY = 256
_KIB = 1024

THROUGHPUT_EXCEEDED = "ProvisionedThroughputExceededException"

# Given stream name, partition key and data: (ErrorCode, ErrorMessage) to fail the record, None to let it pass.
PutFault = Callable[[str, str, bytes], tuple[str, str] | None]


def put_records(stream: Stream, request: dict[str, Any], fault: PutFault | None) -> dict[str, Any]:
    """One result for each record, in order; a record that failed says why and was not stored."""
    entries = request["Records"]
    if not 1 <= len(entries) <= MAX_RECORDS:
        raise AwsError("ValidationException", f"Records has {len(entries)} members: it must have 1 to {MAX_RECORDS}.")
    sizes = [_check_size(stream, entry) for entry in entries]
    if sum(sizes) > MAX_REQUEST_BYTES:
        raise AwsError("InvalidArgumentException", f"Records hold {sum(sizes)} bytes: 10 MiB is the limit of a call.")
    shards = [stream.choose_shard(entry["PartitionKey"], entry.get("ExplicitHashKey")) for entry in entries]
    failed = 0
    results: list[dict[str, Any]] = []
    for entry, size, shard in zip(entries, sizes, shards, strict=True):
        result = _put(stream, shard, entry, size, fault)
        if "ErrorCode" in result:
            failed += 1
        results.append(result)
    return {"FailedRecordCount": failed, "Records": results, "EncryptionType": stream.encryption_type}


def put_record(stream: Stream, request: dict[str, Any], fault: PutFault | None) -> dict[str, Any]:
    """Where the record was stored; a failure is an error of the whole call."""
    size = _check_size(stream, request)
    shard = stream.choose_shard(request["PartitionKey"], request.get("ExplicitHashKey"))
    _check_ordering(shard, request.get("SequenceNumberForOrdering"))
    result = _put(stream, shard, request, size, fault)
    if "ErrorCode" in result:
        status = 500 if result["ErrorCode"] == "InternalFailure" else 400
        raise AwsError(result["ErrorCode"], result["ErrorMessage"], status)
    return {**result, "EncryptionType": stream.encryption_type}


def _put(stream: Stream, shard: Shard, entry: dict[str, Any], size: int, fault: PutFault | None) -> dict[str, Any]:
    partition_key, data = entry["PartitionKey"], entry["Data"]
    if fault is not None and (error := fault(stream.name, partition_key, data)) is not None:
        return {"ErrorCode": error[0], "ErrorMessage": error[1]}
    record = shard.put(partition_key, data, size)
    if record is None:
        message = f"Rate exceeded for shard {shard.shard_id} in stream {stream.name} under account {stream.account_id}."
        return {"ErrorCode": THROUGHPUT_EXCEEDED, "ErrorMessage": message}
    return {"SequenceNumber": record.sequence_number, "ShardId": shard.shard_id}


def _check_size(stream: Stream, entry: dict[str, Any]) -> int:
    """What the record counts against limits; raises where key or data are outside theirs."""
    partition_key = entry.get("PartitionKey")
    if not partition_key or len(partition_key) > _MAX_PARTITION_KEY:
        raise AwsError("ValidationException", "PartitionKey must have 1 to 256 characters.")
    size = len(entry["Data"])
    if size > stream.max_record_kib * _KIB:
        # AWS documents the limit but not the error's name; its neighbours are InvalidArgumentException.
        raise AwsError(
            "InvalidArgumentException",
            f"A record of {size} bytes is over the maximum record size of stream {stream.name}, "
            f"{stream.max_record_kib} KiB (UpdateMaxRecordSize allows up to 10240).",
        )
    return size + (len(partition_key) if partition_key.isascii() else len(partition_key.encode()))


def _check_ordering(shard: Shard, sequence: str | None) -> None:
    """Sequence numbers grow anyway here; a number that cannot have come from this shard is refused, as AWS does."""
    if sequence is None:
        return
    if not sequence.isdecimal() or not shard.first_sequence <= int(sequence) < shard.first_sequence + shard.end:
        raise AwsError(
            "InvalidArgumentException",
            f"SequenceNumberForOrdering {sequence} is no sequence number of {shard.shard_id}.",
        )
