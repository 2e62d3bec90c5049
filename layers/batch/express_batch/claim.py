"""The claim of a run, started.json: which execution owns it, and since when."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from express_batch.errors import ObjectUnreadableError
from express_batch.outside_json import decode_json, read_number
from express_batch.ports import ObjectStore
from express_batch.run_layout import started_key

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: an Express execution lives for 5 minutes.
LONGEST_EXECUTION_SECONDS = 300.0
MAX_TIME_CHARACTERS = 40  # of a scheduled time, as the ledger's column holds it


@dataclass(frozen=True)
class Claim:
    """What the owner of a run has said of itself."""

    execution: str
    scheduled_time: str
    claimed_at: float  # seconds since 1970

    def encode(self) -> bytes:
        """The object."""
        return json.dumps(asdict(self)).encode()

    def may_live(self, now: float) -> bool:
        """Whether the execution can still be at work."""
        return now - self.claimed_at <= LONGEST_EXECUTION_SECONDS


def read_claim(store: ObjectStore, run_id: str) -> Claim | None:
    """The claim of the run, or None where nobody has claimed it. Raises ObjectUnreadableError."""
    body = store.get(started_key(run_id))
    return None if body is None else decode_claim(body, run_id)


def is_held_by(store: ObjectStore, run_id: str, execution: str) -> bool:
    """Whether the run is the execution's although S3 has just refused its claim. Raises ObjectUnreadableError.

    An answer may be lost behind the write. The request is then sent again, and refused because of the first one.
    """
    held = read_claim(store, run_id)
    return held is not None and held.execution == execution


def decode_claim(body: bytes, run_id: str) -> Claim:
    """The claim that the run's object holds. Raises ObjectUnreadableError.

    An object that is no claim decides nothing: not that the run is somebody's, nor that it is free.
    """
    try:
        return _read_claim(decode_json(body))
    except (KeyError, TypeError, ValueError) as error:
        raise ObjectUnreadableError(
            f"{started_key(run_id)} is no claim ({type(error).__name__}): "
            "only ListUsers may write there; remove it, or start a new run"
        ) from error


def _read_claim(held: Any) -> Claim:
    execution, scheduled_time = held["execution"], held.get("scheduled_time", "")
    if not isinstance(execution, str) or not isinstance(scheduled_time, str):
        raise TypeError("names that are no text")
    if len(scheduled_time) > MAX_TIME_CHARACTERS or not scheduled_time.isascii():
        raise ValueError("no time")
    # A claim that does not say since when it is held is one that cannot be taken over.
    return Claim(execution, scheduled_time, read_number(held["claimed_at"]) if "claimed_at" in held else math.inf)
