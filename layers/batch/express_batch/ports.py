"""What the logic needs from outside, as protocols; adapters/ implements them for AWS."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class ObjectStore(Protocol):
    """The run bucket. All methods raise StorageUnavailableError when S3 does not answer."""

    def put(self, key: str, body: bytes) -> None:
        """Store `body` under `key`, over what was there."""
        ...

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store `body` unless `key` exists; False when it does. Atomic between callers."""
        ...

    def get(self, key: str) -> bytes | None:
        """The object, or None when there is none. One that is none of the batch's may come as TOO_LARGE."""
        ...

    def list_keys(self, prefix: str) -> Iterable[str]:
        """Every key that begins with `prefix`."""
        ...


class VersionedStore(ObjectStore, Protocol):
    """A store whose objects can be exchanged without a race."""

    def get_with_version(self, key: str) -> tuple[bytes, str] | None:
        """The object and what tells it from its successors, or None when there is none."""
        ...

    def put_if_version(self, key: str, body: bytes, version: str) -> bool:
        """Store `body` while the object is still this one; False when it is another or none. Atomic between callers."""
        ...


@dataclass(frozen=True)
class StreamEntry:
    """One record to send."""

    partition_key: str
    data: bytes


class RowStream(Protocol):
    """The stream that rows travel in."""

    @property
    def pause_seconds(self) -> float:
        """How long a sender has to wait before its next call: 0 while the stream keeps up."""
        ...

    def put_records(self, entries: Sequence[StreamEntry], *, deadline: float) -> None:
        """Send all entries, repeating just those that were refused, until `deadline` (monotonic seconds).

        Raises StreamUnavailableError when some could not be sent; others may have been.
        """
        ...


Item = Mapping[str, int | str]


class LimitTable(Protocol):
    """The table in which stacks agree how they call their partners. Changes of an item are atomic between callers.

    All methods raise LimitUnavailableError when it does not answer.
    """

    def read(self, key: str) -> Item:
        """The item as it was a moment ago; empty when there is none."""
        ...

    def read_now(self, key: str) -> Item:
        """The item as it is."""
        ...

    def advance(self, key: str, name: str, by: int, *, least: int, most: int) -> tuple[bool, Item]:
        """Add `by` to a number that lies between the two. Whether it did, and the item as it was before."""
        ...

    def exchange(self, key: str, values: Item, *, name: str, seen: int | None) -> bool:
        """Set `values` while the number `name` is still `seen` (None: not there)."""
        ...

    def add(self, key: str, total: str, name: str, by: int, *, seen: int | None, most: int) -> tuple[bool, Item]:
        """Add `by` to the numbers `total` and `name` at once.

        While `name` is still `seen` (None: not there) and, where `by` is above 0, the total stays within `most`.
        Whether it did, and the item as it is then.
        """
        ...

    def drop(self, key: str, total: str, name: str, *, seen: int | None = None) -> None:
        """Take `name` away and its number off `total`; where it is `seen` alone, if that is given."""
        ...
