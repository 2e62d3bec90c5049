"""What a handler sees of the machine: its variables, its modules, its directories."""

import asyncio
import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from emulator.access.principal import make_access_key
from tests.emulator.lambda_runtime.harness import create_function, invoke, make_zip, running_service

LOOK_AROUND = """
    import importlib, os, sys
    def handler(event, context):
        importable = {}
        for name in event.get("names", []):
            try:
                importable[name] = importlib.import_module(name).__file__
            except ImportError:
                importable[name] = None
        return {
            "environment": dict(os.environ), "path": sys.path, "cwd": os.getcwd(), "importable": importable,
            "argv": sys.argv, "group": os.getpgid(0) == os.getpid(), "stdin": os.read(0, 1).decode(),
            "context": [context.function_name, context.function_version, context.memory_limit_in_mb,
                        context.invoked_function_arn, context.log_group_name, context.log_stream_name],
            "remaining": context.get_remaining_time_in_millis(),
        }
"""


async def look_around(service: Any, **event: Any) -> Any:
    return json.loads((await invoke(service, event)).payload)


def test_environment_has_exactly_lambdas_variables_and_the_functions(
    runtime_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    monkeypatch.setenv("SECRET_OF_THE_EMULATOR", "must not be seen")

    async def scenario() -> None:
        options = {"endpoint_url": "http://localhost:1", "xray_daemon_address": "127.0.0.1:2000"}
        async with running_service(runtime_dir, tmp_path, extra_environment={"EXTRA": "1"}, **options) as service:
            # GIVEN a function with a variable of its own
            await create_function(service, LOOK_AROUND, Environment={"Variables": {"CHUNK_SIZE": "500"}})
            # WHEN it looks around
            seen = await look_around(service)
            # THEN it finds its variable, Lambda's, the emulator's, and nothing of this process
            variables = dict(seen["environment"])
            task_root = variables["LAMBDA_TASK_ROOT"]
            stream = variables.pop("AWS_LAMBDA_LOG_STREAM_NAME")
            assert variables.pop("AWS_LAMBDA_RUNTIME_API").startswith("127.0.0.1:")
            assert Path(variables.pop("TMPDIR")).is_relative_to(tmp_path)
            assert variables.pop("AWS_ACCESS_KEY_ID") == make_access_key("arn:aws:iam::123456789012:role/test")
            for name in ("PATH", "LD_LIBRARY_PATH"):
                assert variables.pop(name)
            assert variables == {
                "CHUNK_SIZE": "500",
                "EXTRA": "1",
                "AWS_ENDPOINT_URL": "http://localhost:1",
                "_HANDLER": "app.handler",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
                "AWS_LAMBDA_FUNCTION_NAME": "sync_users",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/sync_users",
                "AWS_SECRET_ACCESS_KEY": "emulator",
                "AWS_SESSION_TOKEN": "emulator",
                "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
                "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
                "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
                "_AWS_XRAY_DAEMON_PORT": "2000",
                "LAMBDA_TASK_ROOT": task_root,
                "LAMBDA_RUNTIME_DIR": str(runtime_dir),
                "PYTHONPATH": str(runtime_dir),
                "LANG": "en_US.UTF-8",
                "TZ": ":UTC",
            }
            arn = "arn:aws:lambda:us-east-1:123456789012:function:sync_users"
            assert seen["context"] == ["sync_users", "$LATEST", "128", arn, "/aws/lambda/sync_users", stream]
            assert 0 < seen["remaining"] <= 30_000
            assert (seen["cwd"], seen["group"], seen["stdin"]) == (task_root, True, "")

    asyncio.run(scenario())


def test_only_function_and_runtime_are_importable(runtime_dir: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, LOOK_AROUND)
            # pytest and aiohttp are installed for the emulator, pip and setuptools with the interpreter.
            names = ["boto3", "awslambdaric", "json", "pytest", "aiohttp", "emulator", "pip", "setuptools"]
            seen = await look_around(service, names=names)
            found = {name for name, file in seen["importable"].items() if file}
            assert found == {"boto3", "awslambdaric", "json"}
            assert seen["importable"]["boto3"].startswith(str(runtime_dir))
            assert not any("site-packages" in entry for entry in seen["path"])
            assert sysconfig.get_path("stdlib") in seen["path"]
            assert sys.prefix not in seen["path"]

    asyncio.run(scenario())


def test_layers_come_after_the_function_and_before_the_runtime(runtime_dir: Path, tmp_path: Path) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html"""

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            # GIVEN two layers that overlap, with both of the directories that Python layers may have
            layers = []
            for name, files in (
                ("batch", {"python/express_batch.py": "NAME = 'batch'", "python/shared.py": "NAME = 'batch'"}),
                ("job", {"python/lib/python3.11/site-packages/job.py": "", "python/shared.py": "NAME = 'job'"}),
            ):
                request = {"LayerName": name, "Content": {"ZipFile": make_zip(files)}}
                layers.append((await service.call("PublishLayerVersion", request))["LayerVersionArn"])
            code = LOOK_AROUND + "\n    import shared\n    def which(event, context):\n        return shared.NAME\n"
            await create_function(service, code, Layers=layers)
            # WHEN the handler imports from them
            seen = await look_around(service, names=["express_batch", "job", "shared"])
            # THEN it finds everything, the later layer winning
            task_root = seen["environment"]["LAMBDA_TASK_ROOT"]
            opt = Path(seen["importable"]["express_batch"]).parents[1]
            assert seen["path"][:4] == [
                task_root,
                str(opt / "python/lib/python3.11/site-packages"),
                str(opt / "python"),
                str(runtime_dir),
            ]
            assert seen["importable"]["job"] == str(opt / "python/lib/python3.11/site-packages/job.py")
            changed = {"FunctionName": "sync_users", "Handler": "app.which"}
            await service.call("UpdateFunctionConfiguration", changed)
            assert (await invoke(service)).payload == b'"job"'
            # AND a layer that is taken away is no longer there
            await service.call("UpdateFunctionConfiguration", {**changed, "Layers": layers[:1]})
            assert (await invoke(service)).payload == b'"batch"'

    asyncio.run(scenario())


def test_function_sees_client_context_and_empty_event(runtime_dir: Path, tmp_path: Path) -> None:
    code = """
        def handler(event, context):
            return [event, context.client_context and context.client_context.custom]
    """

    async def scenario() -> None:
        async with running_service(runtime_dir, tmp_path) as service:
            await create_function(service, code)
            encoded = "eyJjdXN0b20iOiB7ImEiOiAxfX0="  # {"custom": {"a": 1}}
            answer = await service.call("Invoke", {"FunctionName": "sync_users", "ClientContext": encoded})
            assert json.loads(answer["Payload"]) == [{}, {"a": 1}]
            answer = await service.call("Invoke", {"FunctionName": "sync_users", "Payload": b'{"a": "\xc3\xbc"}'})
            assert json.loads(answer["Payload"]) == [{"a": "ü"}, None]

    asyncio.run(scenario())
