"""Faults of execution environments, with real processes."""

import asyncio
import json
import time
from pathlib import Path

from emulator.faults import Fault, FaultPlan, HoldAnswer, KillEnvironment, Scope, SkewClock
from emulator.faults.clock import find_clock_library
from tests.emulator.lambda_runtime.harness import create_function, invoke, running_service

SLOW = """
    import time
    def handler(event, context):
        time.sleep(event.get("seconds", 0))
        return time.time()
"""


def test_environment_is_killed_in_the_midst_of_the_call(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        plan = FaultPlan()
        async with running_service(runtime_dir, tmp_path, faults=plan) as service:
            await create_function(service, SLOW)
            plan.arm(Fault("killed", KillEnvironment(0.05), Scope(function="sync_users")))

            killed = await invoke(service, {"seconds": 30})
            after = await invoke(service)

            assert json.loads(killed.payload)["errorType"] == "Runtime.ExitError"
            assert after.function_error is None
            assert plan.strikes == {"killed": 1}

    asyncio.run(scenario())


def test_invocation_times_out_when_its_answer_is_held(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        plan = FaultPlan()
        async with running_service(runtime_dir, tmp_path, faults=plan) as service:
            await create_function(service, SLOW, Timeout=1)
            plan.arm(Fault("held", HoldAnswer()))

            held = await invoke(service)
            after = await invoke(service)

            assert json.loads(held.payload)["errorType"] == "Sandbox.Timedout"
            assert after.function_error is None

    asyncio.run(scenario())


def test_clock_of_one_environment_is_off(runtime_dir: Path, tmp_path: Path) -> None:
    library = find_clock_library()
    assert library is not None, "libfaketime is missing: `make test` installs it, or apt-get install faketime"

    async def scenario() -> None:
        plan = FaultPlan()
        async with running_service(runtime_dir, tmp_path, faults=plan, clock_library=library) as service:
            await create_function(service, SLOW)
            plan.arm(Fault("off", SkewClock(-3600)))

            off = json.loads((await invoke(service)).payload)
            service.renew_environments()
            right = json.loads((await invoke(service)).payload)

            assert off < time.time() - 3000
            assert right > time.time() - 600

    asyncio.run(scenario())
