"""The last chunk an environment has read: with one user an invocation, a thousand invocations share one object."""

from express_batch.chunks import read_chunk
from express_batch.job_contract import User
from express_batch.ports import ObjectStore


class ChunkCache:
    """Remembers one chunk. Safe, since a chunk's key is new in each run and its object is written before it is read."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._name: tuple[str, int] | None = None
        self._users: list[User] = []

    def read(self, run_id: str, chunk: int) -> list[User]:
        """The chunk's users, from S3 unless it was the last one read. Raises ChunkUnreadableError."""
        if self._name != (run_id, chunk):
            users = read_chunk(self._store, run_id, chunk)
            self._name, self._users = (run_id, chunk), users
        return self._users
