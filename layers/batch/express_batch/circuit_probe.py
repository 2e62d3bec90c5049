"""ProbePartner: where the circuit is open, a few calls decide whether a run calls for its users or for nobody."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from express_batch.call_gate import CallGate
from express_batch.call_slots import NO_SLOT
from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice
from express_batch.circuit import DOWN_ERRORS
from express_batch.circuit_board import CLOSED, OPEN, Circuit, close_circuit, read_circuit
from express_batch.errors import ApiThrottledError, LimitReachedError, LimitUnavailableError
from express_batch.invocation import Invocation
from express_batch.job_contract import Job, PartnerApi, User
from express_batch.observability import Observer
from express_batch.ports import VersionedStore
from express_batch.run_layout import CIRCUIT_KEY
from express_batch.slice_turn import SliceLimit, Turn
from express_batch.stop_switch import StopSwitch
from express_batch.stopping import Stopping

# One user may be the one that always fails, so the most of three decide.
PROBE_USERS = 3
# Kept back of the invocation's time for closing the circuit.
CLOSING_SECONDS = 3.0
ANSWERED, NOT_ASKED = "answered", "not asked"

Choose = Callable[[Sequence[User], int], Sequence[User]]


class ProbeRunner(Protocol):
    """Runs a coroutine that calls the partner API."""

    def run(self, work: Callable[[PartnerApi], Coroutine[Any, Any, list[str]]]) -> list[str]:
        """What the coroutine returns."""
        ...


def probe_partner(
    slice_: Slice,
    *,
    invocation: Invocation,
    job: Job,
    chunks: ChunkCache,
    store: VersionedStore,
    partner: ProbeRunner,
    observer: Observer,
    switch: StopSwitch,
    limit: SliceLimit | None = None,
    choose: Choose = random.sample,
    now: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, str]:
    """{"circuit": "closed"} where the run may call for its users.

    Calls once for PROBE_USERS of the slice, who are others each time, so that it does not fail for ever because of whom
    it asks. The answers are thrown away: these users are called for again with all others, and the account of the run
    knows of no probe. The circuit is closed when most calls were answered. Nobody is asked where the circuit is closed
    already, or calls are stopped, or where the partner is limited and no slot or permit can be had: the circuit stays
    as it is then. Raises StorageUnavailableError, ChunkUnreadableError.
    """
    ends = clock() + invocation.seconds_left - CLOSING_SECONDS
    found = store.get_with_version(CIRCUIT_KEY)
    held = None if found is None else read_circuit(found[0])
    if found is None or held is None or not held.is_open:
        return {"circuit": CLOSED}
    if switch.is_on():
        return {"circuit": OPEN}
    users = chunks.read(slice_.run_id, slice_.chunk)[slice_.start : slice_.end]
    chosen = choose(users, min(PROBE_USERS, len(users)))
    asking = replace(slice_, end=slice_.start + len(chosen))
    try:
        with _take_turn(limit, asking, invocation, observer) as open_gate:
            seconds = ends - clock()  # its turn may have taken some
            outcomes = partner.run(lambda api: _call(job, api, chosen, seconds, open_gate(seconds)))
    except LimitUnavailableError as error:
        observer.log("circuit not probed", reason=str(error), open_since=held.changed_at)
        return {"circuit": OPEN}
    asked = [outcome for outcome in outcomes if outcome != NOT_ASKED]
    if not asked:
        observer.log("circuit not probed", reason=NO_SLOT, open_since=held.changed_at)
        return {"circuit": OPEN}
    failed = [outcome for outcome in asked if outcome != ANSWERED]
    answered = len(asked) - len(failed)
    keys = {"calls": len(asked), "answered": answered, "errors": sorted(set(failed)), "open_since": held.changed_at}
    if answered <= len(failed):
        observer.log("circuit stays open", **keys)
        return {"circuit": OPEN}
    closed = Circuit(CLOSED, round(now(), 3), slice_.run_id, f"{answered} of {len(asked)} calls were answered")
    # False: another run's probe has closed it, or it was opened anew. The slices look for themselves in any case.
    close_circuit(store, closed, found[1])
    observer.log("circuit closed", **keys)
    return {"circuit": CLOSED}


@contextmanager
def _take_turn(
    limit: SliceLimit | None, slice_: Slice, invocation: Invocation, observer: Observer
) -> Iterator[Callable[[float], CallGate | None]]:
    """What makes the gate for calls that have to end in so many seconds. Raises LimitUnavailableError."""
    if limit is None:
        yield lambda _: None
        return
    turn = limit.take_turn(
        slice_,
        holder=invocation.request_id,
        calls_in_flight=PROBE_USERS,
        seconds_left=invocation.seconds_left - CLOSING_SECONDS,
        waits_until=None,  # nobody calls a probe again
    )
    assert isinstance(turn, Turn)
    with limit.hold(turn, slice_, observer):
        yield lambda seconds: limit.open_gate(turn, slice_, seconds)


async def _call(job: Job, api: PartnerApi, users: Sequence[User], seconds: float, gate: CallGate | None) -> list[str]:
    """For each user ANSWERED, NOT_ASKED, or the error that says that the partner is down."""
    watchers = [] if gate is None else [asyncio.ensure_future(work) for work in gate.watch()]
    outcomes = await asyncio.gather(*(_call_user(job, api, user, seconds, gate) for user in users))
    for watcher in watchers:
        watcher.cancel()
    if gate is not None:
        await gate.end()
    return outcomes


async def _call_user(job: Job, api: PartnerApi, user: User, seconds: float, gate: CallGate | None) -> str:
    loop = asyncio.get_running_loop()
    admitted, started = None, None
    try:
        async with asyncio.timeout(seconds):
            admitted = None if gate is None else await gate.admit(api, Stopping())
            started = loop.time()
            await job.call_api(admitted or api, user)
    except LimitReachedError:
        return NOT_ASKED
    except ApiThrottledError as error:
        if gate is not None and started is not None:
            gate.report_throttled(loop.time() - started, error.retry_after_seconds)
    except (*DOWN_ERRORS, TimeoutError) as error:
        return NOT_ASKED if started is None else type(error).__name__
    except Exception:  # noqa: BLE001, S110  # refused, malformed: an answer; a bug of the job's shows in the run
        pass
    finally:
        if admitted is not None:
            admitted.close()
    return ANSWERED
