"""An environment's side of the circuit: its own breaker, and what control/circuit.json says to all of them."""

import asyncio
import threading
import time
from collections.abc import Callable

from express_batch.circuit import Breaker, Trouble
from express_batch.circuit_board import OPEN, Circuit, open_circuit, read_circuit
from express_batch.errors import PartnerApiError, StorageRefusedError, StorageUnavailableError
from express_batch.observability import Observer
from express_batch.ports import VersionedStore
from express_batch.run_layout import CIRCUIT_KEY, is_dry_run, redrive_of

# Between two looks of an environment whose calls are not all answered. One that has just had an answer, and nothing but
# answers, does not look: so a run in which all is well takes one GET for each environment.
LOOK_SECONDS = 1.0


class PartnerCircuit:
    """What the slices of an environment share, one after the other; `begin` each of them.

    A circuit that cannot be read counts as closed, since the breaker of the environment still works; a warning says so.
    """

    def __init__(
        self,
        store: VersionedStore,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._breaker = Breaker()
        self._run_id = ""
        self._was_open = False
        # This environment's own word, for as long as nobody else has heard it.
        self._trouble: Trouble | None = None
        self._publishing = threading.Lock()
        self._opened: Trouble | None = None
        self._problem: str | None = None

    def begin(self, run_id: str) -> bool:
        """Whether nobody is to be called for in the slice that begins now."""
        is_new = run_id != self._run_id
        if is_new:
            # Each run's environments find out anew, so that one which could tell nobody is not stuck.
            self._run_id, self._trouble = run_id, None
        self.settle()
        if self._trouble is not None:
            return True
        # A run that begins within a second of another one does not go by that one's answers.
        if not is_new and self._breaker.is_spotless(self._clock(), LOOK_SECONDS):
            return False
        return self._look()

    def note(self, user_id: str, called_at: float, ended: float, error: PartnerApiError | None) -> bool:
        """Count a call that has ended; the user's first began at `called_at`. True when no other may begin."""
        if self._trouble is None:
            self._trouble = self._breaker.add(user_id, called_at, ended, error)
        return self._trouble is not None

    async def wait_until_open(self) -> None:
        """Return within about a second of anybody's finding the partner down; all others have heard it by then."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._trouble is not None:
                await loop.run_in_executor(None, self.settle)
                return
            if not self._breaker.is_spotless(self._clock(), LOOK_SECONDS) and await loop.run_in_executor(
                None, self._look
            ):
                return

    def settle(self) -> None:
        """Tell all others what this environment has found, where they have not heard it.

        Only a run of its own does: the users of a redrive are those that fail, and a dry run tries a release out.
        """
        with self._publishing:
            if self._trouble is None or is_dry_run(self._run_id) or redrive_of(self._run_id) is not None:
                return
            circuit = Circuit(OPEN, round(self._now(), 3), self._run_id, self._trouble.describe())
            try:
                if open_circuit(self._store, circuit):
                    self._opened = self._trouble
            except (StorageUnavailableError, StorageRefusedError) as error:
                self._problem = str(error)
                return
            # From now on the object decides, for this environment too.
            self._trouble, self._was_open = None, True
            self._breaker.reset()

    def tell(self, observer: Observer) -> None:
        """Log that the circuit was opened here, and warn that it could not be read or stored: once for each time."""
        opened, self._opened = self._opened, None
        if opened is not None:
            observer.log(
                "circuit opened",
                recent_users=opened.users,
                recent_failed=opened.failed,
                seconds=round(opened.seconds, 3),
                reason=opened.error,
            )
        problem, self._problem = self._problem, None
        if problem is not None:
            observer.warn("circuit unreadable", key=CIRCUIT_KEY, reason=problem)

    def _look(self) -> bool:
        try:
            circuit = read_circuit(self._store.get(CIRCUIT_KEY))
        except (StorageUnavailableError, StorageRefusedError) as error:
            self._problem = str(error)
            return False
        is_open = circuit is not None and circuit.is_open
        if self._was_open and not is_open:
            self._breaker.reset()  # what was counted before the probe says nothing any more
        self._was_open = is_open
        return is_open
