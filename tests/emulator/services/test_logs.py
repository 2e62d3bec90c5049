"""Log groups read back, from files that are larger than any page.

Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime.logs import FunctionLog
from emulator.services.logs import LogsService

GROUP = "/batch/acme"
SECOND = 1_800_000_000.0


class FakeMoto:
    """Has no group but those that were made."""

    def __init__(self) -> None:
        self.groups: list[str] = []

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        assert service == "logs"
        name = parameters["logGroupName"]
        if operation == "CreateLogGroup":
            self.groups.append(name)
        elif name not in self.groups:
            raise AwsError("ResourceNotFoundException", f"moto has no {name}")
        elif operation == "DeleteLogGroup":
            self.groups.remove(name)
        return {"events": []}


class Bench:
    """Two functions that share a log group."""

    def __init__(self, directory: Path | None, work: Path) -> None:
        self.moto = FakeMoto()
        self.logs = []
        for name in ("sync", "write"):
            log = FunctionLog(directory and directory / f"{name}.log", 5 if directory else 10_000, name=name)
            log.group = GROUP
            self.logs.append(log)
        self.service = LogsService(Identity(), self.moto, lambda: self.logs, work)

    async def filter(self, **request: Any) -> dict[str, Any]:
        return await self.service.call("FilterLogEvents", {"logGroupName": GROUP, **request})

    async def messages(self, **request: Any) -> list[str]:
        return [event["message"] for event in (await self.filter(**request))["events"]]


def run(tmp_path: Path, scenario: Callable[[Bench], Coroutine[Any, Any, None]], *, with_file: bool = True) -> None:
    async def start() -> None:
        bench = Bench(tmp_path / "logs" if with_file else None, tmp_path / "vended")
        await scenario(bench)
        for log in bench.logs:
            log.flush()
        bench.service.flush()

    asyncio.run(start())


@pytest.mark.parametrize("with_file", [True, False])
def test_filter_gives_events_of_all_functions_in_the_order_of_time(tmp_path: Path, *, with_file: bool) -> None:
    async def scenario(bench: Bench) -> None:
        for number in range(20):
            bench.logs[number % 2].write(f"stream{number % 2}", f"event {number}", SECOND + number)
        answer = await bench.filter()
        assert [event["message"] for event in answer["events"]] == [f"event {number}" for number in range(20)]
        first = answer["events"][0]
        assert (first["logStreamName"], first["timestamp"]) == ("stream0", 1_800_000_000_000)
        assert first["ingestionTime"] >= first["timestamp"]
        assert len({event["eventId"] for event in answer["events"]}) == 20
        assert {len(event["eventId"]) for event in answer["events"]} == {56}
        assert answer["searchedLogStreams"] == []
        assert "nextToken" not in answer

    run(tmp_path, scenario, with_file=with_file)


def test_filter_takes_both_ends_of_the_times(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for number in range(5):
            bench.logs[0].write("s", str(number), SECOND + (number + 0.5) / 1000)
        millis = 1_800_000_000_000
        assert await bench.messages(startTime=millis + 1, endTime=millis + 3) == ["1", "2", "3"]

    run(tmp_path, scenario)


def test_filter_goes_on_where_the_page_ended_when_more_is_written_meanwhile(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for number in range(7):
            bench.logs[number % 2].write("s", str(number), SECOND + number)
        seen: list[str] = []
        token: dict[str, str] = {}
        while True:
            answer = await bench.filter(limit=3, **token)
            seen += [event["message"] for event in answer["events"]]
            if "nextToken" not in answer:
                break
            token = {"nextToken": answer["nextToken"]}
            if len(seen) == 3:
                bench.logs[0].write("s", "7", SECOND + 7)
        assert seen == [str(number) for number in range(8)]

    run(tmp_path, scenario)


def test_filter_ends_a_page_at_a_mebibyte(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for number in range(3):
            bench.logs[0].write("s", "x" * 500_000, SECOND + number)
        answer = await bench.filter()
        assert len(answer["events"]) == 2
        assert len((await bench.filter(nextToken=answer["nextToken"]))["events"]) == 1

    run(tmp_path, scenario)


def test_filter_takes_one_run_out_of_many_lines_when_the_ring_has_lost_them(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for number in range(20_000):
            bench.logs[0].write("s", f'{{"message": "slice synced", "run_id": "r{number % 1000}"}}', SECOND)
        found = await bench.messages(filterPattern='{ $.run_id = "r7" }')
        assert len(found) == 20
        assert len(bench.logs[0].events) == 5

    run(tmp_path, scenario)


def test_filter_restricts_streams(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for stream in ("a/1", "a/2", "b/1"):
            bench.logs[0].write(stream, stream, SECOND)
        assert await bench.messages(logStreamNames=["a/2", "b/1"]) == ["a/2", "b/1"]
        assert await bench.messages(logStreamNamePrefix="a/") == ["a/1", "a/2"]
        with pytest.raises(AwsError, match="exclude each other"):
            await bench.filter(logStreamNames=["a/2"], logStreamNamePrefix="a/")

    run(tmp_path, scenario)


def test_group_is_found_by_its_arn(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.logs[0].write("s", "x", SECOND)
        arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
        assert len((await bench.service.call("FilterLogEvents", {"logGroupIdentifier": arn}))["events"]) == 1
        with pytest.raises(AwsError, match="one of logGroupName"):
            await bench.filter(logGroupIdentifier=arn)

    run(tmp_path, scenario)


def test_group_is_motos_when_nothing_was_written(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(AwsError, match="moto has no /batch/acme"):
            await bench.filter()

    run(tmp_path, scenario)


def test_deleted_group_holds_only_what_is_written_after(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.logs[0].write("s", "before", SECOND)
        await bench.service.call("DeleteLogGroup", {"logGroupName": GROUP})
        assert bench.moto.groups == []
        bench.logs[0].write("s", "after", SECOND + 1)
        assert await bench.messages() == ["after"]

    run(tmp_path, scenario)


def test_events_put_from_outside_are_refused_when_a_function_writes_there(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.logs[0].write("s", "x", SECOND)
        with pytest.raises(AwsError, match="PutLogEvents is not emulated"):
            await bench.service.call("PutLogEvents", {"logGroupName": GROUP, "logStreamName": "s", "logEvents": []})

    run(tmp_path, scenario)


def test_get_gives_the_latest_page_of_a_stream_and_pages_both_ways(tmp_path: Path) -> None:
    """Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html"""

    async def scenario(bench: Bench) -> None:
        for number in range(5):
            bench.logs[0].write("s", str(number), SECOND + number)
            bench.logs[0].write("other", "no", SECOND + number)

        async def get(**request: Any) -> tuple[list[str], str, str]:
            answer = await bench.service.call(
                "GetLogEvents", {"logGroupName": GROUP, "logStreamName": "s", "limit": 2, **request}
            )
            tokens = answer["nextForwardToken"], answer["nextBackwardToken"]
            return [event["message"] for event in answer["events"]], *tokens

        latest, forward, backward = await get()
        assert latest == ["3", "4"]
        assert (await get(nextToken=backward))[0] == ["1", "2"]
        assert await get(nextToken=forward) == ([], forward, forward.replace("f", "b"))
        assert (await get(startFromHead=True))[0] == ["0", "1"]
        assert (await get(startTime=1_800_000_001_000, endTime=1_800_000_002_000))[0] == ["1"]
        with pytest.raises(AwsError, match="log stream does not exist"):
            await get(logStreamName="absent")

    run(tmp_path, scenario)


def test_streams_are_described_with_their_times(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.logs[0].write("b", "x", SECOND)
        bench.logs[1].write("a", "x", SECOND + 1)
        bench.logs[0].write("b", "x", SECOND + 2)

        async def describe(**request: Any) -> list[dict[str, Any]]:
            answer = await bench.service.call("DescribeLogStreams", {"logGroupName": GROUP, **request})
            found: list[dict[str, Any]] = answer["logStreams"]
            return found

        a, b = await describe()
        assert (a["logStreamName"], b["logStreamName"]) == ("a", "b")
        assert (b["firstEventTimestamp"], b["lastEventTimestamp"]) == (1_800_000_000_000, 1_800_000_002_000)
        (latest,) = await describe(orderBy="LastEventTime", descending=True, limit=1)
        assert latest["logStreamName"] == "b"

    run(tmp_path, scenario)


def test_group_of_its_own_is_read_back_when_a_service_writes_to_it(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.service.write("/aws/vendedlogs/states/m", "states/m/1", '{"id": "1"}', SECOND)
        await bench.service.make_groups()
        assert bench.moto.groups == ["/aws/vendedlogs/states/m"]
        answer = await bench.service.call("FilterLogEvents", {"logGroupName": "/aws/vendedlogs/states/m"})
        assert [event["message"] for event in answer["events"]] == ['{"id": "1"}']

    run(tmp_path, scenario)
