"""A RowStream in memory."""

from collections.abc import Sequence

from express_batch.errors import StreamUnavailableError
from express_batch.ports import StreamEntry


class MemoryStream:
    """Keeps what is sent; with `takes` it takes that many records and refuses the rest."""

    def __init__(self, takes: int | None = None) -> None:
        self.entries: list[StreamEntry] = []
        self.deadlines: list[float] = []
        self._takes = takes
        self.pause_seconds = 0.0

    def put_records(self, entries: Sequence[StreamEntry], *, deadline: float) -> None:
        self.deadlines.append(deadline)
        taken = entries if self._takes is None else entries[: self._takes]
        self.entries.extend(taken)
        if len(taken) < len(entries):
            raise StreamUnavailableError(f"stream refused {len(entries) - len(taken)} records")
