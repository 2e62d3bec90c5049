"""What the logic asks of the database, as protocols, and the two ways in which it refuses."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from express_batch.job_contract import User
from express_batch.latency import LatencyHistogram

T = TypeVar("T")


class RowRefusedError(Exception):
    """The database refuses a value of a row: too long, out of range, NULL where none may be ..."""

    def __init__(self, code: int) -> None:
        super().__init__(f"MySQL error {code}")
        self.code = code


class TableMismatchError(Exception):
    """The table or one of its columns does not exist, or this user may not write it: every row would be refused."""

    def __init__(self, code: int) -> None:
        super().__init__(f"MySQL error {code}")
        self.code = code


class Transaction(Protocol):
    """Statements of one open transaction. Raises RowRefusedError and TableMismatchError."""

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it touched."""
        ...

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one INSERT for many rows, in statements small enough not to pin a proxy's session."""
        ...

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        """All rows of a SELECT."""
        ...

    def attempt(self, work: Callable[[], None]) -> None:
        """Run `work` so that, when it raises, just its own changes are taken back."""
        ...


@dataclass
class DatabaseActivity:
    """What a Database has done, as a report tells it."""

    # From when the last transaction was asked for until the database's first answer in it: connecting where there was
    # no connection, the repeats of that, and the answer to BEGIN. A proxy takes the client's connection at once and
    # lets a transaction's first statement wait until it has borrowed one of the database's: that wait is in it, too.
    borrow_seconds: float = 0.0
    statements: LatencyHistogram = field(default_factory=LatencyHistogram)


class Database(Protocol):
    """A connection that is made when first used and replaced when broken."""

    def take_activity(self) -> DatabaseActivity:
        """What was done since this was last asked."""
        ...

    def run_transaction(self, work: Callable[[Transaction], T]) -> T:
        """What `work` returns, committed. A dead-lock or a lost connection runs `work` again.

        Raises DatabaseUnavailableError when that does not help.
        """
        ...

    def stream_users(self, query: str) -> Generator[User, None, None]:
        """The users of the job's query, without holding them all. Raises JobQueryError, DatabaseUnavailableError."""
        ...
