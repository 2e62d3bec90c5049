"""What a function's answer means for its batch."""

import json
from dataclasses import dataclass
from typing import Any

from emulator.event_sources.kinesis_event import EventRecord
from emulator.event_sources.ports import InvokeResult


@dataclass(frozen=True)
class Outcome:
    """`failed_from` is the index of the first record to be tried again; None: all went well."""

    failed_from: int | None
    whole: bool = False  # the batch failed as a whole: an error, or a report that cannot be understood


SUCCESS = Outcome(None)
FAILURE = Outcome(0, whole=True)


def read_outcome(result: InvokeResult, batch: list[EventRecord], *, report_item_failures: bool) -> Outcome:
    """Success, failure, or the checkpoint that the function reports.

    Success: an empty or null list, an empty or null answer. Failure: an identifier that is empty, null, under a bad key
    name, or of no record in this batch. With several identifiers the lowest sequence number is the checkpoint.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    if result.function_error is not None:
        return FAILURE
    if not report_item_failures:
        return SUCCESS
    failures = _read_failures(result.payload)
    if failures is None:
        return FAILURE
    places = {record.record.sequence_number: index for index, record in enumerate(batch)}
    lowest = len(batch)
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in places:
            return FAILURE
        lowest = min(lowest, places[identifier])
    return Outcome(lowest) if failures else SUCCESS


def _read_failures(payload: bytes) -> list[Any] | None:
    """The reported failures, none where the answer is empty or null; None where it is no report at all."""
    try:
        answer = json.loads(payload or b"null")
    except ValueError:
        return None
    if answer is None or answer == "":
        return []
    # Objects alone are documented: nothing else can hold a report.
    failures = (answer.get("batchItemFailures") or []) if isinstance(answer, dict) else None
    return failures if isinstance(failures, list) else None
