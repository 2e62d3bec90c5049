"""Short ways to call the native Kinesis service."""

import asyncio
from typing import Any

from emulator.services.kinesis import KinesisService


def call(service: KinesisService, operation: str, **request: Any) -> dict[str, Any]:
    """The answer of one operation."""
    return asyncio.run(service.call(operation, request))


def make_stream(service: KinesisService, shards: int = 1, name: str = "rows", **more: Any) -> str:
    """The ARN of a new stream."""
    call(service, "CreateStream", StreamName=name, ShardCount=shards, **more)
    arn: str = call(service, "DescribeStreamSummary", StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    return arn


def put(service: KinesisService, *records: tuple[str, bytes], name: str = "rows") -> dict[str, Any]:
    """The answer of PutRecords."""
    return call(
        service,
        "PutRecords",
        StreamName=name,
        Records=[{"PartitionKey": key, "Data": data} for key, data in records],
    )


def read_all(
    service: KinesisService, shard_id: str = "shardId-000000000000", name: str = "rows", **where: Any
) -> list[dict[str, Any]]:
    """The records of a shard from its oldest, or from the place named."""
    kind = where or {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = call(service, "GetShardIterator", StreamName=name, ShardId=shard_id, **kind)["ShardIterator"]
    records: list[dict[str, Any]] = call(service, "GetRecords", ShardIterator=iterator)["Records"]
    return records
