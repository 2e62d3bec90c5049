"""The whole emulator: every service behind one endpoint. `async with Emulator(options) as emulator`."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from emulator.access.guard import AccessGuard
from emulator.access.guarded import GuardedInvoker, GuardedMappings, GuardedSdkCaller
from emulator.access.wire_guard import WireGuard
from emulator.errors import AwsError
from emulator.event_sources import BotoDestination, EventSourceMappingService
from emulator.faults.invocations import FaultyDeliveries, FaultyTasks
from emulator.faults.plan import FaultPlan
from emulator.gateway.client_environment import client_environment
from emulator.gateway.gateway import Gateway, open_listener, url_of
from emulator.gateway.service_call import ServiceCall
from emulator.identity import Identity
from emulator.lambda_runtime.logs import RING_LINES
from emulator.lambda_runtime.runtime_files import prepare_runtime
from emulator.lambda_runtime.service import LambdaService
from emulator.retention.calendar import Calendar, RealCalendar
from emulator.retention.lifecycle import LifecycleSweeper
from emulator.retention.sweeper import RetentionSweeper
from emulator.services.cloudformation import CloudFormationService
from emulator.services.embedded_metrics import EmbeddedMetrics
from emulator.services.kinesis import KinesisService
from emulator.services.logs import LogsService
from emulator.services.moto import Moto
from emulator.services.xray import XRayService
from emulator.stack import AwsCaller, BotoCaller
from emulator.step_functions import StepFunctionsService
from emulator.step_functions.sdk_caller import BotocoreSdkCaller

PROJECT_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class EmulatorOptions:
    """What a caller may choose."""

    work_dir: Path = PROJECT_ROOT / ".local" / "emulator"  # logs and code of this emulator alone
    cache_dir: Path = field(default=PROJECT_ROOT / ".local" / "cache")  # emulators share it, also at the same time
    identity: Identity = field(default_factory=Identity)
    runtime_requirements: Path = PROJECT_ROOT / "requirements" / "runtime.txt"
    max_environments: int = 64
    poll_interval_seconds: float = 0.2
    clock_library: Path | None = None  # libfaketime, for faults of the clock
    # What is kept for days goes when they are over by this calendar; it is looked for at the interval.
    calendar: Calendar = field(default_factory=RealCalendar)
    sweep_seconds: float = 3600
    # What is kept by number: the newest.
    kept_executions: int = 100
    kept_trace_documents: int = 200_000
    kept_log_lines: int = RING_LINES  # of each function in memory, besides its log group
    # "After a period of time of inactivity", which AWS does not name, an environment ends.
    idle_seconds: float | None = 900


class Emulator:
    """AWS on this machine. When its block is left, nothing is left running."""

    def __init__(self, options: EmulatorOptions) -> None:
        self.options = options
        identity = options.identity
        self.moto = Moto(identity, options.work_dir / "moto.log")
        self.xray = XRayService(identity, max_documents=options.kept_trace_documents)
        self.kinesis = KinesisService(identity)
        self.faults = FaultPlan()
        self.kinesis.put_fault = self.faults.refuse_record
        self._exit = contextlib.AsyncExitStack()
        # Made when the addresses that they need are known.
        self.url: str
        self.aws: AwsCaller
        self.access: AccessGuard
        self.functions: LambdaService
        self.logs: LogsService
        self.mappings: EventSourceMappingService
        self.retention: RetentionSweeper
        self.state_machines: StepFunctionsService
        self.stacks: CloudFormationService

    async def __aenter__(self) -> "Emulator":
        async with contextlib.AsyncExitStack() as parts:
            await self._start(parts)
            self._exit = parts.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    async def _start(self, parts: contextlib.AsyncExitStack) -> None:
        options, identity = self.options, self.options.identity
        options.work_dir.mkdir(parents=True, exist_ok=True)
        parts.push_async_callback(self.moto.stop)
        moto_url, runtime_dir = await asyncio.gather(
            self.moto.start(),
            asyncio.to_thread(prepare_runtime, options.cache_dir, options.runtime_requirements),
        )
        parts.push_async_callback(self.xray.close)
        xray_address = await self.xray.start()

        # Functions are told the endpoint's address before it can answer them.
        listener = open_listener()
        parts.callback(listener.close)
        self.url = url_of(listener)
        caller = BotoCaller(self.url, identity)
        parts.callback(caller.close)
        self.aws = caller
        self.access = AccessGuard(identity, caller)
        self.functions = LambdaService(
            identity,
            runtime_dir=runtime_dir,
            work_dir=options.work_dir / "lambda",
            log_dir=options.work_dir / "logs",
            extra_environment=client_environment(self.url, identity),
            xray_daemon_address=xray_address,
            max_environments=options.max_environments,
            idle_seconds=options.idle_seconds,
            log_ring_lines=options.kept_log_lines,
            fetch_object=self._fetch_object,
            deliver=self._deliver,
            issue_key=self.access.issue_key,
            faults=self.faults,
            clock_library=options.clock_library,
        )
        parts.push_async_callback(self.functions.close)
        await self.functions.start()
        destination = BotoDestination(self.url, identity)
        parts.callback(destination.close)
        self.mappings = EventSourceMappingService(
            identity,
            self.kinesis,
            FaultyDeliveries(self.functions, self.faults),
            destination,
            poll_interval_seconds=options.poll_interval_seconds,
        )
        parts.push_async_callback(self.mappings.close)
        sdk_caller = BotocoreSdkCaller(identity, self.url)
        parts.callback(sdk_caller.close)
        moto_caller = BotoCaller(moto_url, identity)
        parts.callback(moto_caller.close)
        self.logs = LogsService(identity, moto_caller, self.functions.logs, options.work_dir / "logs" / "vended")
        parts.callback(self.logs.flush)
        self.retention = RetentionSweeper(
            LifecycleSweeper(moto_caller, options.calendar),
            self.logs,
            self.kinesis,
            options.calendar,
            drop_packages=self.functions.drop_unused_packages,
        )
        parts.push_async_callback(self.retention.close)
        self.retention.start(options.sweep_seconds)
        self.state_machines = StepFunctionsService(
            identity,
            FaultyTasks(GuardedInvoker(self.functions, self.access), self.faults),
            GuardedSdkCaller(sdk_caller, self.access),
            kept_express_executions=options.kept_executions,
            event_log=self.logs,
            send_segment=self.xray.add,
            faults=self.faults,
        )
        self.stacks = CloudFormationService(identity, caller, self._fetch, options.work_dir / "templates")
        services: dict[str, ServiceCall] = {
            "states": self.state_machines,
            "lambda": self.functions,
            "event-source-mappings": GuardedMappings(self.mappings, self.functions, self.access),
            "kinesis": self.kinesis,
            "xray": self.xray,
            "cloudformation": self.stacks,
            "logs": self.logs,
        }
        metrics = EmbeddedMetrics(moto_caller, self.functions.logs)
        gateway = Gateway(
            services,
            moto_url,
            listener=listener,
            guard=WireGuard(self.access),
            faults=self.faults,
            before_fallback={"logs": self.logs.make_groups, "monitoring": metrics.bring_up_to_date},
        )
        parts.push_async_callback(gateway.close)
        parts.push_async_callback(self.stacks.close)
        # Executions end first: what they call must still be there.
        parts.push_async_callback(self.state_machines.close)
        await gateway.start()

    async def _fetch(self, bucket: str, key: str) -> bytes:
        return await self._fetch_object(bucket, key, None)

    async def _fetch_object(self, bucket: str, key: str, version: str | None) -> bytes:
        wanted = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        answer = await self.aws.call("s3", "GetObject", **wanted)
        return bytes(await asyncio.to_thread(answer["Body"].read))

    async def _deliver(self, destination_arn: str, body: bytes, attributes: dict[str, str]) -> None:
        """What an asynchronous invocation leaves behind, to a queue or a topic."""
        service, name = destination_arn.split(":")[2], destination_arn.rpartition(":")[2]
        typed = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
        text = body.decode()
        if service == "sqs":
            url = (await self.aws.call("sqs", "GetQueueUrl", QueueName=name))["QueueUrl"]
            await self.aws.call("sqs", "SendMessage", QueueUrl=url, MessageBody=text, MessageAttributes=typed)
        elif service == "sns":
            await self.aws.call("sns", "Publish", TopicArn=destination_arn, Message=text, MessageAttributes=typed)
        else:
            raise AwsError("InvalidParameterValueException", f"a destination in {service} is not emulated")
