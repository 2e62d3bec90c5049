"""All streams of the account, found by name or ARN as requests give them."""

from collections.abc import Callable, Iterator
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.services.kinesis.stream import Stream


class Streams:
    """The account's streams by name."""

    def __init__(self, identity: Identity, clock: Callable[[], float]) -> None:
        self._identity = identity
        self._clock = clock
        self._by_name: dict[str, Stream] = {}

    def __iter__(self) -> Iterator[Stream]:
        return iter(sorted(self._by_name.values(), key=lambda stream: stream.name))

    def add(self, stream: Stream) -> None:
        """Keep a new stream; its name must be free."""
        if stream.name in self._by_name:
            raise AwsError(
                "ResourceInUseException",
                f"Stream {stream.name} under account {self._identity.account_id} already exists.",
            )
        self._by_name[stream.name] = stream

    def remove(self, stream: Stream) -> None:
        """Forget a stream and let its readers go."""
        del self._by_name[stream.name]
        for shard in stream.shards:
            shard.close()

    def arn(self, name: str) -> str:
        """The ARN that a stream of this name has."""
        return self._identity.arn("kinesis", f"stream/{name}")

    def find(self, request: dict[str, Any]) -> Stream:
        """The stream that StreamName or StreamARN names, rid of its expired records."""
        name = request.get("StreamName")
        arn = request.get("StreamARN") or request.get("ResourceARN")
        if request.get("StreamId") is not None:
            raise AwsError("InvalidArgumentException", "StreamId is not emulated: give StreamName or StreamARN.")
        if request.get("DryRun"):
            raise AwsError("InvalidArgumentException", "DryRun is not emulated: leave it out.")
        if arn is not None:
            return self.find_by_arn(arn, name)
        if name is None:
            raise AwsError("InvalidArgumentException", "Either StreamName or StreamARN must be given.")
        return self._get(name)

    def find_by_arn(self, arn: str, name: str | None = None) -> Stream:
        """The stream of this ARN; `name`, where given too, must be the same."""
        prefix = self._identity.arn("kinesis", "stream/")
        if not arn.startswith(prefix):
            raise AwsError(
                "ResourceNotFoundException",
                f"{arn} is not a stream of account {self._identity.account_id} in {self._identity.region}.",
            )
        named = arn.removeprefix(prefix)
        if name is not None and name != named:
            raise AwsError("InvalidArgumentException", f"StreamName {name} and StreamARN {arn} differ.")
        return self._get(named)

    def _get(self, name: str) -> Stream:
        stream = self._by_name.get(name)
        if stream is None:
            raise AwsError(
                "ResourceNotFoundException", f"Stream {name} under account {self._identity.account_id} not found."
            )
        stream.trim(self._clock())
        return stream
