"""Whose turn it is: control/turn.json lets one run of a tenant group go at a time, however many start in one second.

The object is exchanged by S3's conditional writes, so of two runs that look at the same moment one takes it and the
other is told so (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

import contextlib
import json
from dataclasses import asdict, dataclass

from express_batch.claim import LONGEST_EXECUTION_SECONDS
from express_batch.errors import InvalidEventError, StorageRefusedError, StorageUnavailableError
from express_batch.outside_json import decode_json, read_number
from express_batch.ports import VersionedStore
from express_batch.run_layout import TURN_KEY, check_run_id, closed_key, listing_key

# Each further attempt means that another run has just taken it.
ATTEMPTS = 3
# Runs that nobody was listed for never had a turn: their account is of an earlier start of the same scheduled time.
NOT_STARTED = ("SKIPPED", "STOPPED")


@dataclass(frozen=True)
class Turn:
    """The run that goes, and since when."""

    run_id: str
    execution: str
    taken_at: float  # when the execution began, from where its longest life counts; seconds since 1970

    def encode(self) -> bytes:
        """The object."""
        return json.dumps(asdict(self)).encode()


def take_turn(store: VersionedStore, turn: Turn, now: float) -> str | None:
    """None when it is this run's turn from now on; otherwise the run whose turn it still is.

    A turn ends when its run is closed, and with the longest life of an execution: an invocation of ListUsers with an
    old event, by hand, holds nobody up. Raises StorageUnavailableError.
    """
    holder = ""
    for _ in range(ATTEMPTS):
        found = store.get_with_version(TURN_KEY)
        if found is None:
            if store.put_if_absent(TURN_KEY, turn.encode()):
                return None
            continue
        held = _read_turn(found[0])
        if held is not None and held.execution == turn.execution and held.taken_at > 0:
            return None  # ListUsers is repeated
        if held is not None and not _is_over(store, held, now):
            return held.run_id
        holder = "" if held is None else held.run_id
        if store.put_if_version(TURN_KEY, turn.encode(), found[1]):
            return None
    return holder or "another run"


def give_turn_back(store: VersionedStore, turn: Turn) -> None:
    """End the turn of a run whose listing failed. Where that does not work either, time ends it.

    A run that is listed keeps it: it goes, or is about to, by another attempt at ListUsers that took this one for dead.
    """
    with contextlib.suppress(StorageUnavailableError, StorageRefusedError):
        if store.get(listing_key(turn.run_id)) is not None:
            return
        found = store.get_with_version(TURN_KEY)
        held = None if found is None else _read_turn(found[0])
        if found is not None and held is not None and held.execution == turn.execution:
            store.put_if_version(TURN_KEY, Turn(turn.run_id, turn.execution, 0.0).encode(), found[1])


def _is_over(store: VersionedStore, held: Turn, now: float) -> bool:
    # To either side: a turn that was taken in the far future would never end.
    if abs(now - held.taken_at) > LONGEST_EXECUTION_SECONDS:
        return True
    body = store.get(closed_key(held.run_id))
    return body is not None and _says_that_it_ended(body)


def _says_that_it_ended(body: bytes) -> bool:
    """Whether it is a run's account. What is none ends no turn: two runs would go at a time."""
    try:
        status = decode_json(body)["status"]
    except (ValueError, TypeError, KeyError):
        return False
    return isinstance(status, str) and status not in NOT_STARTED


def _read_turn(body: bytes) -> Turn | None:
    """None for an object that is no turn: nobody has it."""
    try:
        document = decode_json(body)
        return Turn(check_run_id(document["run_id"]), str(document["execution"]), read_number(document["taken_at"]))
    except (ValueError, TypeError, KeyError, InvalidEventError):
        return None
