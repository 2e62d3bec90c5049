"""How a stack calls AWS: the same operations, by the same names, as any boto3 program."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from emulator.errors import AwsError
from emulator.identity import Identity

T = TypeVar("T")
CALLS_AT_ONCE = 16
# The emulated services ask for no secret; one that is given keeps botocore from looking for a real one.
_NO_SECRET = "local"  # noqa: S105


class AwsCaller(Protocol):
    """The port through which resources are made and removed."""

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer in botocore's shape; `operation` as AWS names it, such as CreateFunction.

        Raises AwsError with AWS's code where the service refuses.
        """


class BotoCaller:
    """Calls an endpoint with botocore's clients, each call in a thread."""

    def __init__(self, endpoint_url: str, identity: Identity) -> None:
        self._endpoint_url = endpoint_url
        self._session = boto3.Session(
            region_name=identity.region, aws_access_key_id="local", aws_secret_access_key=_NO_SECRET
        )
        self._clients: dict[str, Any] = {}
        self._making = asyncio.Lock()
        # Threads of its own: the endpoint may be served by the same loop, whose default threads its answers need.
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="aws-call")

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The endpoint's answer in botocore's shape; AwsError with its code where it refuses or cannot be reached."""
        async with self._making:  # a botocore session must not make two clients at once
            if service not in self._clients:
                self._clients[service] = await self._run(self._make_client, service)
        method = getattr(self._clients[service], xform_name(operation))
        try:
            answer: dict[str, Any] = await self._run(partial(method, **parameters))
        except ClientError as error:
            details = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            raise AwsError(details.get("Code", "Unknown"), details.get("Message", str(error)), status) from error
        except BotoCoreError as error:
            raise AwsError(
                type(error).__name__, f"{service} {operation} at {self._endpoint_url}: {error}", 503
            ) from error
        return answer

    def close(self) -> None:
        """End the threads; calls under way are waited for."""
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _make_client(self, service: str) -> Any:
        return self._session.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self._endpoint_url,
            config=Config(
                retries={"total_max_attempts": 2},
                max_pool_connections=CALLS_AT_ONCE,
                s3={"addressing_style": "path"},
            ),
        )
