"""The circuit as an operator sees it: control/circuit.json in the run bucket, opened and closed by the batch."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from botocore.exceptions import ClientError
from express_batch.object_sizes import read_object

from batchctl.redrive.stack import BatchStack, explained
from batchctl.runs.heads import parse_object

CIRCUIT_KEY = "control/circuit.json"
CIRCUIT_VERSION = 1
OPEN, CLOSED = "open", "closed"
CIRCUIT_REASON = "CircuitOpenError"


@dataclass(frozen=True)
class CircuitState:
    """The object."""

    state: str
    changed_at: float  # seconds since 1970; 0 where it is not known
    run_id: str
    reason: str
    version: int = CIRCUIT_VERSION

    @property
    def is_open(self) -> bool:
        """Whether nobody is called for until a probe is answered."""
        return self.state != CLOSED


class PartnerCircuit:
    """control/circuit.json of one stack. All methods raise BatchctlError with the remedy."""

    def __init__(self, stack: BatchStack) -> None:
        self._client = stack.make_client("s3")
        self._bucket = stack.output("RunBucketName")

    def read(self) -> CircuitState | None:
        """What it says, or None where it was never opened. What is no circuit counts as open, as for the batch."""
        with explained(f"s3://{self._bucket}/{CIRCUIT_KEY}"):
            try:
                body = read_object(self._client.get_object(Bucket=self._bucket, Key=CIRCUIT_KEY)["Body"], CIRCUIT_KEY)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                    return None
                raise
        document = parse_object(body) or {}
        if document.get("state") not in (OPEN, CLOSED):
            return CircuitState(OPEN, 0.0, "", f"{CIRCUIT_KEY} cannot be read")
        try:
            changed_at = float(document.get("changed_at") or 0.0)
        except (TypeError, ValueError, OverflowError):
            changed_at = 0.0
        return CircuitState(
            str(document["state"]),
            changed_at if math.isfinite(changed_at) else 0.0,
            str(document.get("run_id", "")),
            str(document.get("reason", "")),
        )

    def close(self, by: str, *, now: Callable[[], float] = time.time) -> None:
        """Let the next run, and what is left of one that goes, call without a probe."""
        closed = CircuitState(CLOSED, round(now(), 3), "", f"closed by {by or 'an operator'}")
        with explained(f"s3://{self._bucket}/{CIRCUIT_KEY}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=CIRCUIT_KEY,
                Body=json.dumps(asdict(closed)).encode(),
                ContentType="application/json",
            )
