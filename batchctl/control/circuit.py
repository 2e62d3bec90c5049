"""The circuit as an operator sees it: control/circuit.json in the run bucket, opened and closed by the batch."""

import time
from collections.abc import Callable

from express_batch.circuit_board import CLOSED, Circuit, read_circuit
from express_batch.run_layout import CIRCUIT_KEY

from batchctl.redrive.bucket import Bucket
from batchctl.redrive.stack import BatchStack, explained


class PartnerCircuit:
    """control/circuit.json of one stack. All methods raise BatchctlError with the remedy."""

    def __init__(self, stack: BatchStack) -> None:
        self._client = stack.make_client("s3")
        self._bucket = Bucket(self._client, stack.output("RunBucketName"))

    def read(self) -> Circuit | None:
        """What it says to the batch, or None where it was never opened. What is no circuit counts as open."""
        return read_circuit(self._bucket.get(CIRCUIT_KEY))

    def close(self, by: str, *, now: Callable[[], float] = time.time) -> None:
        """Let the next run, and what is left of one that goes, call without a probe."""
        closed = Circuit(CLOSED, round(now(), 3), "", f"closed by {by or 'an operator'}")
        with explained(f"s3://{self._bucket.name}/{CIRCUIT_KEY}"):
            self._client.put_object(
                Bucket=self._bucket.name, Key=CIRCUIT_KEY, Body=closed.encode(), ContentType="application/json"
            )
