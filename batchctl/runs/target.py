"""Where runs are read from: a stack on AWS, a stack that `batchctl local up` keeps, or past runs of this machine."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound
from express_batch.outside_json import decode_json

from batchctl.errors import BatchctlError, UsageError
from batchctl.project_tree import STATE_DIR
from batchctl.runs.archive import Archive, NoRunsError, compare_with_past
from batchctl.runs.aws_sources import CloudWatchRunLogs, RateLimit, S3RunObjects, XRayRunTraces, explain
from batchctl.runs.collect import RunNotFoundError, collect_run
from batchctl.runs.listing import list_heads
from batchctl.runs.ports import RunSource
from batchctl.runs.run_data import RunData, RunHead
from batchctl.runs.stack_facts import StackFacts, make_stack_facts

ARCHIVE_DIR = STATE_DIR / "runs"
ENDPOINTS_PATH = Path(".local/endpoints.json")
# The quota of FilterLogEvents is 5 requests a second for an account and region, so one is left for others
# (https://repost.aws/knowledge-center/cloudwatch-logs-throttling).
LOG_REQUESTS_PER_SECOND = 4.0


class Target(Protocol):
    """A place with runs."""

    def newest(self) -> str:
        """The newest run's id. Raises NoRunsError."""
        ...

    def heads(self, limit: int) -> list[RunHead]:
        """The newest runs, with what they cost as far as it is known."""
        ...

    def collect(self, run_id: str) -> RunData:
        """All of one run. Raises RunNotFoundError."""
        ...

    def source_of(self, run_id: str) -> RunSource | None:
        """Where the run's objects and log lines can still be read; None where only its data was kept."""
        ...

    def objects_of(self, run_id: str) -> dict[str, bytes]:
        """Chunks and failure records of a run that has no source any more."""
        ...


@dataclass(frozen=True)
class LiveTarget:
    """A stack that is there."""

    source: RunSource

    def newest(self) -> str:
        """The newest run's id."""
        run_ids = self.source.objects.list_run_ids()
        if not run_ids:
            facts = self.source.facts
            raise NoRunsError(
                f"{facts.origin} has no runs in s3://{facts.bucket}: its schedule starts them, or "
                f"`batchctl start{facts.options}` does"
            )
        return run_ids[-1]

    def heads(self, limit: int) -> list[RunHead]:
        """The newest runs."""
        return list_heads(self.source, limit)

    def collect(self, run_id: str) -> RunData:
        """All of one run."""
        return collect_run(self.source, run_id)

    def source_of(self, run_id: str) -> RunSource | None:
        """The stack."""
        return self.source

    def objects_of(self, run_id: str) -> dict[str, bytes]:
        """Nothing: they are in the bucket."""
        return {}


@dataclass(frozen=True)
class ArchiveTarget:
    """Past runs of this machine."""

    archive: Archive

    def newest(self) -> str:
        """The newest run's id."""
        return self.archive.newest()

    def heads(self, limit: int) -> list[RunHead]:
        """The newest runs."""
        self.archive.newest()  # says what to do where there are none
        return self.archive.heads(limit)

    def collect(self, run_id: str) -> RunData:
        """What was collected when the run had ended."""
        return self.archive.load(run_id)

    def source_of(self, run_id: str) -> RunSource | None:
        """None: the stack is gone."""
        return None

    def objects_of(self, run_id: str) -> dict[str, bytes]:
        """What was kept of them."""
        return self.archive.objects(run_id)


@dataclass(frozen=True)
class LocalUpTarget(LiveTarget):
    """A stack of `batchctl local up`; past runs of this machine are found as well."""

    archive: ArchiveTarget

    def newest(self) -> str:
        """The stack's newest run, or else the newest past one."""
        try:
            return super().newest()
        except NoRunsError:
            return self.archive.newest()

    def heads(self, limit: int) -> list[RunHead]:
        """The stack's runs, then past ones."""
        heads = super().heads(limit)
        return heads + self.archive.archive.heads(limit - len(heads))

    def collect(self, run_id: str) -> RunData:
        """The stack's run, or else a past one."""
        try:
            return compare_with_past(super().collect(run_id), self.archive.archive)
        except RunNotFoundError:
            return self.archive.collect(run_id)

    def source_of(self, run_id: str) -> RunSource | None:
        """The stack, for its own runs."""
        return self.source if run_id in self.source.objects.list_run_ids() else None

    def objects_of(self, run_id: str) -> dict[str, bytes]:
        """What was kept of a past run."""
        return self.archive.objects_of(run_id)


