"""What is stuck between the stream and the table, as one kind of thing: batches of the queue and rejected records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from express_batch.run_layout import scheduled_moment
from express_batch.stream_record import StreamRecord

from batchctl.failures.failed_batches import FailedBatch
from batchctl.failures.rejected import RejectedRecord
from batchctl.failures.stream_reader import FoundBatch

BATCH = "batch"
REJECTED = "rejected"


@dataclass(frozen=True)
class StuckPiece:
    """The rows of one stream record, as far as they can be told."""

    run_id: str
    chunk: int
    record_id: str
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Stuck:
    """One message of the queue, or one rejected record."""

    name: str
    kind: str
    reason: str
    why: str
    records: int  # that the batch has
    pieces: tuple[StuckPiece, ...]  # of the records that were found and can be read
    entries: tuple[tuple[str, bytes], ...]  # (partition key, data) to put into the stream again
    remedy: str | None  # where not everything can be put again
    source: FailedBatch | RejectedRecord

    @property
    def run_ids(self) -> list[str]:
        """The runs whose rows it holds."""
        return sorted({piece.run_id for piece in self.pieces})

    @property
    def users(self) -> int:
        """How many rows it holds."""
        return sum(len(piece.positions) for piece in self.pieces)

    def is_wanted(self, names: Sequence[str], run_id: str | None, reasons: Sequence[str]) -> bool:
        """Whether it is among those that were asked for; a name may be cut short."""
        return (
            (not names or any(self.name.startswith(name) for name in names))
            and (run_id is None or run_id in self.run_ids)
            and (not reasons or self.reason in reasons)
        )


def describe_batch(found: FoundBatch, run_ids: Sequence[str], options: str = "") -> Stuck:
    """The message with what the stream still has of it; `run_ids` are the bucket's, `options` a command's."""
    batch = found.batch
    decoded = [record.decode() for record in found.records]
    remedy = None
    if not batch.is_readable:
        remedy = "no message of the stream's mapping: find out who sends to this queue, then discard it"
    elif not found.is_whole:
        run_id = _run_at(batch.arrived_at, run_ids) or "<run id>"
        remedy = (
            f"{'some' if found.records else 'all'} of its records are no longer in the stream (StreamRetentionHours): "
            f"`batchctl redrive {run_id}{options}` calls for their users again, then discard it"
        )
    return Stuck(
        name=batch.message_id,
        kind=BATCH,
        reason=batch.condition,
        why=_explain(batch),
        records=batch.batch_size,
        pieces=tuple(_make_piece(record) for record in decoded if record is not None),
        entries=tuple((record.partition_key, record.data) for record in found.records),
        remedy=remedy,
        source=batch,
    )


def describe_rejected(rejected: RejectedRecord) -> Stuck:
    """The object; it can be put again where this release reads it."""
    record = rejected.decode()
    remedy = None
    if record is None:
        remedy = "this release cannot read it either: redrive the run that was at work then, and discard it"
    return Stuck(
        name=rejected.name,
        kind=REJECTED,
        reason=rejected.reason,
        why=rejected.detail,
        records=1,
        pieces=() if record is None else (_make_piece(record),),
        # The key that SyncUsers gives it.
        entries=() if record is None else ((f"{record.chunk}-{record.start}", rejected.data),),
        remedy=remedy,
        source=rejected,
    )


def _make_piece(record: StreamRecord) -> StuckPiece:
    return StuckPiece(record.run_id, record.chunk, record.record_id, tuple(row.position for row in record.rows))


def _explain(batch: FailedBatch) -> str:
    if not batch.is_readable:
        return "the message is not the mapping's"
    error = f", last of all {batch.function_error}" if batch.function_error else ""
    log = f"request {batch.request_id} in its log says why" if batch.request_id else "no request is named"
    return (
        f"WriteRows was tried {batch.attempts} times{error}; {log}; "
        f"shard {batch.shard_id}, {batch.start} to {batch.end}"
    )


def _run_at(arrived_at: str, run_ids: Sequence[str]) -> str | None:
    """The last run that was scheduled before the records came: whose they are, unless runs overlap."""
    try:
        moment = datetime.fromisoformat(arrived_at).astimezone(UTC)
    except ValueError:
        return None
    return max((run_id for run_id in run_ids if scheduled_moment(run_id) <= moment), default=None)
