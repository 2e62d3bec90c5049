"""Lambda's quotas, met and passed.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import asyncio
import json
from pathlib import Path

import pytest

from emulator.errors import AwsError
from tests.emulator.lambda_runtime.harness import create_function, invoke, running_service

ECHO_LENGTH = """
    def handler(event, context):
        return "x" * event["length"] if isinstance(event, dict) else len(event)
"""
MIB = 1024 * 1024


def test_invoke_takes_six_mebibytes_and_refuses_more(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, ECHO_LENGTH, MemorySize=512, Timeout=30)
            largest = b'"' + b"x" * (6 * MIB - 2) + b'"'
            answer = await service.call("Invoke", {"FunctionName": "sync_users", "Payload": largest})
            assert json.loads(answer["Payload"]) == 6 * MIB - 2
            with pytest.raises(AwsError) as refused:
                await service.call("Invoke", {"FunctionName": "sync_users", "Payload": largest + b" "})
            assert (refused.value.code, refused.value.status) == ("RequestTooLargeException", 413)
            assert refused.value.message == (
                "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)"
            )
            event = {"FunctionName": "sync_users", "Payload": b"1" * (MIB + 1), "InvocationType": "Event"}
            with pytest.raises(AwsError, match="Event invocation type"):
                await service.call("Invoke", event)

    asyncio.run(scenario())


def test_invoke_answers_response_size_too_large_when_answer_passes_six_mebibytes(
    runtime_dir: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, ECHO_LENGTH, MemorySize=512, Timeout=30)
            fits = await invoke(service, {"length": 6 * MIB - 2})
            assert (len(fits.payload), fits.function_error) == (6 * MIB, None)
            result = await invoke(service, {"length": 7 * MIB})
            assert json.loads(result.payload) == {
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            }
            # The runtime does not survive the refusal; the function does.
            assert (await invoke(service, {"length": 1})).payload == b'"x"'

    asyncio.run(scenario())


def test_environment_is_killed_when_it_holds_more_than_its_memory_size(runtime_dir: Path, tmp_path: Path) -> None:
    code = """
        import time
        def handler(event, context):
            held = bytearray(event["megabytes"] * 1024 * 1024)
            for start in range(0, len(held), 4096):
                held[start] = 1
            time.sleep(event["seconds"])
            return "held"
    """

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, code, MemorySize=128, Timeout=20)
            assert (await invoke(service, {"megabytes": 64, "seconds": 0})).payload == b'"held"'
            result = await invoke(service, {"megabytes": 256, "seconds": 15})
            error = json.loads(result.payload)
            assert error["errorType"] == "Runtime.ExitError"
            assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
            assert "Error Type: Runtime.OutOfMemory" in service.log_of("sync_users").messages()[-1]

    asyncio.run(scenario())


def test_invoke_refuses_payload_that_is_not_json(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, ECHO_LENGTH)
            with pytest.raises(
                AwsError, match="InvalidRequestContentException: Could not parse request body into json"
            ):
                await service.call("Invoke", {"FunctionName": "sync_users", "Payload": b"{not json"})

    asyncio.run(scenario())
