"""The life of execution environments, with real processes and AWS's own runtime interface client.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from emulator.errors import AwsError
from emulator.lambda_runtime import InvocationReport, environment
from tests.emulator.lambda_runtime.harness import (
    MEETING,
    Meeting,
    create_function,
    invoke,
    make_zip,
    running_service,
    wait_for_end,
)

COUNTER = """
    import os
    calls = 0
    def handler(event, context):
        global calls
        calls += 1
        if event.get("raise"):
            raise ValueError("no such user")
        return {"calls": calls, "pid": os.getpid()}
"""


def test_environment_keeps_module_state_when_handler_raised(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            # GIVEN an environment that has served a call
            await create_function(service, COUNTER)
            first = json.loads((await invoke(service)).payload)
            # WHEN the handler raises, and is called again
            failed = await invoke(service, {"raise": True})
            third = json.loads((await invoke(service)).payload)
            # THEN the error has AWS's form and the same process counts on
            error = json.loads(failed.payload)
            assert failed.function_error == "Unhandled"
            assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such user")
            assert error["requestId"] == failed.request_id
            assert "raise ValueError" in error["stackTrace"][0]
            assert third == {"calls": 3, "pid": first["pid"]}
            counters = service.statistics.of("sync_users")
            assert (counters.invocations, counters.cold_starts, counters.errors) == (3, 1, 1)

    asyncio.run(scenario())


def test_environment_is_killed_when_time_is_up(runtime_dir: Path, tmp_path: Path) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html (Sandbox.Timedout)"""
    code = """
        import os, subprocess, sys, time
        def handler(event, context):
            if event.get("pid"):
                return os.getpid()
            child = subprocess.Popen(["sleep", "600"])
            print(os.getpid(), child.pid)
            time.sleep(600)
    """

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            # GIVEN a function with a second to run, whose handler starts a process and hangs
            await create_function(service, code, Timeout=1)
            # WHEN it is invoked
            result = await invoke(service)
            # THEN the answer is the service's
            assert result.function_error == "Unhandled"
            assert json.loads(result.payload) == {
                "errorType": "Sandbox.Timedout",
                "errorMessage": f"RequestId: {result.request_id} Error: Task timed out after 1.00 seconds",
            }
            assert service.statistics.of("sync_users").timeouts == 1
            log = service.log_of("sync_users").messages()
            assert any(line.endswith(f"{result.request_id} Task timed out after 1.00 seconds") for line in log)
            assert "Status: timeout" in log[-1]
            # AND the next call has a new process, while nothing of the old group lives
            environment_pid, child_pid = (int(pid) for pid in log[1].split())
            await asyncio.to_thread(wait_for_end, [environment_pid, child_pid])
            assert json.loads((await invoke(service, {"pid": True})).payload) != environment_pid
            assert service.statistics.of("sync_users").cold_starts == 2

    asyncio.run(scenario())


def test_invoke_answers_exit_error_when_environment_is_killed_in_mid_call(runtime_dir: Path, tmp_path: Path) -> None:
    code = (
        MEETING
        + """
    import os
    def handler(event, context):
        if "port" in event:
            meet(event["port"])
        return os.getpid()
    """
    )

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service, Meeting() as meeting:
            # GIVEN a call in progress
            await create_function(service, code)
            call = asyncio.create_task(invoke(service, {"port": meeting.port}))
            await meeting.arrived()
            # WHEN its process is killed
            (victim,) = service.environment_pids()
            os.kill(victim, signal.SIGKILL)
            result = await call
            # THEN the caller learns of it and the next call runs elsewhere
            assert json.loads(result.payload) == {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {result.request_id} Error: Runtime exited with error: signal: killed",
            }
            assert json.loads((await invoke(service)).payload) != victim

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(4)", "Runtime exited with error: exit status 4"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_invoke_answers_exit_error_when_process_ends(
    runtime_dir: Path, tmp_path: Path, statement: str, words: str
) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, f"import os, sys\ndef handler(event, context):\n    {statement}\n")
            result = await invoke(service)
            error = json.loads(result.payload)
            assert error["errorType"] == "Runtime.ExitError"
            assert error["errorMessage"] == f"RequestId: {result.request_id} Error: {words}"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("import no_such_module", "app.handler", "Runtime.ImportModuleError", "No module named 'no_such_module'"),
        ("", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("raise KeyError('setting')", "app.handler", "KeyError", "'setting'"),
    ],
)
def test_invoke_answers_runtimes_error_when_init_fails(
    runtime_dir: Path, tmp_path: Path, code: str, handler: str, error_type: str, message: str
) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            # GIVEN a function that cannot be imported
            await create_function(service, code, Handler=handler)
            # WHEN it is invoked
            result = await invoke(service)
            # THEN INIT was tried, and tried again in the time of the invocation
            error = json.loads(result.payload)
            assert result.function_error == "Unhandled"
            assert error["errorType"] == error_type
            assert message in error["errorMessage"]
            reports = [line for line in service.log_of("sync_users").messages() if line.startswith("INIT_REPORT")]
            assert ["Phase: init" in reports[0], "Phase: invoke" in reports[1]] == [True, True]
            assert f"Error Type: {error_type}" in reports[0]
            # AND nothing is left of it
            assert service.environment_pids() == []

    asyncio.run(scenario())


