"""The records of a Kinesis event, as the event source mapping hands them to WriteRows.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html shows one.
"""

import re
from dataclasses import dataclass
from typing import Any

from express_batch.errors import InvalidEventError

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html and API_Shard.html, which allows dots besides.
# Both become part of a key.
_SHARD_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_SEQUENCE_NUMBER = re.compile(r"[0-9]{1,129}")
LATEST_ARRIVAL = 1e11  # the year 5138


@dataclass(frozen=True)
class ArrivedRecord:
    """One record of the stream, not decoded yet."""

    shard_id: str
    sequence_number: str
    data: str  # base64
    arrived_at: float  # in the stream, seconds since 1970


def read_arrived(event: Any) -> list[ArrivedRecord]:
    """The event's records. Raises InvalidEventError for an event of anybody but the mapping."""
    try:
        if not isinstance(event["Records"], list):
            raise TypeError("no list")
        return [_read_one(item) for item in event["Records"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidEventError(
            f"the event has no Records of Kinesis ({type(error).__name__}): "
            "this function is called by a Kinesis event source mapping"
        ) from error


def _read_one(item: Any) -> ArrivedRecord:
    shard_id = item["eventID"].partition(":")[0]
    record = item["kinesis"]
    sequence_number, data, arrived_at = (
        record[name] for name in ("sequenceNumber", "data", "approximateArrivalTimestamp")
    )
    if not _SHARD_ID.fullmatch(shard_id) or not _SEQUENCE_NUMBER.fullmatch(sequence_number):
        raise ValueError("names of no shard or record")
    if not isinstance(data, str):
        raise TypeError("data that is no text")
    if not 0 <= arrived_at <= LATEST_ARRIVAL:
        raise ValueError("no time of arrival")
    return ArrivedRecord(shard_id, sequence_number, data, float(arrived_at))
