"""A stream: its shards, its settings, and which shard a record goes to."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.errors import AwsError
from emulator.services.kinesis.shard import Shard

_HASH_SPACE = 1 << 128
_HOUR = 3600

DEFAULT_RETENTION_HOURS = 24
DEFAULT_MAX_RECORD_KIB = 1024


@dataclass
class Stream:
    """One stream with its records."""

    name: str
    arn: str
    created_at: float
    mode: str
    shards: list[Shard]
    max_record_kib: int = DEFAULT_MAX_RECORD_KIB
    retention_hours: int = DEFAULT_RETENTION_HOURS
    encryption_type: str = "NONE"
    key_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    # Tells a stream from an earlier one of the same name, in iterators.
    generation: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def account_id(self) -> str:
        """The account that owns the stream."""
        return self.arn.split(":")[4]

    def choose_shard(self, partition_key: str, explicit_hash_key: str | None) -> Shard:
        """The shard whose range holds the MD5 of the partition key, or the explicit hash key.

        Source: https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html#partition-key
        """
        if explicit_hash_key is None:
            if len(self.shards) == 1:
                return self.shards[0]
            digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
            hash_key = int.from_bytes(digest, "big")
        else:
            if not explicit_hash_key.isdecimal() or int(explicit_hash_key) >= _HASH_SPACE:
                raise AwsError(
                    "InvalidArgumentException",
                    f"ExplicitHashKey {explicit_hash_key} must be an integer from 0 to 2^128 - 1.",
                )
            hash_key = int(explicit_hash_key)
        index = min(hash_key // (_HASH_SPACE // len(self.shards)), len(self.shards) - 1)
        return self.shards[index]

    def find_shard(self, shard_id: str) -> Shard:
        """The shard of this id."""
        for shard in self.shards:
            if shard.shard_id == shard_id:
                return shard
        raise AwsError(
            "ResourceNotFoundException",
            f"Shard {shard_id} in stream {self.name} under account {self.account_id} does not exist",
        )

    def trim(self, now: float) -> None:
        """Drop what is older than the retention period."""
        oldest = now - self.retention_hours * _HOUR
        for shard in self.shards:
            shard.trim(oldest)


def make_shards(count: int, created_at: float, clock: Callable[[], float]) -> list[Shard]:
    """`count` shards that divide the hash space evenly, in the way of a new stream."""
    width = _HASH_SPACE // count
    shards = []
    for index in range(count):
        end = _HASH_SPACE - 1 if index == count - 1 else (index + 1) * width - 1
        # 56 digits that begin with 496, grow with time and differ from shard to shard, as AWS's do.
        first_sequence = 496 * 10**53 + int(created_at * 1000) * 10**38 + index * 10**30
        shards.append(Shard(f"shardId-{index:012d}", first_sequence, (index * width, end), clock))
    return shards