def test_init_is_repeated_in_invocations_time_when_it_takes_too_long(
    runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
        import os, pathlib, time
        marker = pathlib.Path(os.environ["MARKER"])
        if not marker.exists():
            marker.touch()
            time.sleep(600)
        def handler(event, context):
            return "ready"
    """
    monkeypatch.setattr(environment, "INIT_SECONDS", 0.3)

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            # GIVEN a function whose first INIT hangs
            variables = {"Variables": {"MARKER": str(tmp_path / "marker")}}
            await create_function(service, code, Environment=variables, Timeout=20)
            # WHEN it is invoked
            result = await invoke(service)
            # THEN the second INIT, which the time limit of INIT does not bind, serves it
            assert result.payload == b'"ready"'
            log = service.log_of("sync_users").messages()
            assert "Phase: init\tStatus: timeout" in log[0]
            assert "Init Duration" not in log[-1]

    asyncio.run(scenario())


def test_invoke_answers_marshal_error_when_answer_is_not_json(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, "def handler(event, context):\n    return {1, 2}\n")
            error = json.loads((await invoke(service)).payload)
            assert error["errorType"] == "Runtime.MarshalError"
            assert "is not JSON serializable" in error["errorMessage"]

    asyncio.run(scenario())


def test_environments_are_replaced_when_code_is_updated(runtime_dir: Path, tmp_path: Path) -> None:
    old = (
        MEETING
        + """
    def handler(event, context):
        if "port" in event:
            meet(event["port"])
        return "old"
    """
    )

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service, Meeting() as meeting:
            # GIVEN a call in progress
            await create_function(service, old)
            call = asyncio.create_task(invoke(service, {"port": meeting.port}))
            await meeting.arrived()
            (old_pid,) = service.environment_pids()
            # WHEN the code changes
            package = make_zip({"app.py": "def handler(event, context):\n    return 'new'\n"})
            await service.call("UpdateFunctionCode", {"FunctionName": "sync_users", "ZipFile": package})
            # THEN new calls run the new code, the one in progress ends with the old, and its environment is gone
            assert (await invoke(service)).payload == b'"new"'
            await meeting.release()
            assert (await call).payload == b'"old"'
            assert (await invoke(service)).payload == b'"new"'
            await asyncio.to_thread(wait_for_end, [old_pid])

    asyncio.run(scenario())


def test_environment_is_used_again_when_caller_was_cancelled(runtime_dir: Path, tmp_path: Path) -> None:
    code = (
        MEETING
        + """
    done = []
    def handler(event, context):
        if "port" in event:
            meet(event["port"])
        done.append(context.aws_request_id)
        return len(done)
    """
    )

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service, Meeting() as meeting:
            # GIVEN a caller that has gone away in mid-call
            await create_function(service, code)
            finished = asyncio.Event()
            service.add_listener(lambda _report: finished.set())
            call = asyncio.create_task(invoke(service, {"port": meeting.port}))
            await meeting.arrived()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            # WHEN the handler ends
            await meeting.release()
            async with asyncio.timeout(60):
                await finished.wait()
            # THEN the invocation has counted, and its environment serves the next
            assert (await invoke(service)).payload == b"2"
            assert service.statistics.of("sync_users").cold_starts == 1

    asyncio.run(scenario())


def test_invocations_share_environments_when_they_do_not_overlap(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, COUNTER)

            async def call_often() -> None:
                for _ in range(50):
                    await invoke(service)

            await asyncio.gather(*(call_often() for _ in range(3)))
            assert service.statistics.of("sync_users").cold_starts == 3
            assert len(service.environment_pids()) == 3

    asyncio.run(scenario())


def test_environment_ends_when_it_was_idle_long_enough(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path, idle_seconds=0.0) as service:
            await create_function(service, COUNTER)
            first = json.loads((await invoke(service)).payload)
            await asyncio.to_thread(wait_for_end, [first["pid"]])
            assert json.loads((await invoke(service)).payload)["calls"] == 1

    asyncio.run(scenario())


def test_listener_hears_of_each_invocation(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, COUNTER)
            reports: list[InvocationReport] = []
            service.add_listener(reports.append)
            first = await invoke(service)
            await invoke(service, {"raise": True})
            cold, warm = reports
            assert (cold.function_name, cold.request_id, cold.function_error) == ("sync_users", first.request_id, None)
            assert cold.init_ms is not None
            assert cold.max_memory_mb > 0
            assert (warm.init_ms, warm.function_error, warm.error_type) == (None, "Unhandled", "ValueError")

    asyncio.run(scenario())


def test_waiting_call_fails_when_function_is_deleted(runtime_dir: Path, tmp_path: Path) -> None:
    code = (
        MEETING
        + """
    def handler(event, context):
        meet(event["port"])
    """
    )

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path, max_environments=1) as service, Meeting() as meeting:
            # GIVEN one call in progress and one that waits for its environment
            await create_function(service, code)
            running = asyncio.create_task(invoke(service, {"port": meeting.port}))
            await meeting.arrived()
            waiting = asyncio.create_task(invoke(service, {"port": meeting.port}))
            await asyncio.sleep(0)
            # WHEN the function is deleted
            await service.call("DeleteFunction", {"FunctionName": "sync_users"})
            # THEN the one that waits fails, the other ends
            with pytest.raises(AwsError, match="ResourceNotFoundException"):
                await waiting
            await meeting.release()
            assert (await running).function_error is None

    asyncio.run(scenario())
