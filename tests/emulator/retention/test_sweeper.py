"""A real emulated bucket, log group and stream, swept as time goes by."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from emulator.identity import Identity
from emulator.lambda_runtime.logs import FunctionLog
from emulator.retention.calendar import DAY_SECONDS
from emulator.retention.lifecycle import LifecycleSweeper
from emulator.retention.sweeper import RetentionSweeper, Swept
from emulator.services.kinesis import KinesisService
from emulator.services.logs import LogsService
from emulator.services.moto import Moto
from emulator.stack.aws_caller import BotoCaller


class LaterCalendar:
    """The machine's clock, and some days more."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.days = 0.0
        self._clock = clock

    def now(self) -> float:
        return self._clock() + self.days * DAY_SECONDS

    def to_real(self, moment: float) -> float:
        return moment


@contextlib.asynccontextmanager
async def open_moto(tmp_path: Path) -> AsyncIterator[BotoCaller]:
    moto = Moto(Identity(), tmp_path / "moto.log")
    try:
        caller = BotoCaller(await moto.start(), Identity())
        yield caller
        caller.close()
    finally:
        await moto.stop()


def test_what_is_old_goes_and_what_is_young_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_moto(tmp_path) as caller:
            # GIVEN an object, a log line and a stream record, each kept for a day
            rule = {
                "ID": "runs", "Status": "Enabled", "Filter": {"Prefix": "runs/"}, "Expiration": {"Days": 1}
            }  # fmt: skip
            await caller.call("s3", "CreateBucket", Bucket="runs")
            await caller.call(
                "s3", "PutBucketLifecycleConfiguration", Bucket="runs", LifecycleConfiguration={"Rules": [rule]}
            )
            for key in ("runs/1/started.json", "control/stop.json"):
                await caller.call("s3", "PutObject", Bucket="runs", Key=key, Body=b"x")
            await caller.call("logs", "CreateLogGroup", logGroupName="/aws/lambda/sync")
            await caller.call("logs", "PutRetentionPolicy", logGroupName="/aws/lambda/sync", retentionInDays=1)
            dated_log, kept_log = (FunctionLog(tmp_path / f"{name}.log", name=name) for name in ("sync", "kept"))
            for log in (dated_log, kept_log):
                log.write("stream", "said something")
            kinesis = KinesisService(Identity())
            await kinesis.call("CreateStream", {"StreamName": "rows", "ShardCount": 1})
            await kinesis.call("PutRecord", {"StreamName": "rows", "PartitionKey": "a", "Data": b"x"})
            calendar = LaterCalendar(time.time)
            logs = LogsService(Identity(), caller, lambda: [dated_log, kept_log], tmp_path)
            sweeper = RetentionSweeper(LifecycleSweeper(caller, calendar), logs, kinesis, calendar)

            # WHEN it is swept at once, and two days later
            at_once = await sweeper.sweep()
            calendar.days = 2
            later = await sweeper.sweep()

            # THEN
            assert at_once == Swept(0, 0, 0)
            assert (later.objects, later.records) == (1, 1)
            assert later.log_bytes > 0
            page = await caller.call("s3", "ListObjectsV2", Bucket="runs")
            assert [item["Key"] for item in page["Contents"]] == ["control/stop.json"]
            assert kinesis.count_records() == 0
            # A group that nobody has made keeps its lines.
            assert [log.stored().first < log.stored().end for log in (dated_log, kept_log)] == [False, True]

    asyncio.run(scenario())


def test_rounds_go_on_until_it_is_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        rounds = asyncio.Event()

        class CountingLifecycle(LifecycleSweeper):
            async def sweep(self) -> int:
                rounds.set()
                return 0

        async with open_moto(tmp_path) as caller:
            calendar = LaterCalendar(lambda: 0.0)
            logs = LogsService(Identity(), caller, list, tmp_path)
            sweeper = RetentionSweeper(CountingLifecycle(caller, calendar), logs, KinesisService(Identity()), calendar)
            others = asyncio.all_tasks()
            sweeper.start(0.001)
            await rounds.wait()
            rounds.clear()
            await rounds.wait()
            await sweeper.close()
            assert asyncio.all_tasks() == others

    asyncio.run(scenario())
