"""The claim of a run, started.json: which execution owns it, and since when."""

import json
import math
from dataclasses import asdict, dataclass

from express_batch.ports import ObjectStore
from express_batch.run_layout import started_key

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: an Express execution lives for 5 minutes.
LONGEST_EXECUTION_SECONDS = 300.0


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
    """The claim of the run, or None where nobody has claimed it."""
    body = store.get(started_key(run_id))
    return None if body is None else decode_claim(body)


def decode_claim(body: bytes) -> Claim:
    """The claim that an object holds."""
    held = json.loads(body)
    # A claim that does not say since when it is held is one that cannot be taken over.
    claimed_at = float(held.get("claimed_at", math.inf))
    return Claim(str(held["execution"]), str(held.get("scheduled_time", "")), claimed_at)
