"""Where the failures of a stack lie, opened together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from batchctl.failures.failed_batches import FailedBatch, HeldBatches, hold_batches
from batchctl.failures.rejected import RejectedRecord, read_rejected
from batchctl.failures.stream_reader import StreamReader
from batchctl.failures.stuck import Stuck, describe_batch, describe_rejected
from batchctl.redrive.bucket import Bucket
from batchctl.redrive.stack import BatchStack


@dataclass
class StuckRecords:
    """What is stuck, held back from other readers of the queue while it is looked at."""

    bucket: Bucket
    stream: StreamReader
    held: HeldBatches
    all: list[Stuck]

    def put_again(self, stuck: Stuck) -> None:
        """Put its records into the stream, and only then remove it. Harmless where they were written after all.

        WriteRows knows a record by its id and a row by its answer's version, so nothing is counted or written twice.
        """
        self.stream.put(stuck.entries)
        self.remove(stuck)

    def remove(self, stuck: Stuck) -> None:
        """Throw it away."""
        if isinstance(stuck.source, FailedBatch):
            self.held.remove(stuck.source)
        else:
            self.bucket.delete(stuck.source.key)
        self.all.remove(stuck)


@contextmanager
def open_stuck(stack: BatchStack, bucket: Bucket, run_ids: Sequence[str]) -> Iterator[StuckRecords]:
    """Everything that is stuck in the stack. Raises BatchctlError."""
    stream = StreamReader(stack.make_client("kinesis"), stack.output("RowStreamName"))
    rejected: list[RejectedRecord] = read_rejected(bucket)
    with hold_batches(stack.make_client("sqs"), stack.output("FailedRecordsQueueUrl")) as held:
        found = [describe_batch(stream.find(batch), run_ids, stack.options) for batch in held.batches]
        yield StuckRecords(bucket, stream, held, found + [describe_rejected(record) for record in rejected])


def open_bucket(stack: BatchStack) -> Bucket:
    """The stack's run bucket."""
    return Bucket(stack.make_client("s3"), stack.output("RunBucketName"))
