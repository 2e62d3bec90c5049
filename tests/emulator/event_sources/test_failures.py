"""What becomes of a batch that fails: retries, bisection, partial responses, age, throttles, destinations.

Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import asyncio
import json
import re
from typing import Any

import pytest

from emulator.errors import AwsError
from tests.emulator.event_sources.harness import (
    BUCKET,
    ERROR,
    FUNCTION,
    OK,
    QUEUE,
    STREAM,
    Bench,
    Handler,
    Result,
    data_of,
    fail_when_holding,
    report,
    run_batches,
)

TO_QUEUE = {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}}
REPORTING = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def failing_times(times: int, result: Result | Exception = ERROR) -> Handler:
    """A function that fails the first `times` times."""
    left = [times]

    def handle(_: dict[str, Any]) -> Result | Exception:
        left[0] -= 1
        return result if left[0] >= 0 else OK

    return handle


def report_data(*bad: str) -> Handler:
    """A function that reports the records with these data."""

    def handle(event: dict[str, Any]) -> Result:
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        return report(*[number for number, data in zip(numbers, data_of(event), strict=True) if data in bad])

    return handle


def test_batch_is_retried_whole_when_the_function_fails_for_a_while() -> None:
    bench = run_batches(failing_times(2), ["0", "1"])
    assert bench.invoker.batches == [["0", "1"]] * 3
    assert (bench.final.retries, bench.final.discarded_records) == (2, 0)


def test_later_records_wait_when_a_batch_before_them_is_retried() -> None:
    bench = run_batches(failing_times(2), ["0", "1", "2"], BatchSize=2)
    assert bench.invoker.batches == [["0", "1"]] * 3 + [["2"]]


def test_waits_double_up_to_a_bound_when_failures_follow_each_other() -> None:
    bench = run_batches(failing_times(6), ["0"])
    assert bench.sleeps == [1, 2, 4, 8, 8, 8]


@pytest.mark.parametrize("retries", [0, 2])
def test_batch_is_discarded_when_the_retries_are_used_up(retries: int) -> None:
    """X retries are X + 1 invocations."""
    bench = run_batches(fail_when_holding("0"), ["0", "1"], BatchSize=1, MaximumRetryAttempts=retries, **TO_QUEUE)
    assert bench.invoker.batches == [["0"]] * (retries + 1) + [["1"]]
    (message,) = bench.destination.sent
    assert message[1]["requestContext"]["approximateInvokeCount"] == retries + 1
    assert (bench.final.discarded_records, bench.final.records) == (1, 2)


def test_document_has_awss_shape_when_a_batch_is_discarded() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html (example)"""
    bench = run_batches(lambda _: ERROR, ["0", "1"], MaximumRetryAttempts=0, **TO_QUEUE)
    ((arn, document),) = bench.destination.sent
    records = bench.invoker.events[0]["Records"]
    assert arn == QUEUE
    request_id = document["requestContext"].pop("requestId")
    assert re.fullmatch(r"[0-9a-f-]{36}", request_id)
    assert document == {
        "requestContext": {
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": records[0]["kinesis"]["sequenceNumber"],
            "endSequenceNumber": records[1]["kinesis"]["sequenceNumber"],
            "approximateArrivalOfFirstRecord": "2027-01-15T08:00:00.000Z",
            "approximateArrivalOfLastRecord": "2027-01-15T08:00:00.000Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }


def test_bucket_gets_the_whole_event_too_when_it_is_the_destination() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html (S3)"""
    config = {"DestinationConfig": {"OnFailure": {"Destination": BUCKET}}}
    bench = run_batches(lambda _: ERROR, ["0"], MaximumRetryAttempts=0, **config)
    ((arn, key, document),) = bench.destination.objects
    assert arn == BUCKET
    uuid = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"aws/lambda/{uuid}/shardId-000000000000/2027/01/15/2027-01-15T08\.00\.00-{uuid}", key)
    assert json.loads(document["payload"]) == bench.invoker.events[0]


def test_shard_goes_on_when_the_destination_does_not_take_the_document() -> None:
    async def scenario() -> Bench:
        bench = Bench(fail_when_holding("0"))
        bench.destination.broken = True
        await bench.create(BatchSize=1, MaximumRetryAttempts=0, **TO_QUEUE)
        await bench.put("0", "1")
        await bench.service.drain()
        bench.final = bench.statistics
        await bench.service.close()
        return bench

    bench = asyncio.run(asyncio.wait_for(scenario(), 30))
    assert bench.invoker.batches == [["0"], ["1"]]
    assert (bench.final.delivery_errors, bench.final.delivered_documents) == (1, 0)


def test_bisection_isolates_the_bad_record_when_the_function_raises() -> None:
    """ "Splitting batches doesn't consume the retry quota." """
    data = [str(i) for i in range(8)]
    bench = run_batches(
        fail_when_holding("5"), data, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True, **TO_QUEUE
    )
    assert bench.invoker.batches == [
        data,
        ["0", "1", "2", "3"],
        ["4", "5", "6", "7"],
        ["4", "5"],
        ["4"],
        ["5"],
        ["5"],
        ["6", "7"],
    ]
    (message,) = bench.destination.sent
    assert message[1]["KinesisBatchInfo"]["batchSize"] == 1
    assert (bench.final.bisections, bench.final.retries, bench.final.discarded_records) == (3, 1, 1)


def test_batch_is_discarded_whole_when_there_is_no_bisection() -> None:
    bench = run_batches(fail_when_holding("1"), ["0", "1", "2"], MaximumRetryAttempts=0, **TO_QUEUE)
    assert bench.final.discarded_records == 3


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"{}", b'""', b'{"batchItemFailures":[]}', b'{"batchItemFailures":null}']
)
def test_batch_succeeded_when_nothing_is_reported(payload: bytes) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    bench = run_batches(lambda _: Result(payload), ["0", "1"], **REPORTING, MaximumRetryAttempts=0)
    assert bench.invoker.batches == [["0", "1"]]
    assert bench.final.discarded_records == 0


@pytest.mark.parametrize(
    "failure",
    [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"itemId": "1"}, {"itemIdentifier": "12"}, "1", {}],
    ids=str,
)
def test_batch_failed_whole_when_a_report_names_no_record_of_it(failure: object) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    payload = json.dumps({"batchItemFailures": [failure]}).encode()
    bench = run_batches(failing_times(1, Result(payload)), ["0", "1"], **REPORTING)
    assert bench.invoker.batches == [["0", "1"], ["0", "1"]]


@pytest.mark.parametrize("payload", [b"no json", b"[]", b"3", b'{"batchItemFailures":{}}'.replace(b"{}", b'{"a":1}')])
def test_batch_failed_whole_when_the_answer_is_no_report(payload: bytes) -> None:
    bench = run_batches(failing_times(1, Result(payload)), ["0"], **REPORTING)
    assert len(bench.invoker.events) == 2


def test_answer_is_not_read_when_reporting_is_not_switched_on() -> None:
    bench = run_batches(report_data("0"), ["0", "1"])
    assert bench.invoker.batches == [["0", "1"]]


def test_retry_starts_at_the_lowest_reported_record_when_several_are_reported() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    calls = []

    def handle(event: dict[str, Any]) -> Result:
        calls.append(data_of(event))
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        return report(numbers[3], numbers[1]) if len(calls) == 1 else OK

    bench = run_batches(handle, ["0", "1", "2", "3"], **REPORTING)
    assert calls == [["0", "1", "2", "3"], ["1", "2", "3"]]
    assert (bench.final.retries, bench.final.partial_failures, bench.final.bisections) == (1, 1, 0)


def test_reported_record_and_those_behind_it_are_discarded_when_retries_are_used_up() -> None:
    bench = run_batches(report_data("2"), ["0", "1", "2", "3"], MaximumRetryAttempts=1, **REPORTING, **TO_QUEUE)
    assert bench.invoker.batches == [["0", "1", "2", "3"], ["2", "3"]]
    (message,) = bench.destination.sent
    assert message[1]["KinesisBatchInfo"]["batchSize"] == 2
    assert message[1]["responseContext"]["functionError"] is None


def test_batch_is_split_at_the_reported_record_when_bisection_is_on_too() -> None:
    """ "The batch is bisected at the returned sequence number": that split is no retry either.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    bench = run_batches(
        report_data("2"),
        ["0", "1", "2", "3"],
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        **REPORTING,
        **TO_QUEUE,
    )
    assert bench.invoker.batches == [["0", "1", "2", "3"], ["2", "3"], ["2", "3"]]
    assert (bench.final.bisections, bench.final.retries, bench.final.discarded_records) == (1, 1, 2)


def test_throttled_batch_is_retried_without_counting_when_the_function_has_no_capacity() -> None:
    """ "Unable to invoke the function due to throttling": retried until the records expire."""
    throttle = AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
    bench = run_batches(failing_times(5, throttle), ["0"], MaximumRetryAttempts=0, **TO_QUEUE)
    assert bench.invoker.batches == [["0"]] * 6
    assert (bench.final.throttles, bench.final.retries, bench.final.discarded_records) == (5, 0, 0)
    assert bench.destination.sent == []


def test_throttled_batch_is_discarded_when_its_records_are_too_old() -> None:
    throttle = AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
    bench = run_batches(lambda _: throttle, ["0"], MaximumRecordAgeInSeconds=60, **TO_QUEUE)
    ((_, document),) = bench.destination.sent
    assert document["requestContext"]["condition"] == "RecordAgeExpired"
    assert "responseContext" not in document
    assert sum(bench.sleeps) > 60


def test_only_the_records_that_are_too_old_are_discarded_when_a_batch_has_both() -> None:
    async def scenario() -> Bench:
        bench = Bench(lambda _: OK)
        await bench.kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": 1})
        await bench.put("old")
        bench.now += 61
        await bench.put("young")
        await bench.create(MaximumRecordAgeInSeconds=60, **TO_QUEUE)
        await bench.service.drain()
        await bench.service.close()
        return bench

    bench = asyncio.run(asyncio.wait_for(scenario(), 30))
    assert bench.invoker.batches == [["young"]]
    assert len(bench.destination.sent) == 1


def test_batch_is_given_up_when_the_stream_no_longer_keeps_its_records() -> None:
    """MaximumRetryAttempts -1: "failed records are retried until the record expires"."""
    bench = run_batches(lambda _: ERROR, ["0"], **TO_QUEUE)
    assert sum(bench.sleeps) > 24 * 3600 - 1
    assert bench.final.discarded_records == 1


def test_batch_counts_as_failed_when_it_can_never_be_invoked() -> None:
    too_large = AwsError("RequestTooLargeException", "Request must be smaller than 6291456 bytes", 413)
    bench = run_batches(lambda _: too_large, ["0"], MaximumRetryAttempts=0, **TO_QUEUE)
    assert bench.final.discarded_records == 1


def test_drain_raises_when_the_invoker_itself_is_broken() -> None:
    async def scenario() -> None:
        bench = Bench(lambda _: RuntimeError("no zygote"))
        await bench.create()
        await bench.put("0")
        try:
            await bench.service.drain()
        finally:
            await bench.service.close()

    with pytest.raises(RuntimeError, match="no zygote"):
        asyncio.run(asyncio.wait_for(scenario(), 30))
