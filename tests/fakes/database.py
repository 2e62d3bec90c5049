"""A Database that knows nothing but the ledger's questions."""

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, TypeVar

from express_batch.database import DatabaseActivity, TableMismatchError
from express_batch.job_contract import User
from express_batch.positions import mask_to_bytes, pack_positions

T = TypeVar("T")


class LedgerTransaction:
    """Keeps statements; answers the ledger's SELECT with what is written."""

    def __init__(self, database: "LedgerDatabase") -> None:
        self._database = database

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        if self._database.refuses and statement.startswith(self._database.refuses):
            raise TableMismatchError(1142)  # DELETE command denied
        self._database.statements.append((statement, tuple(parameters)))
        return 1

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self._database.statements.extend((statement, tuple(row)) for row in rows)

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        if "FROM batch_run" in statement and "LIKE" in statement:
            opened = [values for done, values in self._database.statements if done.startswith("INSERT INTO batch_run")]
            return [(run_id, "RUNNING", listed, None, None, None, 0) for _, run_id, _, listed in opened]
        if "FROM batch_run" in statement:
            return self._database.incomplete
        assert "FROM batch_write" in statement
        self._database.queries += 1
        return [
            (chunk, start, mask_to_bytes(pack_positions(position - start for position in positions)))
            for chunk, start, positions in self._database.written
        ]

    def attempt(self, work: Callable[[], None]) -> None:
        work()


class LedgerDatabase:
    """`written` holds (chunk, start, positions) of each stream record that WriteRows has written.

    `incomplete` holds (run id, listed, failed) of the runs that were closed INCOMPLETE of late.
    """

    def __init__(self, users: Iterable[User] = ()) -> None:
        self._users = users
        self.listings = 0
        self.queries = 0
        self.written: list[tuple[int, int, list[int]]] = []
        self.incomplete: list[tuple[str, int, int]] = []
        self.refuses = ""  # what statements begin with that the user may not do
        self.statements: list[tuple[str, tuple[Any, ...]]] = []

    def run_transaction(self, work: Callable[[LedgerTransaction], T]) -> T:
        return work(LedgerTransaction(self))

    def take_activity(self) -> DatabaseActivity:
        return DatabaseActivity()

    def stream_users(self, query: str) -> Generator[User, None, None]:
        self.listings += 1
        yield from self._users
