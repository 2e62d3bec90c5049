"""The stack that a command works on: one on AWS, or the one that `batchctl local up` keeps."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from batchctl.errors import BatchctlError, UsageError
from batchctl.runs.aws_sources import explain
from batchctl.runs.target import ENDPOINTS_PATH, describe_stack, find_up_stack, make_local_session

# StartSyncExecution answers at the end of an Express execution, 5 minutes at most; an attempt is never repeated.
LONG_CALL = Config(connect_timeout=10, read_timeout=330, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class BatchStack:
    """Outputs of template.yaml, and clients for what they name."""

    name: str
    outputs: Mapping[str, str]
    make_client: Callable[..., Any]  # (service, config=None)
    options: str = ""  # with which another command reaches it

    def output(self, name: str) -> str:
        """Raises BatchctlError where the stack's release has no such output."""
        try:
            return self.outputs[name]
        except KeyError:
            raise BatchctlError(
                f"{self.name} has no output {name}: it is of an older release, deploy it anew"
            ) from None


def open_stack(stack: str | None, region: str | None, endpoints: Path = ENDPOINTS_PATH) -> BatchStack:
    """The stack on AWS that is named, else the one on this machine. Raises BatchctlError with the remedy."""
    if stack is not None:
        return _open_aws(stack, region)
    if region is not None:
        raise UsageError("--region is for a stack on AWS: name it with --stack")
    return _open_local(endpoints)


def _open_aws(stack: str, region: str | None) -> BatchStack:
    session, answer = describe_stack(stack, region)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in answer.get("Outputs", [])}
    options = f" --stack {stack}" + (f" --region {region}" if region else "")
    return BatchStack(f"stack {stack}", outputs, session.client, options)


def _open_local(path: Path) -> BatchStack:
    up = find_up_stack(path)
    if up is None:
        raise BatchctlError(f"no stack is up here ({path}): name one on AWS with --stack, or start `batchctl local up`")
    session = make_local_session(up.region)

    def make_client(service: str, config: Config | None = None) -> Any:
        # Else StartSyncExecution goes to the host "sync-127.0.0.1" (emulator/gateway/__init__.py).
        config = (config or Config()).merge(Config(inject_host_prefix=False))
        return session.client(service, endpoint_url=up.gateway_url, config=config)  # type: ignore[call-overload]

    return BatchStack("this machine", up.outputs, make_client)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """AWS's refusals as one line with the remedy. Raises BatchctlError."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        if str(details.get("Code", "")).startswith("AccessDenied"):
            raise BatchctlError(
                f"{what}: access denied: docs/how-to/redrive-a-run.md says what an operator's role needs"
            ) from error
        raise explain(what, error) from error
    except BotoCoreError as error:
        raise explain(what, error) from error
