"""A mapping's settings, checked: what is not emulated is refused by name."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from emulator.errors import AwsError

# Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
_RANGES = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "ParallelizationFactor": (1, 10),
    "MaximumRetryAttempts": (-1, 10_000),
    "MaximumRecordAgeInSeconds": (-1, 604_800),
}
_POSITIONS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
_MIN_RECORD_AGE_SECONDS = 60
_SETTABLE = {*_RANGES, "BisectBatchOnFunctionError", "FunctionResponseTypes", "DestinationConfig", "Enabled"}
_CREATED_WITH = {"EventSourceArn", "FunctionName", "StartingPosition", "StartingPositionTimestamp", "Tags"}
# Values with which a parameter that is not emulated means the same as its absence.
_HARMLESS: dict[str, Any] = {"TumblingWindowInSeconds": 0, "FilterCriteria": {}, "KMSKeyArn": ""}


@dataclass(frozen=True)
class MappingSettings:
    """What may be changed by UpdateEventSourceMapping."""

    batch_size: int = 100
    batching_window_seconds: int = 0
    parallelization_factor: int = 1
    maximum_retry_attempts: int = -1  # -1: until the records expire
    maximum_record_age_seconds: int = -1  # -1: as long as the stream keeps them
    bisect_on_error: bool = False
    report_item_failures: bool = False
    destination_arn: str | None = None
    enabled: bool = True


@dataclass(frozen=True)
class MappingStart:
    """What is fixed when a mapping is created."""

    stream_arn: str
    function: str
    starting_position: str
    timestamp: datetime | None
    tags: dict[str, str]


def read_start(request: dict[str, Any]) -> MappingStart:
    """The fixed part of a CreateEventSourceMapping request."""
    arn = request.get("EventSourceArn")
    if arn is None:
        raise invalid("EventSourceArn is required: only Kinesis streams are emulated as event sources.")
    if not re.fullmatch(r"arn:aws[a-z-]*:kinesis:[\w-]+:\d{12}:stream/[\w.-]+", arn):
        raise invalid(f"EventSourceArn {arn} is no Kinesis stream: other event sources are not emulated.")
    position = request.get("StartingPosition")
    if position not in _POSITIONS:
        raise invalid(f"StartingPosition {position} must be one of {', '.join(_POSITIONS)}.")
    timestamp = request.get("StartingPositionTimestamp")
    if (position == "AT_TIMESTAMP") != (timestamp is not None):
        raise invalid("StartingPositionTimestamp goes with StartingPosition AT_TIMESTAMP, and with no other.")
    return MappingStart(arn, request["FunctionName"], position, timestamp, dict(request.get("Tags", {})))


def read_settings(request: dict[str, Any], base: MappingSettings, *, creating: bool) -> MappingSettings:
    """`base` with the changes that a request asks for."""
    _refuse_unknown(request, _SETTABLE | (_CREATED_WITH if creating else {"UUID", "FunctionName"}))
    for name, (low, high) in _RANGES.items():
        value = request.get(name)
        if value is not None and not low <= value <= high:
            raise invalid(f"{name} {value} must be from {low} to {high}.")
    settings = replace(
        base,
        batch_size=request.get("BatchSize", base.batch_size),
        batching_window_seconds=request.get("MaximumBatchingWindowInSeconds", base.batching_window_seconds),
        parallelization_factor=request.get("ParallelizationFactor", base.parallelization_factor),
        maximum_retry_attempts=request.get("MaximumRetryAttempts", base.maximum_retry_attempts),
        maximum_record_age_seconds=request.get("MaximumRecordAgeInSeconds", base.maximum_record_age_seconds),
        bisect_on_error=request.get("BisectBatchOnFunctionError", base.bisect_on_error),
        report_item_failures=_read_response_types(request, base),
        destination_arn=_read_destination(request, base),
        enabled=request.get("Enabled", base.enabled),
    )
    # Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    if settings.maximum_record_age_seconds != -1 and settings.maximum_record_age_seconds < _MIN_RECORD_AGE_SECONDS:
        raise invalid(f"MaximumRecordAgeInSeconds {settings.maximum_record_age_seconds} must be -1 or at least 60.")
    return settings


def invalid(message: str) -> AwsError:
    """The error of Lambda's API for a parameter that it does not take."""
    return AwsError("InvalidParameterValueException", message)


def _refuse_unknown(request: dict[str, Any], known: set[str]) -> None:
    for name, value in request.items():
        if name in known:
            continue
        if name in _HARMLESS and (value == _HARMLESS[name] or value == {"Filters": []}):
            continue
        raise invalid(f"{name} is not emulated for event source mappings of Kinesis: leave it out.")


def _read_response_types(request: dict[str, Any], base: MappingSettings) -> bool:
    types = request.get("FunctionResponseTypes")
    if types is None:
        return base.report_item_failures
    for each in types:
        if each != "ReportBatchItemFailures":
            raise invalid(f"FunctionResponseTypes {each} is unknown: ReportBatchItemFailures is the only one.")
    return bool(types)


def _read_destination(request: dict[str, Any], base: MappingSettings) -> str | None:
    config = request.get("DestinationConfig")
    if config is None:
        return base.destination_arn
    if config.get("OnSuccess"):
        raise invalid("DestinationConfig.OnSuccess does not exist for event source mappings: only OnFailure does.")
    arn: str | None = config.get("OnFailure", {}).get("Destination") or None
    if arn is not None and not re.match(r"arn:aws[a-z-]*:(sqs|sns|s3):", arn):
        raise invalid(f"DestinationConfig.OnFailure {arn} must be an SQS queue, an SNS topic or an S3 bucket.")
    if arn is not None and arn.endswith(".fifo"):
        raise invalid(f"DestinationConfig.OnFailure {arn}: FIFO queues and topics are not supported.")
    return arn
