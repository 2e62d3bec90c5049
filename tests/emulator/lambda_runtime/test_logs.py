"""What is logged, where, and in which form.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

import asyncio
import base64
import json
import re
from pathlib import Path

from tests.emulator.lambda_runtime.harness import create_function, invoke, running_service

TALK = """
    import logging, sys
    logging.getLogger().setLevel("INFO")
    def handler(event, context):
        print("to stdout")
        print("to stderr", file=sys.stderr)
        logging.info("through logging")
        sys.stdout.write("x" * event.get("length", 0))
"""


def test_log_has_lambdas_lines_around_the_handlers(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path, log_dir=tmp_path / "logs") as service:
            await create_function(service, TALK)
            cold = await invoke(service)
            warm = await invoke(service)
            log = service.log_of("sync_users").messages()
            start, out, err, logged, end, report = log[:6]
            assert start == f"START RequestId: {cold.request_id} Version: $LATEST"
            assert (out, err) == ("to stdout", "to stderr")
            assert re.fullmatch(rf"\[INFO\]\t\S+Z\t{cold.request_id}\tthrough logging", logged)
            assert end == f"END RequestId: {cold.request_id}"
            pattern = (
                r"REPORT RequestId: {}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
                r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\t{}"
            )
            assert re.fullmatch(pattern.format(cold.request_id, r"Init Duration: \d+\.\d\d ms\t"), report)
            assert re.fullmatch(pattern.format(warm.request_id, ""), log[-1])
        # The file has the same lines, with time and stream before them.
        lines = (tmp_path / "logs" / "sync_users.log").read_text().splitlines()
        assert [line.split(" ", 2)[2] for line in lines] == log
        assert re.fullmatch(r"\S+Z \d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", " ".join(lines[0].split(" ", 2)[:2]))

    asyncio.run(scenario())


def test_log_keeps_all_when_handler_prints_a_megabyte(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, TALK)
            result = await invoke(service, {"length": 1_000_000}, tail=True)
            assert result.function_error is None
            printed = sum(line.count("x") for line in service.log_of("sync_users").messages() if set(line) == {"x"})
            assert printed == 1_000_000
            # The tail is the end of it: 4 KiB, REPORT included.
            assert result.log_tail is not None
            assert len(result.log_tail) == 4096
            assert b"REPORT RequestId" in result.log_tail

    asyncio.run(scenario())


def test_invoke_returns_the_calls_own_log_when_tail_is_asked_for(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, TALK)
            await invoke(service)
            answer = await service.call("Invoke", {"FunctionName": "sync_users", "LogType": "Tail"})
            lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
            assert [line.split()[0] for line in lines] == ["START", "to", "to", "[INFO]", "END", "REPORT"]

    asyncio.run(scenario())


def test_log_is_json_when_function_asks_for_it(runtime_dir: Path, tmp_path: Path) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html"""
    code = """
        import logging
        def handler(event, context):
            logging.getLogger().info("synced", extra={"users": 100})
            raise ValueError("then this")
    """

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            config = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": "/batch/acme"}
            await create_function(service, code, LoggingConfig=config)
            result = await invoke(service)
            start, info, error, report = [json.loads(line) for line in service.log_of("sync_users").messages()]
            assert start["type"] == "platform.start"
            assert (info["level"], info["message"], info["users"]) == ("INFO", "synced", 100)
            assert (error["errorType"], error["requestId"]) == ("ValueError", result.request_id)
            assert report["type"] == "platform.report"
            assert report["record"]["status"] == "error"
            assert report["record"]["metrics"]["memorySizeMB"] == 128

    asyncio.run(scenario())
