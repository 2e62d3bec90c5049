"""The API's operations on mappings, and what is refused by name."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.errors import AwsError
from tests.emulator.event_sources.harness import FUNCTION, OK, STREAM, Bench


def with_bench(scenario: Callable[[Bench], Awaitable[Any]]) -> Any:
    """The scenario's result; the service is closed afterwards."""

    async def run() -> Any:
        bench = Bench(lambda _: OK)
        try:
            return await scenario(bench)
        finally:
            await bench.service.close()

    return asyncio.run(asyncio.wait_for(run(), 30))


def test_mapping_has_awss_defaults_when_only_the_required_is_given() -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""

    async def scenario(bench: Bench) -> None:
        created = await bench.create()
        shown = await bench.service.call("GetEventSourceMapping", {"UUID": created["UUID"]})
        assert (created["State"], shown["State"]) == ("Creating", "Enabled")
        assert (shown["EventSourceArn"], shown["FunctionArn"]) == (STREAM, FUNCTION)
        assert shown["BatchSize"] == 100
        assert shown["MaximumRetryAttempts"] == shown["MaximumRecordAgeInSeconds"] == -1
        assert (shown["ParallelizationFactor"], shown["MaximumBatchingWindowInSeconds"]) == (1, 0)
        assert shown["BisectBatchOnFunctionError"] is False
        assert shown["LastProcessingResult"] == "No records processed"

    with_bench(scenario)


def test_update_changes_only_what_it_names_when_a_mapping_runs() -> None:
    async def scenario(bench: Bench) -> None:
        created = await bench.create(MaximumRetryAttempts=3)
        updated = await bench.service.call("UpdateEventSourceMapping", {"UUID": created["UUID"], "BatchSize": 2})
        assert (updated["State"], updated["BatchSize"], updated["MaximumRetryAttempts"]) == ("Updating", 2, 3)
        await bench.put("0", "1", "2")
        await bench.service.drain()
        assert bench.invoker.batches == [["0", "1"], ["2"]]

    with_bench(scenario)


def test_lanes_follow_the_factor_when_it_is_updated() -> None:
    async def scenario(bench: Bench) -> None:
        created = await bench.create()
        await bench.put("0")
        await bench.service.drain()
        await bench.service.call("UpdateEventSourceMapping", {"UUID": created["UUID"], "ParallelizationFactor": 5})
        bench.invoker.gate = asyncio.Event()
        await bench.put(*[str(i) for i in range(50)])
        while bench.invoker.running < 5:
            await asyncio.sleep(0)
        bench.invoker.gate.set()
        await bench.service.drain()
        assert bench.statistics.records == 51

    with_bench(scenario)


def test_polling_ends_when_the_mapping_is_deleted() -> None:
    async def scenario(bench: Bench) -> None:
        created = await bench.create()
        deleted = await bench.service.call("DeleteEventSourceMapping", {"UUID": created["UUID"]})
        assert deleted["State"] == "Deleting"
        await bench.put("0")
        await bench.sleep(1)
        assert bench.invoker.events == []
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await bench.service.call("GetEventSourceMapping", {"UUID": created["UUID"]})

    with_bench(scenario)


def test_second_mapping_is_refused_when_function_and_stream_are_the_same() -> None:
    async def scenario(bench: Bench) -> None:
        first = await bench.create()
        with pytest.raises(AwsError, match=first["UUID"]) as caught:
            await bench.create(FunctionName=FUNCTION)
        assert (caught.value.code, caught.value.status) == ("ResourceConflictException", 409)
        await bench.create(FunctionName="another")
        listed = await bench.service.call("ListEventSourceMappings", {"FunctionName": "write-rows"})
        assert [each["UUID"] for each in listed["EventSourceMappings"]] == [first["UUID"]]
        page = await bench.service.call("ListEventSourceMappings", {"MaxItems": 1})
        rest = await bench.service.call("ListEventSourceMappings", {"Marker": page["NextMarker"]})
        assert len(page["EventSourceMappings"]) == len(rest["EventSourceMappings"]) == 1

    with_bench(scenario)


def test_two_mappings_read_the_stream_each_for_itself_when_both_run() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create()
        await bench.create(FunctionName="another")
        await bench.put("0")
        await bench.service.drain()
        assert bench.invoker.batches == [["0"], ["0"]]
        assert len(bench.invoker.functions) == 2

    with_bench(scenario)


def test_tasks_are_gone_when_the_stream_is_deleted_and_the_service_closed() -> None:
    async def scenario() -> set[asyncio.Task[Any]]:
        bench = Bench(lambda _: OK)
        await bench.create()
        await bench.put("0")
        await bench.kinesis.call("DeleteStream", {"StreamName": "rows"})
        await bench.service.drain()
        await bench.service.close()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(scenario()) == set()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"TumblingWindowInSeconds": 30}, "TumblingWindowInSeconds is not emulated"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria is not emulated"),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/a"}, "KMSKeyArn is not emulated"),
        ({"Brand": "new"}, "Brand is not emulated"),
        ({"BatchSize": 10_001}, "BatchSize 10001"),
        ({"ParallelizationFactor": 11}, "ParallelizationFactor 11"),
        ({"MaximumBatchingWindowInSeconds": 301}, "MaximumBatchingWindowInSeconds 301"),
        ({"MaximumRecordAgeInSeconds": 59}, "must be -1 or at least 60"),
        ({"MaximumRetryAttempts": 10_001}, "MaximumRetryAttempts 10001"),
        ({"FunctionResponseTypes": ["Other"]}, "FunctionResponseTypes Other"),
        ({"StartingPosition": "NOW"}, "StartingPosition NOW"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPositionTimestamp"),
        ({"StartingPositionTimestamp": datetime.now(UTC)}, "StartingPositionTimestamp"),
        ({"EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:q"}, "is no Kinesis stream"),
        ({"EventSourceArn": STREAM + "/consumer/c:1"}, "is no Kinesis stream"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:q.fifo"}}}, "FIFO"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:events:us-east-1:1:bus"}}}, "must be an SQS"),
        ({"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:1:q"}}}, "OnSuccess"),
    ],
)
def test_create_names_the_parameter_when_it_is_wrong_or_not_emulated(settings: dict[str, Any], message: str) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(AwsError, match=message) as caught:
            await bench.create(**settings)
        assert caught.value.code == "InvalidParameterValueException"

    with_bench(scenario)


def test_parameters_that_mean_nothing_are_taken_when_a_template_spells_them_out() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create(TumblingWindowInSeconds=0, FilterCriteria={"Filters": []}, Tags={"a": "b"})

    with_bench(scenario)


def test_create_is_refused_when_the_stream_does_not_exist() -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(AwsError, match="Stream none under account"):
            await bench.create(EventSourceArn=STREAM.replace("rows", "none"))

    with_bench(scenario)
