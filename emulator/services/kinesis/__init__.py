"""A Kinesis data plane in this process: streams, shards, limits and partial failures as AWS has them."""

from emulator.services.kinesis.putting import PutFault
from emulator.services.kinesis.reader import ShardReader
from emulator.services.kinesis.record import StoredRecord
from emulator.services.kinesis.service import KinesisService

__all__ = ["KinesisService", "PutFault", "ShardReader", "StoredRecord"]
