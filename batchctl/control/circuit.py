"""The circuit as an operator sees it: control/circuit.json in the run bucket, opened and closed by the batch."""

import time
from collections.abc import Callable
from dataclasses import replace

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
        """What it says to the batch, or None where it was never opened. What is no circuit counts as open.

        Changed when S3 says so: an environment's clock may be wrong, and what is no circuit has no time.
        """
        found = self._bucket.get_dated(CIRCUIT_KEY)
        circuit = read_circuit(None if found is None else found[0])
        return None if circuit is None or found is None else replace(circuit, changed_at=found[1])

    def close(self, by: str, *, now: Callable[[], float] = time.time) -> None:
        """Let the next run, and what is left of one that goes, call without a probe."""
        closed = Circuit(CLOSED, round(now(), 3), "", f"closed by {by or 'an operator'}")
        with explained(f"s3://{self._bucket.name}/{CIRCUIT_KEY}"):
            self._client.put_object(
                Bucket=self._bucket.name, Key=CIRCUIT_KEY, Body=closed.encode(), ContentType="application/json"
            )
