"""What one step gives is what the next one takes: the real logic's answers through the real state machine."""

from typing import Any

from express_batch.chunks import Slice
from express_batch.close_run import ClosingRequest
from express_batch.failures import read_failures
from express_batch.job_contract import User
from express_batch.list_users import StartRequest, list_users
from express_batch.run_layout import chunk_key, failures_prefix

from emulator.step_functions import Execution
from tests.emulator.step_functions.doubles import FunctionError
from tests.fakes.database import LedgerDatabase
from tests.fakes.job import ValueJob
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver
from tests.statemachine.user_batch import RUN_ID, Batch


class RealSteps:
    """The functions of UserBatch, each reading its event as the real handler does."""

    def __init__(self, users: int) -> None:
        self.store = MemoryStore()
        self.database = LedgerDatabase([User(f"user-{number}", "tenant") for number in range(users)])
        self.slices: list[Slice] = []
        self.closing: list[ClosingRequest] = []

    def list_users(self, event: Any) -> dict[str, Any]:
        """ListUsers with its real logic."""
        return list_users(
            StartRequest.from_event(event),
            tenant_group="group",
            chunk_size=7,
            job=ValueJob(),
            database=self.database,
            store=self.store,
            observer=RecordingObserver(),
        )

    def sync_users(self, event: Any) -> dict[str, int]:
        """SyncUsers reads its slice; the last one fails for good."""
        slice_ = Slice.from_event(event)
        self.slices.append(slice_)
        if slice_.chunk == 2:
            raise FunctionError("ChunkUnreadableError", "no chunk")
        return {"synced": slice_.end - slice_.start, "failed": 0}

    def close_run(self, event: Any) -> dict[str, Any]:
        """CloseRun reads its request."""
        self.closing.append(ClosingRequest.from_event(event))
        return {"run_id": self.closing[-1].run_id, "status": "PARTIAL", "users_missing": 0}


def run(steps: RealSteps) -> tuple[Execution, Batch]:
    """The ended execution of the real state machine."""
    batch = Batch(functions={"ListUsers": steps.list_users, "SyncUsers": steps.sync_users, "CloseRun": steps.close_run})
    return batch.run(UsersPerInvocation=3), batch


def test_every_step_accepts_what_the_one_before_it_gave() -> None:
    steps = RealSteps(users=16)

    execution, _ = run(steps)

    assert execution.status == "SUCCEEDED"
    assert sorted((s.chunk, s.start, s.end) for s in steps.slices) == [
        (0, 0, 3), (0, 3, 6), (0, 6, 7), (1, 0, 3), (1, 3, 6), (1, 6, 7), (2, 0, 2),
    ]  # fmt: skip
    (closing,) = steps.closing
    assert (closing.run_id, closing.users_listed, closing.chunk_sizes) == (RUN_ID, 16, {0: 7, 1: 7, 2: 2})


def test_chunks_lie_where_a_slice_looks_for_them() -> None:
    steps = RealSteps(users=16)

    run(steps)

    for slice_ in steps.slices:
        assert steps.store.get(chunk_key(slice_.run_id, slice_.chunk)) is not None


def test_slice_failure_record_is_one_that_close_run_reads() -> None:
    steps = RealSteps(users=16)

    _, batch = run(steps)

    ((_, _, parameters),) = batch.sdk.calls
    failed = list(read_failures(parameters["Body"]))
    assert [(item.chunk, item.position, item.reason) for item in failed] == [
        (2, 0, "ChunkUnreadableError"),
        (2, 1, "ChunkUnreadableError"),
    ]
    assert parameters["Key"].startswith(failures_prefix(RUN_ID))


def test_second_execution_of_the_same_time_is_told_that_the_run_has_started() -> None:
    steps = RealSteps(users=4)

    first, _ = run(steps)
    second, _ = run(steps)

    assert first.status == second.status == "SUCCEEDED"
    # The virtual clock gives both executions one start time; their ids differ.
    assert second.output["status"] == "ALREADY_STARTED"


def test_dry_run_goes_through_the_real_steps_and_leaves_the_database_alone() -> None:
    steps = RealSteps(users=16)
    batch = Batch(functions={"ListUsers": steps.list_users, "SyncUsers": steps.sync_users})

    execution = batch.run({"dry_run": True, "users": 12}, UsersPerInvocation=3)

    assert execution.output["status"] == "DRY_RUN"
    assert (execution.output["users_listed"], execution.output["users_synced"]) == (12, 12)
    assert steps.database.statements == []
