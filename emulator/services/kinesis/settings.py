"""A stream's settings: retention, tags, encryption, record size."""

from typing import Any

from emulator.errors import AwsError
from emulator.services.kinesis.stream import DEFAULT_MAX_RECORD_KIB, DEFAULT_RETENTION_HOURS, Stream

# Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html
_MAX_RETENTION_HOURS = 8760
_MAX_RECORD_KIB = 10_240


def change_retention(stream: Stream, request: dict[str, Any], *, longer: bool) -> dict[str, Any]:
    """Set the retention period; each of the two operations moves it one way only."""
    hours = request["RetentionPeriodHours"]
    if not DEFAULT_RETENTION_HOURS <= hours <= _MAX_RETENTION_HOURS:
        raise AwsError(
            "InvalidArgumentException",
            f"RetentionPeriodHours {hours} must be from {DEFAULT_RETENTION_HOURS} to {_MAX_RETENTION_HOURS}.",
        )
    if (hours < stream.retention_hours) if longer else (hours > stream.retention_hours):
        word = "less" if longer else "greater"
        raise AwsError(
            "InvalidArgumentException",
            f"Requested retention period ({hours} hours) for stream {stream.name} can not be {word} than the existing "
            f"retention period ({stream.retention_hours} hours).",
        )
    stream.retention_hours = hours
    return {}


def add_tags(stream: Stream, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace tags."""
    stream.tags.update(request["Tags"])
    return {}


def remove_tags(stream: Stream, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key."""
    for key in request["TagKeys"]:
        stream.tags.pop(key, None)
    return {}


def list_tags(stream: Stream) -> dict[str, Any]:
    """All tags, sorted by key."""
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(stream.tags.items())]}


def start_encryption(stream: Stream, request: dict[str, Any]) -> dict[str, Any]:
    """Record the key; what is stored here stays in memory and in the clear."""
    if request["EncryptionType"] != "KMS":
        raise AwsError("InvalidArgumentException", f"EncryptionType {request['EncryptionType']} must be KMS.")
    stream.encryption_type = "KMS"
    stream.key_id = request["KeyId"]
    return {}


def stop_encryption(stream: Stream, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the key."""
    if stream.key_id != request["KeyId"]:
        raise AwsError("InvalidArgumentException", f"Stream {stream.name} is not encrypted with {request['KeyId']}.")
    stream.encryption_type = "NONE"
    stream.key_id = None
    return {}


def set_max_record_size(stream: Stream, request: dict[str, Any]) -> dict[str, Any]:
    """Set the largest record that the stream takes."""
    kib = request["MaxRecordSizeInKiB"]
    if not DEFAULT_MAX_RECORD_KIB <= kib <= _MAX_RECORD_KIB:
        raise AwsError("ValidationException", f"MaxRecordSizeInKiB {kib} must be from 1024 to {_MAX_RECORD_KIB}.")
    stream.max_record_kib = kib
    return {}
