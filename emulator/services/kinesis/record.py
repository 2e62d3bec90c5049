"""One record as a shard keeps it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record with the place and time that the stream gave it."""

    sequence: int
    partition_key: str
    data: bytes
    arrival: float  # Unix time in seconds

    @property
    def sequence_number(self) -> str:
        """The sequence number as the API shows it."""
        return str(self.sequence)

    @property
    def size_bytes(self) -> int:
        """What counts against a shard's limits: data and partition key."""
        return len(self.data) + len(self.partition_key.encode())
