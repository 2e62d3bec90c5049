"""ProbePartner: where the circuit is open, a few calls decide whether a run calls for its users or for nobody."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice
from express_batch.circuit import DOWN_ERRORS
from express_batch.circuit_board import CLOSED, OPEN, Circuit, close_circuit, read_circuit
from express_batch.job_contract import Job, PartnerApi, User
from express_batch.observability import Observer
from express_batch.ports import VersionedStore
from express_batch.run_layout import CIRCUIT_KEY
from express_batch.stop_switch import StopSwitch

# One user may be the one that always fails, so the most of three decide.
PROBE_USERS = 3
# Kept back of the invocation's time for closing the circuit.
CLOSING_SECONDS = 3.0

Choose = Callable[[Sequence[User], int], Sequence[User]]


class ProbeRunner(Protocol):
    """Runs a coroutine that calls the partner API."""

    def run(self, work: Callable[[PartnerApi], Coroutine[Any, Any, list[str]]]) -> list[str]:
        """What the coroutine returns."""
        ...


def probe_partner(
    slice_: Slice,
    *,
    seconds_left: float,
    job: Job,
    chunks: ChunkCache,
    store: VersionedStore,
    partner: ProbeRunner,
    observer: Observer,
    switch: StopSwitch,
    choose: Choose = random.sample,
    now: Callable[[], float] = time.time,
) -> dict[str, str]:
    """{"circuit": "closed"} where the run may call for its users.

    Calls once for PROBE_USERS of the slice, who are others each time, so that it does not fail for ever because of whom
    it asks. The answers are thrown away: these users are called for again with all others, and the account of the run
    knows of no probe. The circuit is closed when most calls were answered. Nobody is asked where the circuit is closed
    already, or calls are stopped. Raises StorageUnavailableError, ChunkUnreadableError.
    """
    found = store.get_with_version(CIRCUIT_KEY)
    held = None if found is None else read_circuit(found[0])
    if found is None or held is None or not held.is_open:
        return {"circuit": CLOSED}
    if switch.is_on():
        return {"circuit": OPEN}
    users = chunks.read(slice_.run_id, slice_.chunk)[slice_.start : slice_.end]
    chosen = choose(users, min(PROBE_USERS, len(users)))
    failed = partner.run(lambda api: _call(job, api, chosen, seconds_left - CLOSING_SECONDS))
    answered = len(chosen) - len(failed)
    keys = {"calls": len(chosen), "answered": answered, "errors": sorted(set(failed)), "open_since": held.changed_at}
    if answered <= len(failed):
        observer.log("circuit stays open", **keys)
        return {"circuit": OPEN}
    closed = Circuit(CLOSED, round(now(), 3), slice_.run_id, f"{answered} of {len(chosen)} calls were answered")
    # False: another run's probe has closed it, or it was opened anew. The slices look for themselves in any case.
    close_circuit(store, closed, found[1])
    observer.log("circuit closed", **keys)
    return {"circuit": CLOSED}


async def _call(job: Job, api: PartnerApi, users: Sequence[User], seconds: float) -> list[str]:
    """The error of each call that says that the partner is down."""
    errors = await asyncio.gather(*(_call_user(job, api, user, seconds) for user in users))
    return [error for error in errors if error is not None]


async def _call_user(job: Job, api: PartnerApi, user: User, seconds: float) -> str | None:
    try:
        async with asyncio.timeout(seconds):
            await job.call_api(api, user)
    except (*DOWN_ERRORS, TimeoutError) as error:
        return type(error).__name__
    except Exception:  # noqa: BLE001  # refused, throttled, malformed: an answer; a bug of the job's shows in the run
        return None
    return None
