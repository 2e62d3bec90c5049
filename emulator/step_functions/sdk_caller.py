"""Calls AWS APIs with botocore at one endpoint, for the SDK integrations of state machines."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.step_functions.sdk_catalog import SDK_CLIENT_EXCEPTION, load_service


class BotocoreSdkCaller:
    """An SdkCaller that sends each call to `endpoint_url` from a pool of threads."""

    def __init__(self, identity: Identity, endpoint_url: str, *, max_threads: int = 16) -> None:
        self._identity = identity
        self._endpoint_url = endpoint_url
        self._threads = ThreadPoolExecutor(max_threads, thread_name_prefix="sdk-call")
        self._session = botocore.session.Session()
        self._session.set_credentials("emulated", "emulated")
        self._clients: dict[str, BaseClient] = {}
        self._lock = threading.Lock()
        # Step Functions leaves retries to the state machine; the host has no room for botocore's prefixes ("sync-").
        self._config = Config(
            retries={"total_max_attempts": 1},
            inject_host_prefix=False,
            max_pool_connections=max_threads,
            s3={"addressing_style": "path"},
        )

    async def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The response in botocore's shape, a streaming body read; raises AwsError."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._call, service, operation, parameters)

    def close(self) -> None:
        """Ends the threads; calls that are under way are waited for."""
        self._threads.shutdown(cancel_futures=True)
        for client in self._clients.values():
            client.close()

    def _client(self, service: str) -> BaseClient:
        with self._lock:  # a botocore session must not make two clients at once
            if service not in self._clients:
                self._clients[service] = self._session.create_client(
                    service, self._identity.region, endpoint_url=self._endpoint_url, config=self._config
                )
            return self._clients[service]

    def _call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        shape = load_service(service).operation_model(operation).output_shape
        try:
            response: dict[str, Any] = getattr(self._client(service), xform_name(operation))(**parameters)
            if shape is not None and shape.serialization.get("payload") in response:
                payload = response[shape.serialization["payload"]]
                if hasattr(payload, "read"):
                    response[shape.serialization["payload"]] = payload.read()
        except ClientError as error:
            raise _to_aws_error(error) from error
        except BotoCoreError as error:
            # The SDK's own failures (no connection, a parameter it does not take) have no code of the service.
            raise AwsError(SDK_CLIENT_EXCEPTION, str(error), 0) from error
        return response


def _to_aws_error(error: ClientError) -> AwsError:
    answer: dict[str, Any] = dict(error.response)
    details = answer.get("Error", {})
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return AwsError(str(details.get("Code", "Unknown")), str(details.get("Message", error)), int(status))
