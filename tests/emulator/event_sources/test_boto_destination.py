"""Destinations by botocore, against moto."""

import asyncio
import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from emulator.event_sources import BotoDestination, DeliveryError
from emulator.identity import Identity
from emulator.services.moto import Moto


def make_client(service: str, url: str) -> Any:
    return botocore.session.get_session().create_client(
        service, region_name="us-east-1", endpoint_url=url, aws_access_key_id="local", aws_secret_access_key="local"
    )


def test_document_arrives_when_the_destination_is_a_queue_a_topic_or_a_bucket(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[str], str]:
        moto = Moto(Identity(), tmp_path / "moto.log")
        url = (await moto.start()).replace("127.0.0.1", "localhost")
        sqs, sns, s3 = (make_client(name, url) for name in ("sqs", "sns", "s3"))
        try:
            # GIVEN a queue, a topic that passes on to it, and a bucket
            queue = (await asyncio.to_thread(sqs.create_queue, QueueName="failures"))["QueueUrl"]
            topic = (await asyncio.to_thread(sns.create_topic, Name="failures"))["TopicArn"]
            queue_arn = Identity().arn("sqs", "failures")
            await asyncio.to_thread(
                sns.subscribe,
                TopicArn=topic,
                Protocol="sqs",
                Endpoint=queue_arn,
                Attributes={"RawMessageDelivery": "true"},
            )
            await asyncio.to_thread(s3.create_bucket, Bucket="failures")
            # WHEN each gets a document
            destination = BotoDestination(url, Identity())
            await destination.send(queue_arn, '{"to": "queue"}')
            await destination.send(topic, '{"to": "topic"}')
            await destination.put_object("arn:aws:s3:::failures", "aws/lambda/a b", '{"to": "bucket"}')
            # THEN all are there
            received = await asyncio.to_thread(sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=10)
            found = await asyncio.to_thread(s3.get_object, Bucket="failures", Key="aws/lambda/a b")
            body = (await asyncio.to_thread(found["Body"].read)).decode()
            # AND one that is missing is an error that names it
            with pytest.raises(DeliveryError, match="sqs:us-east-1:123456789012:missing"):
                await destination.send(Identity().arn("sqs", "missing"), "{}")
            destination.close()
            return sorted(message["Body"] for message in received["Messages"]), body
        finally:
            for each in (sqs, sns, s3):
                each.close()
            await moto.stop()

    bodies, stored = asyncio.run(asyncio.wait_for(scenario(), 60))
    assert bodies == ['{"to": "queue"}', '{"to": "topic"}']
    assert json.loads(stored) == {"to": "bucket"}