def open_target(
    stack: str | None = None,
    region: str | None = None,
    *,
    endpoints_path: Path = ENDPOINTS_PATH,
    archive_dir: Path = ARCHIVE_DIR,
) -> Target:
    """AWS where a stack is named; otherwise this machine. Raises BatchctlError with the remedy."""
    if stack is not None:
        return LiveTarget(open_aws_source(stack, region))
    if region is not None:
        raise UsageError("--region is for a stack on AWS: name it with --stack")
    archive = ArchiveTarget(Archive(archive_dir))
    source = open_up_source(endpoints_path)
    return archive if source is None else LocalUpTarget(source, archive)


def describe_stack(stack: str, region: str | None) -> tuple[boto3.Session, dict[str, Any]]:
    """A session of the stack's region, and what CloudFormation says of it. Raises BatchctlError with the remedy."""
    try:
        session = boto3.Session(region_name=region)
        return session, dict(session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0])
    except NoRegionError as error:
        raise BatchctlError(f"stack {stack}: no region: give --region, or set AWS_REGION") from error
    except ProfileNotFound as error:
        raise BatchctlError(
            f"stack {stack}: {error}: set AWS_PROFILE to one that `aws configure list-profiles` shows"
        ) from error
    except (ClientError, BotoCoreError) as error:
        where = region or session.region_name
        if isinstance(error, ClientError) and "does not exist" in str(error):
            raise BatchctlError(
                f"stack {stack} does not exist in {where}: `batchctl groups list` shows stacks and regions, "
                "--region chooses another"
            ) from error
        raise explain(f"stack {stack} in {where}", error) from error


def open_aws_source(stack: str, region: str | None) -> RunSource:
    """The stack's sources; its names and parameters come from CloudFormation."""
    session, answer = describe_stack(stack, region)
    where = session.region_name
    facts = make_stack_facts(
        {output["OutputKey"]: output["OutputValue"] for output in answer.get("Outputs", [])},
        {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in answer.get("Parameters", [])},
        origin=f"stack {stack} in {where}",
        options=f" --stack {stack}" + (f" --region {region}" if region else ""),
    )
    # "adaptive" would slow down all calls of the session for a throttle of one.
    config = Config(retries={"mode": "standard", "total_max_attempts": 6}, max_pool_connections=20)
    return _make_source(
        facts, lambda service: session.client(service, config=config), RateLimit(LOG_REQUESTS_PER_SECOND)
    )


def make_local_session(region: str) -> boto3.Session:
    """For the emulator, which asks for no secret; one that is given keeps botocore from looking for a real one."""
    return boto3.Session(region_name=region, aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106


def open_local_source(gateway_url: str, region: str, outputs: dict[str, str], parameters: dict[str, Any]) -> RunSource:
    """The sources of a stack at the emulator's endpoint: the same code as on AWS."""
    session = make_local_session(region)
    config = Config(
        retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}, max_pool_connections=20, connect_timeout=5
    )
    facts = make_stack_facts(outputs, parameters, origin="this machine", options="")
    return _make_source(
        facts,
        lambda service: session.client(service, endpoint_url=gateway_url, config=config),
        None,
    )


@dataclass(frozen=True)
class UpStack:
    """The stack that `batchctl local up` keeps."""

    gateway_url: str
    region: str
    outputs: dict[str, str]
    parameters: dict[str, Any]


def find_up_stack(endpoints_path: Path) -> UpStack | None:
    """What the file says, or None where no stack is up, whatever file a killed one has left."""
    try:
        endpoints = decode_json(endpoints_path.read_text(encoding="utf-8"))
        url, region = str(endpoints["gateway_url"]), str(endpoints["region"])
        up = UpStack(url, region, dict(endpoints["outputs"]), dict(endpoints["parameters"]))
        address = urlsplit(url)
        # Neither a host of more than 63 letters in a row nor a port beyond 65,535 is refused before it is used.
        socket.create_connection((address.hostname or "localhost", address.port or 80), timeout=2).close()
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return up


def open_up_source(endpoints_path: Path) -> RunSource | None:
    """The sources of the stack of `batchctl local up`, or None where none is up."""
    up = find_up_stack(endpoints_path)
    return None if up is None else open_local_source(up.gateway_url, up.region, up.outputs, up.parameters)


def _make_source(facts: StackFacts, client: Any, limit: RateLimit | None) -> RunSource:
    return RunSource(
        facts=facts,
        objects=S3RunObjects(client("s3"), facts.bucket),
        logs=CloudWatchRunLogs(client("logs"), facts.log_groups, limit),
        traces=XRayRunTraces(client("xray")),
    )
