"""Hands one batch to the function until it is done with: retried, split, checkpointed or discarded."""

import logging
from dataclasses import dataclass, replace

from emulator.errors import AwsError
from emulator.event_sources.failure_document import (
    RECORD_AGE_EXPIRED,
    RETRIES_EXHAUSTED,
    Discarded,
    object_key,
    write_document,
)
from emulator.event_sources.kinesis_event import EventRecord, EventSource, join_event
from emulator.event_sources.mapping_state import MappingState
from emulator.event_sources.outcome import FAILURE, Outcome, read_outcome
from emulator.event_sources.ports import DeliveryError
from emulator.event_sources.surroundings import Surroundings

_logger = logging.getLogger(__name__)

# Such a batch can never be handed over, so it counts as a failure rather than as "not now".
_NEVER_INVOKED = frozenset({"RequestTooLargeException"})


@dataclass(frozen=True)
class _Piece:
    """A batch, or what is left of one."""

    records: list[EventRecord]
    retries: int = 0  # counted against MaximumRetryAttempts
    invocations: int = 0
    blocked: int = 0  # failures in a row to invoke at all
    function_error: str | None = None


class BatchProcessor:
    """Applies a mapping's failure rules to the batches of one lane of a shard.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """

    def __init__(self, state: MappingState, source: EventSource, surroundings: Surroundings) -> None:
        self._state = state
        self._source = source
        self._surroundings = surroundings

    async def process(self, records: list[EventRecord]) -> None:
        """Return when every record was taken by the function or discarded."""
        self._state.statistics.batches += 1
        pending = [_Piece(records)]
        while pending:
            await self._state.enabled.wait()
            piece = await self._discard_expired(pending.pop())
            if piece is not None:
                pending.extend(await self._invoke(piece))

    async def _invoke(self, piece: _Piece) -> list[_Piece]:
        """What is left to do afterwards, the first at the end of the list."""
        state, statistics = self._state, self._state.statistics
        statistics.see_iterator_age(self._age(piece.records[-1]))
        function_error: str | None
        try:
            result = await self._surroundings.invoker.invoke(
                state.function_arn, join_event(piece.records), trace_header=None
            )
        except AwsError as error:
            if error.code not in _NEVER_INVOKED:
                # Throttled, or not to be invoked: retried until the records expire, whatever the retry quota.
                statistics.throttles += 1
                state.last_result = f"PROBLEM: {error.code}"
                await self._surroundings.back_off(piece.blocked + 1)
                return [replace(piece, blocked=piece.blocked + 1)]
            outcome, function_error = FAILURE, error.code
        else:
            outcome = read_outcome(result, piece.records, report_item_failures=state.settings.report_item_failures)
            function_error = result.function_error
        statistics.invocations += 1
        piece = replace(piece, invocations=piece.invocations + 1, blocked=0, function_error=function_error)
        if outcome.failed_from is None:
            statistics.records += len(piece.records)
            state.last_result = "OK"
            return []
        state.last_result = "PROBLEM: Function call failed"
        return await self._plan_retry(piece, outcome, outcome.failed_from)

    async def _plan_retry(self, piece: _Piece, outcome: Outcome, failed_from: int) -> list[_Piece]:
        settings, statistics = self._state.settings, self._state.statistics
        statistics.records += failed_from
        rest = replace(piece, records=piece.records[failed_from:])
        if outcome.whole and settings.bisect_on_error and len(piece.records) > 1:
            # "Splitting batches doesn't consume the retry quota."
            statistics.bisections += 1
            middle = len(piece.records) // 2
            left, right = piece.records[:middle], piece.records[middle:]
            return [replace(piece, records=right), replace(piece, records=left)]
        if not outcome.whole:
            statistics.partial_failures += 1
            if settings.bisect_on_error and failed_from > 0:
                # "The batch is bisected at the returned sequence number, and Lambda retries only the remaining
                # records." https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
                statistics.bisections += 1
                return [rest]
        if settings.maximum_retry_attempts != -1 and rest.retries >= settings.maximum_retry_attempts:
            await self._discard(rest, RETRIES_EXHAUSTED)
            return []
        statistics.retries += 1
        await self._surroundings.back_off(rest.retries + 1)
        return [replace(rest, retries=rest.retries + 1)]

    async def _discard_expired(self, piece: _Piece) -> _Piece | None:
        """The piece without its records that are too old; None when nothing is left."""
        oldest = self._state.oldest_age_seconds
        expired = 0
        while expired < len(piece.records) and self._age(piece.records[expired]) > oldest:
            expired += 1
        if expired:
            await self._discard(replace(piece, records=piece.records[:expired]), RECORD_AGE_EXPIRED)
        if expired == len(piece.records):
            return None
        return replace(piece, records=piece.records[expired:]) if expired else piece

    async def _discard(self, piece: _Piece, condition: str) -> None:
        statistics, arn = self._state.statistics, self._state.settings.destination_arn
        statistics.records += len(piece.records)
        statistics.discarded_records += len(piece.records)
        if arn is None:
            return
        now = self._surroundings.clock()
        to_bucket = arn.split(":")[2] == "s3"
        discarded = Discarded(piece.records, condition, piece.invocations, piece.function_error)
        document = write_document(discarded, self._source, self._state.function_arn, now, with_payload=to_bucket)
        destination = self._surroundings.destination
        try:
            if to_bucket:
                key = object_key(self._state.mapping_id, self._source.shard_id, now)
                await destination.put_object(arn, key, document)
            else:
                await destination.send(arn, document)
        except DeliveryError:
            # AWS counts it (DestinationDeliveryErrors) and goes on with the shard.
            _logger.exception("a discarded batch of %s could not be delivered to %s", self._source.shard_id, arn)
            statistics.delivery_errors += 1
        else:
            statistics.delivered_documents += 1

    def _age(self, record: EventRecord) -> float:
        return max(0.0, self._surroundings.clock() - record.record.arrival)
