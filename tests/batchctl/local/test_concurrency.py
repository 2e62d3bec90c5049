"""How many slices a local run has at once, out of what is asked for."""

import pytest

from batchctl.database_url import DatabaseUrl
from batchctl.local.local_stack import plan_stack
from batchctl.local.options import WAITING_CONCURRENCY, WORKING_CONCURRENCY, LocalOptions
from batchctl.project_tree import TENANT_GROUPS
from emulator.stack import read_tenant_group

DATABASE = DatabaseUrl("127.0.0.1", 3306, "batch", "batch", "batch")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (LocalOptions(), WORKING_CONCURRENCY),
        (LocalOptions(users_per_invocation=1), WAITING_CONCURRENCY),
        # With the few of a run without a rate, lanes of a rate would stand idle.
        (LocalOptions(parameters={"CallsPerSecond": "500"}), WAITING_CONCURRENCY),
        (LocalOptions(parameters={"CallsPerSecond": "0"}), WORKING_CONCURRENCY),
        (LocalOptions(parameters={"CallsPerSecond": "500", "ChunkConcurrency": "7", "SliceConcurrency": "8"}), (7, 8)),
    ],
)
def test_more_slices_go_at_once_when_they_wait_more_than_they_work(
    options: LocalOptions, expected: tuple[int, int]
) -> None:
    plan = plan_stack(options, read_tenant_group("example", TENANT_GROUPS), DATABASE, "http://127.0.0.1:1")

    assert (plan.parameters["ChunkConcurrency"], plan.parameters["SliceConcurrency"]) == tuple(map(str, expected))
