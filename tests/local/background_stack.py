"""A local stack that runs beside the tests, in an event loop of its own."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import boto3
import pymysql

from batchctl.database_url import DatabaseUrl
from batchctl.local.local_stack import LocalStack, local_stack
from batchctl.local.options import LocalOptions
from emulator.partner_api import LastAnswer
from emulator.step_functions import Execution

T = TypeVar("T")


class BackgroundStack:
    """Starts in `with`; its methods may be called from the test's thread."""

    def __init__(self, options: LocalOptions) -> None:
        self._options = options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local stack")
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._error: BaseException | None = None
        self._next_run = datetime(2026, 1, 1, tzinfo=UTC)
        self.stack: LocalStack

    def __enter__(self) -> "BackgroundStack":
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns, run in the stack's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def new_time(self) -> str:
        """A scheduled time that no run had yet."""
        self._next_run += timedelta(minutes=10)
        return self._next_run.strftime("%Y-%m-%dT%H:%M:%SZ")

    def run_batch(self, scheduled_time: str | None = None) -> Execution:
        """The ended execution of UserBatch."""

        async def run() -> Execution:
            execution = await self.stack.emulator.state_machines.start(
                self.stack.state_machine_arn, {"scheduled_time": scheduled_time or self.new_time()}
            )
            return await execution.wait()

        return self.do(run())

    def run_side_by_side(self, count: int) -> list[Execution]:
        """The ended executions of runs for different times that began in the same moment."""

        async def run() -> list[Execution]:
            machines = self.stack.emulator.state_machines
            started = [
                await machines.start(self.stack.state_machine_arn, {"scheduled_time": self.new_time()})
                for _ in range(count)
            ]
            return [await execution.wait() for execution in started]

        return self.do(run())

    def run_dry(self, users: int) -> Execution:
        """The ended execution of a dry run."""

        async def run() -> Execution:
            execution = await self.stack.emulator.state_machines.start(
                self.stack.state_machine_arn, {"dry_run": True, "users": users}
            )
            return await execution.wait()

        return self.do(run())

    def smoke_run(self, users: int) -> Execution:
        """The ended execution of SmokeRun."""

        async def run() -> Execution:
            arn = self.stack.stack.outputs["SmokeRunArn"]
            return await (await self.stack.emulator.state_machines.start(arn, {"users": users})).wait()

        return self.do(run())

    def stream_records(self) -> int:
        """How many records WriteRows' mapping has read."""
        return sum(mapping.records for mapping in self.stack.emulator.mappings.statistics.values())

    def set_api(self, **options: Any) -> None:
        """Give the partner API other options, no user an override but those given, and forget what it has answered."""
        api = self.stack.partner_api
        assert api is not None
        users = dict.fromkeys(api.options.users) | options.pop("users", {})  # None takes an override away
        self.do(api.set_options(**options, users=users))
        self.do(api.reset(keep_versions=True))

    def forget_circuit(self) -> None:
        """Take control/circuit.json away, so that a run before has no say in whether the next one probes."""
        bucket = self.stack.stack.outputs["RunBucketName"]
        self.client("s3").delete_object(Bucket=bucket, Key="control/circuit.json")

    def answers(self) -> dict[str, LastAnswer]:
        """The last good answer for each user."""
        assert self.stack.partner_api is not None
        return self.do(self.stack.partner_api.answers())

    def calls(self) -> int:
        """How often the partner API was called since the last `set_api`."""
        assert self.stack.partner_api is not None
        return sum(self.do(self.stack.partner_api.calls_by_user()).values())

    def calls_by_user(self) -> dict[str, int]:
        """The same for each user that was called for."""
        assert self.stack.partner_api is not None
        return self.do(self.stack.partner_api.calls_by_user())

    def client(self, service: str) -> Any:
        """A boto3 client of the stack's endpoint."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.stack.emulator.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def log_lines(self, *functions: str) -> list[str]:
        """What the functions (ListUsers ...) have logged, each platform line and metric too."""
        outputs = self.stack.stack.outputs
        return [
            message
            for name in functions
            for message in self.stack.emulator.functions.log_of(outputs[f"{name}FunctionName"]).messages()
        ]

    def traces(self) -> dict[str, list[str]]:
        """{trace id: its documents} of all traces, as X-Ray hands them out."""
        client = self.client("xray")
        pages = client.get_paginator("get_trace_summaries").paginate(
            StartTime=datetime.fromtimestamp(0, UTC), EndTime=datetime.now(UTC) + timedelta(minutes=1)
        )
        ids = [summary["Id"] for page in pages for summary in page["TraceSummaries"]]
        found = {}
        for start in range(0, len(ids), 5):
            for trace in client.batch_get_traces(TraceIds=ids[start : start + 5])["Traces"]:
                found[trace["Id"]] = [segment["Document"] for segment in trace["Segments"]]
        return found

    def query(self, statement: str, *parameters: Any, database: DatabaseUrl | None = None) -> list[tuple[Any, ...]]:
        """All rows of a SELECT, or what another statement left: committed. `database`: not the stack's own."""
        address = database or self.stack.database
        with (
            pymysql.connect(
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password,
                database=address.name,
                autocommit=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())

    def failures(self, run_id: str) -> dict[str, str]:
        """{user_id: reason} of the run's failure records about users."""
        return {
            failure["user_id"]: failure["reason"]
            for document in self.failure_documents(run_id)
            for failure in document.get("failures", [])
        }

    def failure_documents(self, run_id: str) -> list[dict[str, Any]]:
        """Every failure record of the run."""
        return [json.loads(body) for body in self.objects(f"runs/{run_id}/failures/").values()]

    def objects(self, prefix: str) -> dict[str, str]:
        """{key: body} of the run bucket's objects whose keys begin so."""
        client = self.client("s3")
        bucket = self.stack.stack.outputs["RunBucketName"]
        keys = [
            item["Key"]
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for item in page.get("Contents", [])
        ]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}

    def _run(self) -> None:
        try:
            asyncio.run(self._keep_running())
        except BaseException as error:  # noqa: BLE001  # told to the test's thread
            self._error = error
            self._ready.set()

    async def _keep_running(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with local_stack(self._options, lambda _: None) as self.stack:
            self._ready.set()
            await self._stop.wait()
