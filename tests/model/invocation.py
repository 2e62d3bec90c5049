"""An invocation of a function that a test holds, breaks or kills at any of its operations at a port.

Product code runs as it is. Each operation at a port (an S3 request, a stream call, a partner call, a statement, a
commit) passes the invocation's gate first. One invocation runs at any moment, so what happens is decided by the test
alone and a failing example can be repeated.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from express_batch.errors import DatabaseUnavailableError, StorageUnavailableError, StreamUnavailableError


class KilledError(BaseException):
    """The environment dies here. No BatchError and no Exception, so that nothing of the product catches it."""


@dataclass(frozen=True)
class Fate:
    """What becomes of an invocation, at the operation number `at` among those at the port `where`.

    lost: it ends, and nobody hears of it. fails late: the operation is done, and an error comes.
    """

    kind: str = "ends"  # lost, dies, holds, fails, fails late
    where: str = "store"  # stream, partner, database (a statement), commit, committed (just behind it)
    at: int = 0


ENDS = Fate()
_ERRORS = {
    "store": StorageUnavailableError,
    "stream": StreamUnavailableError,
    "database": DatabaseUnavailableError,
    "commit": DatabaseUnavailableError,
}


class Invocation:
    """`answer` or `error` once it has ended; neither where it was killed."""

    def __init__(self, name: str, started_at: float, work: Callable[["Invocation"], Any]) -> None:
        self.name = name
        self.started_at = started_at
        self.answer: Any = None
        self.error: BaseException | None = None
        self.has_ended = False
        self.is_heard = True  # whether the state machine still waits for this attempt's answer
        self.is_in_transaction = False
        self.commits = 0
        self._work = work
        self._fate = ENDS
        self._passed = 0
        self._is_dead = False
        self._thread: threading.Thread | None = None
        self._go = threading.Semaphore(0)
        self._came_back = threading.Semaphore(0)

    @property
    def is_held(self) -> bool:
        """Whether it waits to be let go on."""
        return self._thread is not None and not self.has_ended

    @property
    def has_answered(self) -> bool:
        """Whether it ended well."""
        return self.has_ended and self.error is None

    def run(self, fate: Fate) -> None:
        """Run until it ends, dies or is held."""
        self._take(fate)
        if fate.kind != "holds":
            self._run()
            return
        self._thread = threading.Thread(target=self._run_in_thread, name=self.name, daemon=True)
        self._thread.start()
        self._came_back.acquire()

    def go_on(self, fate: Fate) -> None:
        """Let a held one go on."""
        assert self.is_held
        self._take(fate)
        self._go.release()
        self._came_back.acquire()

    def kill(self) -> None:
        """End a held one where it is."""
        self._is_dead = True
        self.go_on(ENDS)

    def operate(self, kind: str, operation: Callable[[], Any]) -> Any:
        """Do what the product asks of a port, as the fate has it."""
        self._check_alive()
        fate = self._fate
        if fate.kind in ("ends", "lost"):
            return operation()
        self._passed += kind == fate.where
        if self._passed <= fate.at:
            return operation()
        if fate.kind == "dies":
            self._is_dead = True
            raise KilledError
        if fate.kind == "holds":
            # A transaction that waits would make others wait for its locks, for real.
            if not self.is_in_transaction:
                self._came_back.release()
                self._go.acquire()
                self._check_alive()
            return operation()
        if kind not in _ERRORS:
            return operation()
        self._fate = ENDS
        if fate.kind == "fails late":
            operation()
        raise _ERRORS[kind](f"{kind} fails in {self.name}")

    def _take(self, fate: Fate) -> None:
        self._fate, self._passed = fate, 0
        if fate.kind == "lost":
            self.is_heard = False

    def _check_alive(self) -> None:
        if self._is_dead:
            raise KilledError

    def _run_in_thread(self) -> None:
        self._run()
        self._came_back.release()

    def _run(self) -> None:
        try:
            self.answer = self._work(self)
        except KilledError as error:
            self.error, self.is_heard = error, False
        except Exception as error:  # noqa: BLE001  # the state machine is told it, as of any function
            self.error = error
        self.has_ended = True
