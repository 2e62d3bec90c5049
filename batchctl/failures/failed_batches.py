"""The failed-records queue: batches of stream records that the mapping gave up, by reference.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html says what a message holds: shard, first
and last sequence number, and none of the records.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from express_batch.outside_json import decode_json

from batchctl.redrive.stack import explained
from batchctl.runs.figures import read_count

# While a command looks at messages no other one gets them.
HOLD_SECONDS = 300
MOST_MESSAGES = 1_000
UNKNOWN_CONDITION = "Unknown"
_BATCH = 10  # of the queue's own batch operations
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Shard.html and API_SequenceNumberRange.html
_SHARD_ID = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_SEQUENCE_NUMBER = re.compile(r"[0-9]{1,129}")


@dataclass(frozen=True)
class FailedBatch:
    """What one message says; the last six are empty where the message is none of the mapping's."""

    message_id: str
    receipt: str
    body: str
    condition: str  # RetryAttemptsExhausted or RecordAgeExpired
    function_error: str | None
    request_id: str
    attempts: int
    shard_id: str
    start: str
    end: str
    batch_size: int
    arrived_at: str

    @property
    def is_readable(self) -> bool:
        """Whether it names records of a stream."""
        return self.shard_id != ""


class HeldBatches:
    """The queue's messages, held back from other readers; `remove` deletes one of them."""

    def __init__(self, client: Any, url: str, batches: list[FailedBatch]) -> None:
        self._client = client
        self._url = url
        self.batches = batches
        self._removed: set[str] = set()

    @property
    def left(self) -> list[FailedBatch]:
        """Those that were not removed."""
        return [batch for batch in self.batches if batch.message_id not in self._removed]

    def remove(self, batch: FailedBatch) -> None:
        """Delete the message. Raises BatchctlError."""
        with explained("the failed-records queue"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=batch.receipt)
        self._removed.add(batch.message_id)


@contextmanager
def hold_batches(client: Any, url: str) -> Iterator[HeldBatches]:
    """All messages of the queue; those that are left when the block ends are there for others at once."""
    held = HeldBatches(client, url, _receive(client, url))
    try:
        yield held
    finally:
        _release(client, url, held.left)


def _receive(client: Any, url: str) -> list[FailedBatch]:
    found: dict[str, FailedBatch] = {}
    while len(found) < MOST_MESSAGES:
        with explained("the failed-records queue"):
            # A wait of a second asks every server of the queue; without one, some of the messages may be passed over.
            answer = client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=1, VisibilityTimeout=HOLD_SECONDS
            )
        messages = answer.get("Messages", [])
        if not messages:
            break
        found |= {message["MessageId"]: parse_message(message) for message in messages}
    return sorted(found.values(), key=lambda batch: (batch.arrived_at, batch.shard_id, batch.start))


def _release(client: Any, url: str, batches: Sequence[FailedBatch]) -> None:
    with explained("the failed-records queue"):
        for first in range(0, len(batches), _BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": batch.receipt, "VisibilityTimeout": 0}
                for number, batch in enumerate(batches[first : first + _BATCH])
            ]
            client.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def parse_message(message: dict[str, Any]) -> FailedBatch:
    """The message; one of another sender is kept as unreadable.

    KinesisBatchInfo is all that it takes to put records again. Lambda documents the rest for a batch whose attempts are
    over; what it says of one that grew too old before the function could be invoked at all is not written anywhere, so
    either context may be absent or null.
    """
    head = (message["MessageId"], message["ReceiptHandle"], message["Body"])
    try:
        document = decode_json(message["Body"])
        context, batch = document.get("requestContext") or {}, document["KinesisBatchInfo"]
        response = document.get("responseContext") or {}
        return FailedBatch(
            *head,
            condition=_text(context.get("condition")) or UNKNOWN_CONDITION,
            function_error=_text(response.get("functionError")),
            request_id=_text(context.get("requestId")) or "",
            attempts=read_count(context.get("approximateInvokeCount") or 0),
            shard_id=_name(_SHARD_ID, batch["shardId"]),
            start=_name(_SEQUENCE_NUMBER, batch["startSequenceNumber"]),
            end=_name(_SEQUENCE_NUMBER, batch["endSequenceNumber"]),
            batch_size=read_count(batch["batchSize"]),
            arrived_at=str(batch["approximateArrivalOfFirstRecord"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return FailedBatch(*head, "Unreadable", None, "", 0, "", "", "", 0, "")


def _name(form: re.Pattern[str], value: object) -> str:
    if isinstance(value, str) and form.fullmatch(value):
        return value
    raise ValueError("no name of Kinesis")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
