"""The ports of one invocation: each operation passes the invocation's gate, the rest is as real as it can be."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from express_batch.adapters.mysql import MysqlDatabase
from express_batch.database import DatabaseActivity, Transaction
from express_batch.errors import ApiRejectedError, StreamUnavailableError
from express_batch.job_contract import PartnerApi, User
from express_batch.partner_calls import SliceAnswers
from express_batch.ports import StreamEntry

from tests.fakes.object_store import MemoryStore
from tests.fakes.virtual_time import VirtualTimeLoop
from tests.model.invocation import Invocation

T = TypeVar("T")


class Clock:
    """The one clock of the model, and its `time` module: every look is a millisecond later than the one before."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin again at the same moment."""
        self.now = 1_764_000_000.0

    def time(self) -> float:
        self.now = round(self.now + 0.001, 6)
        return self.now

    monotonic = time

    def time_ns(self) -> int:
        return round(self.time() * 1_000_000) * 1000


class InlineExecutor(ThreadPoolExecutor):
    """Does the work of a pool where it is submitted, so that operations have one order."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # as a pool has it
            future.set_exception(error)
        return future


class GatedStore:
    """The run bucket as an invocation sees it."""

    def __init__(self, invocation: Invocation, objects: MemoryStore) -> None:
        self._gate = invocation
        self._objects = objects

    def put(self, key: str, body: bytes) -> None:
        self._gate.operate("store", lambda: self._objects.put(key, body))

    def put_if_absent(self, key: str, body: bytes) -> bool:
        return bool(self._gate.operate("store", lambda: self._objects.put_if_absent(key, body)))

    def get(self, key: str) -> bytes | None:
        found: bytes | None = self._gate.operate("store", lambda: self._objects.get(key))
        return found

    def get_with_version(self, key: str) -> tuple[bytes, str] | None:
        found: tuple[bytes, str] | None = self._gate.operate("store", lambda: self._objects.get_with_version(key))
        return found

    def put_if_version(self, key: str, body: bytes, version: str) -> bool:
        return bool(self._gate.operate("store", lambda: self._objects.put_if_version(key, body, version)))

    def list_keys(self, prefix: str) -> Iterable[str]:
        return list(self._gate.operate("store", lambda: self._objects.list_keys(prefix)))


class GatedStream:
    """The row stream as an invocation sees it: `takes` records are taken, the rest is refused for good."""

    pause_seconds = 0.0

    def __init__(self, invocation: Invocation, log: list[bytes], takes: int | None) -> None:
        self._gate = invocation
        self._log = log
        self._takes = takes

    def put_records(self, entries: Sequence[StreamEntry], *, deadline: float) -> None:
        for number, entry in enumerate(entries):
            if number == self._takes:
                raise StreamUnavailableError("the stream is full")
            self._gate.operate("stream", lambda data=entry.data: self._log.append(data))  # type: ignore[misc]


class GatedDatabase:
    """The database of an invocation's environment. Nothing is held within a transaction, but anything may die there."""

    def __init__(self, invocation: Invocation, database: MysqlDatabase) -> None:
        self._gate = invocation
        self._database = database

    def take_activity(self) -> DatabaseActivity:
        return self._database.take_activity()

    def run_transaction(self, work: Callable[[Transaction], T]) -> T:
        gate = self._gate

        def gated(tx: Transaction) -> T:
            gate.is_in_transaction = True
            result = work(_GatedTransaction(gate, tx))
            gate.operate("database", lambda: None)  # the last moment before the commit
            return result

        def commit() -> T:
            result = self._database.run_transaction(gated)
            gate.is_in_transaction, gate.commits = False, gate.commits + 1
            return result

        try:
            result: T = gate.operate("commit", commit)
        finally:
            gate.is_in_transaction = False
        gate.operate("committed", lambda: None)
        return result

    def stream_users(self, query: str) -> Generator[User, None, None]:
        yield from self._gate.operate("database", lambda: list(self._database.stream_users(query)))


class _GatedTransaction:
    def __init__(self, invocation: Invocation, tx: Transaction) -> None:
        self._gate = invocation
        self._tx = tx

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        return int(self._gate.operate("database", lambda: self._tx.execute(statement, parameters)))

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self._gate.operate("database", lambda: self._tx.execute_many(statement, rows))

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        found: Sequence[tuple[Any, ...]] = self._gate.operate("database", lambda: self._tx.query(statement, parameters))
        return found

    def attempt(self, work: Callable[[], None]) -> None:
        self._tx.attempt(work)


class Partner:
    """Answers each call with points that it has never answered before; `moods` tells how it treats users.

    good; rejected: no answer; poisonous: an answer whose row the table refuses.
    """

    def __init__(self) -> None:
        self.moods: dict[str, str] = {}
        self.answers = 0
        self.last: dict[str, int] = {}  # the points that each user's last answer had

    def answer(self, user_id: str) -> Any:
        """The next answer for the user."""
        mood = self.moods.get(user_id, "good")
        if mood == "rejected":
            raise ApiRejectedError("404")
        self.answers += 1
        self.last[user_id] = self.answers
        tier = "x" * 99 if mood == "poisonous" else "gold"
        return {"user_id": user_id, "points": self.answers, "tier": tier, "updated_at": "2026-11-22T08:30:00+00:00"}


class GatedPartner:
    """The partner API as an invocation sees it; `called` has every user it was asked for, `on_call` is told each."""

    def __init__(self, invocation: Invocation, partner: Partner, on_call: Callable[[int], None]) -> None:
        self._gate = invocation
        self._partner = partner
        self._on_call = on_call
        self.called: list[str] = []
        self.refused = 0

    async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        user_id = path.split("/")[3]
        self._on_call(len(self.called))
        self.called.append(user_id)
        await asyncio.sleep(2.0)  # longer than between two looks at the stop switch
        try:
            return self._gate.operate("partner", lambda: self._partner.answer(user_id))
        except ApiRejectedError:
            self.refused += 1
            raise

    def run(self, work: Callable[[PartnerApi], Coroutine[Any, Any, SliceAnswers]]) -> SliceAnswers:
        with asyncio.Runner(loop_factory=_InlineLoop) as runner:
            return runner.run(work(self))


class _InlineLoop(VirtualTimeLoop):
    """Virtual time, and what is left to an executor is done at once."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        future.set_result(func(*args))
        return future
