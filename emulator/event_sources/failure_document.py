"""The document about a discarded batch that a destination gets."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from emulator.event_sources.kinesis_event import EventRecord, EventSource, join_event

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
RECORD_AGE_EXPIRED = "RecordAgeExpired"


@dataclass(frozen=True)
class Discarded:
    """A batch that is given up, and why."""

    records: list[EventRecord]
    condition: str
    invoke_count: int
    function_error: str | None  # of the last invocation; None where the function was not reached


def write_document(
    discarded: Discarded, source: EventSource, function_arn: str, now: float, *, with_payload: bool
) -> str:
    """The JSON that AWS sends; S3 gets the whole event in it, a queue or a topic does not.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    first, last = discarded.records[0].record, discarded.records[-1].record
    document: dict[str, object] = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": discarded.condition,
            "approximateInvokeCount": discarded.invoke_count,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": discarded.function_error,
        },
        "version": "1.0",
        "timestamp": _show_time(now),
        "KinesisBatchInfo": {
            "shardId": source.shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _show_time(first.arrival),
            "approximateArrivalOfLastRecord": _show_time(last.arrival),
            "batchSize": len(discarded.records),
            "streamArn": source.stream_arn,
        },
    }
    if discarded.invoke_count == 0:
        del document["responseContext"]
    if with_payload:
        document["payload"] = join_event(discarded.records).decode()
    return json.dumps(document, separators=(",", ":"))


def object_key(mapping_id: str, shard_id: str, now: float) -> str:
    """The key of a document in S3.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    time = datetime.fromtimestamp(now, UTC)
    return f"aws/lambda/{mapping_id}/{shard_id}/{time:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def _show_time(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
