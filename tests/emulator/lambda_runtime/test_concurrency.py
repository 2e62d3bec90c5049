"""Throttling and the machine's own cap.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""

import asyncio
from pathlib import Path

import pytest

from emulator.errors import AwsError
from emulator.lambda_runtime import ThrottledError
from emulator.lambda_runtime.concurrency import Concurrency
from tests.emulator.lambda_runtime.harness import (
    MEETING,
    Meeting,
    create_function,
    invoke,
    running_service,
    wait_for_end,
)

MEET = (
    MEETING
    + """
    def handler(event, context):
        if "port" in event:
            meet(event["port"])
        return "done"
"""
)


def test_invoke_is_throttled_when_reserved_concurrency_is_in_use(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service, Meeting() as meeting:
            # GIVEN a function with one reserved place, which is taken
            await create_function(service, MEET)
            request = {"FunctionName": "sync_users", "ReservedConcurrentExecutions": 1}
            await service.call("PutFunctionConcurrency", request)
            running = asyncio.create_task(invoke(service, {"port": meeting.port}))
            await meeting.arrived()
            # WHEN it is invoked once more
            with pytest.raises(ThrottledError) as throttled:
                await invoke(service)
            # THEN the caller is told why, and may come back later
            assert (throttled.value.code, throttled.value.status) == ("TooManyRequestsException", 429)
            assert throttled.value.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
            assert service.statistics.of("sync_users").throttles == 1
            await meeting.release()
            await running
            assert (await invoke(service)).payload == b'"done"'

    asyncio.run(scenario())


def test_invoke_is_always_throttled_when_reserved_concurrency_is_zero(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, MEET)
            request = {"FunctionName": "sync_users", "ReservedConcurrentExecutions": 0}
            await service.call("PutFunctionConcurrency", request)
            with pytest.raises(ThrottledError):
                await invoke(service)
            assert service.environment_pids() == []
            await service.call("DeleteFunctionConcurrency", {"FunctionName": "sync_users"})
            assert (await invoke(service)).payload == b'"done"'

    asyncio.run(scenario())


def test_invocations_wait_when_machine_has_its_environments(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path, max_environments=2) as service, Meeting() as meeting:
            # GIVEN a machine for two environments, both busy
            await create_function(service, MEET)
            calls = [asyncio.create_task(invoke(service, {"port": meeting.port})) for _ in range(5)]
            await meeting.arrived(2)
            # WHEN they are freed, one round after the other
            await meeting.release()
            await meeting.arrived(2)
            assert len(service.environment_pids()) == 2
            await meeting.release()
            await meeting.arrived(1)
            await meeting.release()
            # THEN all have run in the two
            assert [result.payload for result in await asyncio.gather(*calls)] == [b'"done"'] * 5
            assert service.statistics.of("sync_users").cold_starts == 2

    asyncio.run(scenario())


def test_environments_start_a_few_at_a_time(runtime_dir: Path, tmp_path: Path) -> None:
    code = (
        MEETING
        + """
    import os
    meet(int(os.environ["PORT"]))
    def handler(event, context):
        return "done"
    """
    )

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path, max_starting=2) as service, Meeting() as meeting:
            # GIVEN a function that is slow to start
            await create_function(service, code, Environment={"Variables": {"PORT": str(meeting.port)}})
            # WHEN it is invoked more often than environments may start
            calls = [asyncio.create_task(invoke(service)) for _ in range(5)]
            await meeting.arrived(2)
            # THEN the others wait, and take what becomes free
            assert service.statistics.of("sync_users").cold_starts == 2
            meeting.open()
            assert [result.payload for result in await asyncio.gather(*calls)] == [b'"done"'] * 5

    asyncio.run(scenario())


def test_idle_environment_makes_way_for_another_function(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path, max_environments=1) as service, Meeting() as meeting:
            await create_function(service, MEET, "list_users")
            await create_function(service, MEET, "sync_users")
            await invoke(service, function="list_users")
            (idle,) = service.environment_pids()
            assert (await invoke(service, function="sync_users")).payload == b'"done"'
            await asyncio.to_thread(wait_for_end, [idle])
            # A function that has none may start one although the cap is reached by a busy one.
            busy = asyncio.create_task(invoke(service, {"port": meeting.port}, "sync_users"))
            await meeting.arrived()
            assert (await invoke(service, function="list_users")).payload == b'"done"'
            await meeting.release()
            assert (await busy).function_error is None

    asyncio.run(scenario())


def test_acquire_is_throttled_when_account_concurrency_is_in_use() -> None:
    # GIVEN an account of 103, three of them reserved by one function
    concurrency = Concurrency(103)
    concurrency.reserve("write_rows", 3)
    # WHEN the other 100 are taken
    for _ in range(100):
        concurrency.acquire("sync_users")
    # THEN only the one with the reservation runs
    with pytest.raises(ThrottledError) as throttled:
        concurrency.acquire("list_users")
    assert throttled.value.reason == "ConcurrentInvocationLimitExceeded"
    concurrency.acquire("write_rows")
    concurrency.release("sync_users")
    concurrency.acquire("list_users")


def test_reserve_refuses_when_fewer_than_a_hundred_would_be_left() -> None:
    concurrency = Concurrency(1000)
    concurrency.reserve("sync_users", 900)
    with pytest.raises(AwsError, match=r"below its minimum value of \[100\]"):
        concurrency.reserve("write_rows", 1)
    concurrency.reserve("sync_users", 899)
    concurrency.reserve("write_rows", 1)


def test_counts_stay_right_when_reservation_changes_in_mid_call() -> None:
    concurrency = Concurrency(101)
    concurrency.acquire("sync_users")
    concurrency.reserve("sync_users", 1)
    concurrency.release("sync_users")
    concurrency.acquire("sync_users")
    concurrency.unreserve("sync_users")
    concurrency.release("sync_users")
    assert concurrency.in_flight() == 0
    for _ in range(101):
        concurrency.acquire("list_users")
    with pytest.raises(ThrottledError):
        concurrency.acquire("list_users")
