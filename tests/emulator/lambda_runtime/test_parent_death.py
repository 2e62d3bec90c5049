"""Nothing is left running, however the emulator ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from emulator.errors import AwsError
from emulator.lambda_runtime import InvokeResult
from tests.emulator.lambda_runtime.harness import (
    MEETING,
    Meeting,
    create_function,
    invoke,
    running_service,
    wait_for_end,
)

REPOSITORY = Path(__file__).parents[3]
EMULATOR = """
    import asyncio, json, sys
    from pathlib import Path
    from tests.emulator.lambda_runtime.harness import create_function, invoke, running_service
    CODE = '''
        import os, subprocess, time
        def handler(event, context):
            child = subprocess.Popen(["sleep", "600"])
            if event:
                print("never mind")
                time.sleep(600)
            return [os.getpid(), child.pid]
    '''
    async def main():
        async with running_service(Path(sys.argv[1]), Path(sys.argv[2])) as service:
            await create_function(service, CODE, Timeout=60)
            pids = json.loads((await invoke(service)).payload)
            busy = asyncio.create_task(invoke(service, {"stay": True}))
            await asyncio.sleep(0)
            print(json.dumps([*pids, service.zygote_pid]), flush=True)
            await busy
    asyncio.run(main())
"""


def test_no_process_is_left_when_emulator_is_killed(runtime_dir: Path, tmp_path: Path) -> None:
    # GIVEN an emulator in a process of its own, with a busy environment that has started a process
    command = [sys.executable, "-c", textwrap.dedent(EMULATOR), str(runtime_dir), str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout is not None
        pids = json.loads(emulator.stdout.readline())
        # WHEN it is killed
        emulator.send_signal(signal.SIGKILL)
        # THEN environment, its child and zygote end
        wait_for_end(pids)


def test_close_ends_what_runs_and_answers_its_callers(runtime_dir: Path, tmp_path: Path) -> None:
    code = (
        MEETING
        + """
    def handler(event, context):
        meet(event["port"])
    """
    )

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path, max_environments=1) as service, Meeting() as meeting:
            # GIVEN a call in progress and one that waits
            await create_function(service, code)
            calls = [asyncio.create_task(invoke(service, {"port": meeting.port})) for _ in range(2)]
            await meeting.arrived()
            assert service.zygote_pid is not None
            pids = [*service.environment_pids(), service.zygote_pid]
            # WHEN the service is closed
            await service.close()
            # THEN both callers are answered, nothing runs, and nothing is left of the environment's directory
            running, waiting = await asyncio.gather(*calls, return_exceptions=True)
            assert isinstance(running, InvokeResult)
            assert json.loads(running.payload)["errorType"] == "Runtime.ExitError"
            assert isinstance(waiting, AwsError)
            assert waiting.code == "ServiceException"
            await asyncio.to_thread(wait_for_end, pids)
            assert list((tmp_path / "work" / "environments").iterdir()) == []

    asyncio.run(scenario())


def test_service_works_again_when_zygote_was_killed(runtime_dir: Path, tmp_path: Path) -> None:
    code = "import os\ndef handler(event, context):\n    return os.getpid()\n"

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, code)
            first = json.loads((await invoke(service)).payload)
            assert service.zygote_pid is not None
            # WHEN the zygote is killed, its environments with it
            os.kill(service.zygote_pid, signal.SIGKILL)
            await asyncio.to_thread(wait_for_end, [first])
            # THEN the service has noticed, or says so once, and goes on with a new one
            results = [await invoke(service) for _ in range(2)]
            assert results[-1].function_error is None
            assert json.loads(results[-1].payload) != first

    asyncio.run(scenario())
