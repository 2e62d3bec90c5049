"""The circuit of a tenant group: control/circuit.json in the run bucket says open or closed to every environment.

It is exchanged by S3's conditional writes, so that of the environments that find the partner down in one moment one
opens it, and a probe closes the circuit that it has probed and no later one
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). Closed is a word in the object and not
its absence, so that nobody needs the permission to delete.
"""

import json
from dataclasses import asdict, dataclass

from express_batch.outside_json import decode_json, read_number
from express_batch.ports import ObjectStore, VersionedStore
from express_batch.run_layout import CIRCUIT_KEY

CIRCUIT_VERSION = 1
OPEN, CLOSED = "open", "closed"
# Each further attempt means that somebody else has just written.
ATTEMPTS = 3


@dataclass(frozen=True)
class Circuit:
    """The object. An open one stays open until a probe is answered, whatever the time."""

    state: str
    changed_at: float  # seconds since 1970
    run_id: str  # whose calls failed, or whose probe was answered
    reason: str
    version: int = CIRCUIT_VERSION

    @property
    def is_open(self) -> bool:
        """Whether nobody is to be called for."""
        return self.state != CLOSED

    def encode(self) -> bytes:
        """The object."""
        return json.dumps(asdict(self)).encode()


def read_circuit(body: bytes | None) -> Circuit | None:
    """None where there was never one. What is no circuit counts as open: the probe of the next run mends it."""
    if body is None:
        return None
    try:
        document = decode_json(body)
        state = document["state"]
        if state not in (OPEN, CLOSED):
            raise ValueError("neither open nor closed")
        return Circuit(state, read_number(document["changed_at"]), str(document["run_id"]), str(document["reason"]))
    except (ValueError, TypeError, KeyError):
        return Circuit(OPEN, 0.0, "", f"{CIRCUIT_KEY} cannot be read")


def is_circuit_open(store: ObjectStore) -> bool:
    """Whether a run has to probe the partner first. Raises StorageUnavailableError."""
    circuit = read_circuit(store.get(CIRCUIT_KEY))
    return circuit is not None and circuit.is_open


def open_circuit(store: VersionedStore, circuit: Circuit) -> bool:
    """True when it was this call that opened it; False when it was open. Raises StorageUnavailableError."""
    for _ in range(ATTEMPTS):
        found = store.get_with_version(CIRCUIT_KEY)
        if found is None:
            if store.put_if_absent(CIRCUIT_KEY, circuit.encode()):
                return True
            continue
        held = read_circuit(found[0])
        if held is not None and held.is_open:
            return False
        if store.put_if_version(CIRCUIT_KEY, circuit.encode(), found[1]):
            return True
    return False


def close_circuit(store: VersionedStore, circuit: Circuit, version: str) -> bool:
    """True when the open circuit of that version is closed now; False when another write came between.

    Raises StorageUnavailableError.
    """
    return store.put_if_version(CIRCUIT_KEY, circuit.encode(), version)
