"""Destinations through an AWS endpoint: SQS, SNS and S3."""

import asyncio
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from emulator.event_sources.ports import DeliveryError
from emulator.identity import Identity


class BotoDestination:
    """Sends documents with botocore, in threads; clients are made when first needed."""

    def __init__(self, endpoint_url: str, identity: Identity) -> None:
        self._endpoint_url = endpoint_url
        self._identity = identity
        self._clients: dict[str, Any] = {}
        self._making = asyncio.Lock()

    async def send(self, arn: str, body: str) -> None:
        """Send to an SQS queue or an SNS topic."""
        service, name = arn.split(":")[2], arn.rsplit(":", maxsplit=1)[-1]
        client = await self._client(service)
        try:
            if service == "sqs":
                queue = await asyncio.to_thread(client.get_queue_url, QueueName=name)
                await asyncio.to_thread(client.send_message, QueueUrl=queue["QueueUrl"], MessageBody=body)
            else:
                await asyncio.to_thread(client.publish, TopicArn=arn, Message=body)
        except (BotoCoreError, ClientError) as error:
            raise DeliveryError(f"{arn}: {error}") from error

    async def put_object(self, bucket_arn: str, key: str, body: str) -> None:
        """Write to an S3 bucket."""
        bucket = bucket_arn.rsplit(":", maxsplit=1)[-1]
        client = await self._client("s3")
        try:
            await asyncio.to_thread(client.put_object, Bucket=bucket, Key=key, Body=body.encode())
        except (BotoCoreError, ClientError) as error:
            raise DeliveryError(f"{bucket_arn}: {error}") from error

    def close(self) -> None:
        """Close the clients' connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    async def _client(self, service: str) -> Any:
        async with self._making:
            if service not in self._clients:
                self._clients[service] = await asyncio.to_thread(self._make_client, service)
        return self._clients[service]

    def _make_client(self, service: str) -> Any:
        return botocore.session.get_session().create_client(
            service,
            region_name=self._identity.region,
            endpoint_url=self._endpoint_url,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the emulator checks no signature
            config=Config(retries={"total_max_attempts": 3}, connect_timeout=5, read_timeout=20),
        )
