"""Whatever fails: every record is taken or discarded, and none is forgotten."""

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.errors import AwsError
from tests.emulator.event_sources.harness import BUCKET, ERROR, OK, Bench, Result, data_of, report, run_batches

TO_BUCKET = {"DestinationConfig": {"OnFailure": {"Destination": BUCKET}}}
# How long an example takes says how busy the machine is, nothing of the code.
UNTIMED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
THROTTLE = AwsError("TooManyRequestsException", "Rate Exceeded.", 429)


def discarded_data(bench: Bench) -> list[str]:
    """The data of all discarded records, from the documents' events."""
    return [each for _, _, document in bench.destination.objects for each in data_of(json.loads(document["payload"]))]


@UNTIMED
@given(
    count=st.integers(1, 40),
    bad=st.sets(st.integers(0, 39), max_size=6),
    batch_size=st.integers(1, 12),
    retries=st.integers(0, 3),
    factor=st.integers(1, 4),
    throttles=st.lists(st.booleans(), max_size=20),
)
def test_only_bad_records_are_discarded_when_a_function_raises_and_batches_are_bisected(
    count: int, bad: set[int], batch_size: int, retries: int, factor: int, throttles: list[bool]
) -> None:
    # GIVEN a function that raises for the bad records, and is throttled now and then
    taken: Counter[str] = Counter()
    attempts: Counter[str] = Counter()
    bad_data = {str(number) for number in bad if number < count}

    def handle(event: dict[str, Any]) -> Result | Exception:
        if throttles and throttles.pop():
            return THROTTLE
        data = data_of(event)
        attempts.update(each for each in data if len(data) == 1)
        if bad_data & set(data):
            return ERROR
        taken.update(data)
        return OK

    # WHEN all records are processed
    bench = run_batches(
        handle,
        [str(number) for number in range(count)],
        BatchSize=batch_size,
        ParallelizationFactor=factor,
        MaximumRetryAttempts=retries,
        BisectBatchOnFunctionError=True,
        **TO_BUCKET,
    )
    # THEN each good one was taken once, each bad one discarded once, after its own retries and no more
    assert taken == Counter(str(number) for number in range(count) if str(number) not in bad_data)
    assert sorted(discarded_data(bench)) == sorted(bad_data)
    assert all(attempts[each] == retries + 1 for each in bad_data)
    assert bench.final.records == count


@UNTIMED
@given(
    count=st.integers(1, 30),
    bad=st.sets(st.integers(0, 29), max_size=5),
    batch_size=st.integers(1, 10),
    retries=st.integers(0, 2),
    bisect=st.booleans(),
)
def test_no_record_is_forgotten_when_a_function_reports_failures(
    count: int, bad: set[int], batch_size: int, retries: int, bisect: bool
) -> None:
    # GIVEN a function that takes every record before the first bad one, and reports all bad ones
    taken: Counter[str] = Counter()
    bad_data = {str(number) for number in bad}
    delivered: list[int] = []

    def handle(event: dict[str, Any]) -> Result:
        data = data_of(event)
        delivered.extend(int(each) for each in data if int(each) not in delivered)
        taken.update(each for each in data if each not in bad_data)
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        return report(*[number for number, each in zip(numbers, data, strict=True) if each in bad_data])

    # WHEN all records are processed
    bench = run_batches(
        handle,
        [str(number) for number in range(count)],
        BatchSize=batch_size,
        MaximumRetryAttempts=retries,
        BisectBatchOnFunctionError=bisect,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        **TO_BUCKET,
    )
    # THEN every good one was taken at least once or discarded with a bad one before it, and every bad one discarded
    discarded = discarded_data(bench)
    assert set(taken) | set(discarded) == {str(number) for number in range(count)}
    assert {str(number) for number in bad if number < count} <= set(discarded)
    assert len(discarded) == len(set(discarded))
    # AND they came first in the stream's order
    assert delivered == sorted(delivered)
    assert bench.final.records == count
