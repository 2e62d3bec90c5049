"""The kill switch: `batchctl stop` puts control/stop.json into the run bucket, `batchctl resume` takes it away."""

import asyncio
import time
from collections.abc import Callable

from express_batch.errors import StorageRefusedError, StorageUnavailableError
from express_batch.observability import Observer
from express_batch.outside_json import decode_json
from express_batch.ports import ObjectStore
from express_batch.run_layout import STOP_KEY

# One GET a second in each environment that calls: a run of 32 environments and 10 s takes 320, 0.013 cents.
CHECK_SECONDS = 1.0
MAX_REASON_CHARACTERS = 1000


class StopSwitch:
    """Looks at the object at most once a second, however many ask. Safe for several threads.

    A switch that cannot be read changes nothing: what was read last holds, and a warning says so. Until the first
    reading it is off, since a role's new permission may take seconds to arrive and must not fail a run meanwhile.
    """

    def __init__(self, store: ObjectStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._asked_at = float("-inf")
        self._is_on = False
        self._reason = ""
        self._problem: str | None = None

    def is_on(self) -> bool:
        """Whether calls are to stop, as it was a second ago at most."""
        now = self._clock()
        if now - self._asked_at < CHECK_SECONDS:
            return self._is_on
        try:
            body = self._store.get(STOP_KEY)
        except (StorageUnavailableError, StorageRefusedError) as error:
            self._problem = str(error)
            return self._is_on
        # An answer that was long on its way, as in an environment that was frozen, does not replace a newer one.
        if now > self._asked_at:
            self._asked_at, self._is_on, self._reason = now, body is not None, _read_reason(body)
        return self._is_on

    @property
    def reason(self) -> str:
        """What the operator gave as the reason when the switch was last seen on."""
        return self._reason

    async def wait_until_on(self) -> None:
        """Return within about a second of the switch being put on."""
        loop = asyncio.get_running_loop()
        while not await loop.run_in_executor(None, self.is_on):  # noqa: ASYNC110  # S3 is asked, it tells nobody
            await asyncio.sleep(CHECK_SECONDS)

    def tell_problem(self, observer: Observer) -> None:
        """Warn, once for each time, that the switch could not be read."""
        problem, self._problem = self._problem, None
        if problem is not None:
            observer.warn("stop switch unreadable", key=STOP_KEY, reason=problem)


def _read_reason(body: bytes | None) -> str:
    """Any object stops, whoever wrote it and however; only the reason is lost."""
    try:
        return str(decode_json(body or b"{}")["reason"])[:MAX_REASON_CHARACTERS]
    except (ValueError, TypeError, KeyError):
        return ""
