"""The event that a function gets for a batch of stream records."""

import base64
import json
from dataclasses import dataclass

from emulator.services.kinesis import StoredRecord

# Synchronous invocations take 6 MB of JSON, and a batch ends before it would be larger.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
_FRAME = len(b'{"Records":[]}')


@dataclass(frozen=True, slots=True)
class EventRecord:
    """A stream record with its part of the event, which serves every retry too."""

    record: StoredRecord
    fragment: bytes


@dataclass(frozen=True)
class EventSource:
    """What all records of a mapping's shard have in common."""

    stream_arn: str
    region: str
    role_arn: str
    shard_id: str

    def make_record(self, record: StoredRecord) -> EventRecord:
        """The record in the shape of AWS's event.

        Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
        """
        value = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": record.sequence_number,
                "data": base64.b64encode(record.data).decode(),
                "approximateArrivalTimestamp": round(record.arrival, 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self.shard_id}:{record.sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self.role_arn,
            "awsRegion": self.region,
            "eventSourceARN": self.stream_arn,
        }
        return EventRecord(record, json.dumps(value, separators=(",", ":")).encode())


def join_event(records: list[EventRecord]) -> bytes:
    """The event of a batch."""
    return b'{"Records":[' + b",".join(record.fragment for record in records) + b"]}"


def count_that_fit(records: list[EventRecord], limit: int) -> int:
    """How many of the first `limit` records fit one payload; at least one, for it must go somewhere."""
    size = _FRAME
    for index, record in enumerate(records[:limit]):
        size += len(record.fragment) + 1
        if size > MAX_PAYLOAD_BYTES:
            return max(1, index)
    return min(len(records), limit)
