"""One stack for the whole runs; each test brings the partner API and the tables to where it needs them."""

from collections.abc import Iterator

import pytest

from batchctl.local.options import LocalOptions
from tests.local.background_stack import BackgroundStack

USERS = 600


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[BackgroundStack]:
    """A running stack with 600 users in chunks of 250 and slices of 40, so that no size divides another."""
    parameters = {"ChunkSize": "250", "CloseRunWaitSeconds": "20", "SyncUsersTimeoutSeconds": "20"}
    options = LocalOptions(users=USERS, users_per_invocation=40, api_latency_ms=5, parameters=parameters)
    with BackgroundStack(options) as stack:
        yield stack


@pytest.fixture
def stack(shared_stack: BackgroundStack) -> BackgroundStack:
    """The shared stack with a faultless partner API, a circuit that was never opened, and no rows."""
    shared_stack.set_api(
        latency_ms=5, error_rate=0, throttle_rate=0, malformed_rate=0, drop_rate=0, not_found_rate=0, timeout_rate=0,
        sticky_share=0, changing=False,
    )  # fmt: skip
    shared_stack.query("DELETE FROM loyalty_points")
    shared_stack.forget_circuit()
    return shared_stack
