"""An ObjectStore in memory."""

from collections.abc import Iterator

from express_batch.errors import StorageUnavailableError


class MemoryStore:
    """Objects by key. `broken` lists key prefixes whose writes fail as when S3 does not answer.

    `unheard` lists keys whose next conditional write is done and answered by a refusal: the answer was lost, and the
    adapter has sent the request again.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.broken: tuple[str, ...] = ()
        self.unheard: set[str] = set()

    def put(self, key: str, body: bytes) -> None:
        if self.broken and key.startswith(self.broken):
            raise StorageUnavailableError(f"S3 answers SlowDown for bucket/{key}")
        self.objects[key] = body
        self.writes.append(key)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        if key in self.objects:
            return False
        self.put(key, body)
        return self._is_heard(key)

    def get(self, key: str) -> bytes | None:
        self.reads.append(key)
        return self.objects.get(key)

    def get_with_version(self, key: str) -> tuple[bytes, str] | None:
        body = self.get(key)
        return None if body is None else (body, f"{self.writes.count(key)}")

    def put_if_version(self, key: str, body: bytes, version: str) -> bool:
        if key not in self.objects or version != f"{self.writes.count(key)}":
            return False
        self.put(key, body)
        return self._is_heard(key)

    def list_keys(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

    def _is_heard(self, key: str) -> bool:
        heard = key not in self.unheard
        self.unheard.discard(key)
        return heard
