"""A run bucket with what a test put there, as batchctl reads it."""

from batchctl.redrive.bucket import Bucket


class OneObject(Bucket):
    """A bucket of objects in memory; `data` lies under `key`."""

    def __init__(self, key: str, data: bytes, **others: bytes) -> None:
        super().__init__(None, "bucket")
        self.objects = {**others, key: data}

    def get(self, key: str) -> bytes | None:
        """The object, or None."""
        return self.objects.get(key)

    def list_keys(self, prefix: str) -> list[str]:
        """The keys below `prefix`."""
        return sorted(key for key in self.objects if key.startswith(prefix))
