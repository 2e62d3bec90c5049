"""The chunks an environment has read of late: with one user an invocation, a thousand invocations share one object."""

from express_batch.chunks import read_chunk
from express_batch.job_contract import User
from express_batch.ports import ObjectStore

# The outer Map works on several chunks at once, so an environment meets them in turn. A chunk of 1,000 users takes
# about 0.25 MB.
CHUNKS_KEPT = 8


class ChunkCache:
    """Remembers chunks. Safe, since a chunk's key is new in each run and its object is written before it is read."""

    def __init__(self, store: ObjectStore, kept: int = CHUNKS_KEPT) -> None:
        self._store = store
        self._kept = kept
        self._chunks: dict[tuple[str, int], list[User]] = {}  # the one used last stands last

    def read(self, run_id: str, chunk: int) -> list[User]:
        """The chunk's users, from S3 unless it was read of late. Raises ChunkUnreadableError."""
        users = self._chunks.pop((run_id, chunk), None)
        if users is None:
            users = read_chunk(self._store, run_id, chunk)
            if len(self._chunks) == self._kept:
                del self._chunks[next(iter(self._chunks))]
        self._chunks[run_id, chunk] = users
        return users
