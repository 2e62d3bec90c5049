"""A noisy tenant's thousands of users do not starve the others: the real listing through the real state machine."""

import asyncio
from typing import Any, ClassVar

import pytest
from express_batch.chunks import Slice, read_chunk
from express_batch.job_contract import User
from express_batch.list_users import StartRequest, list_users

from tests.fakes.database import LedgerDatabase
from tests.fakes.job import ValueJob
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver
from tests.statemachine.user_batch import Batch

NOISY = [User(f"a{number:05d}", "noisy") for number in range(5_000)]
# Behind it in the job's order, as a user created later is.
SMALL = [User(f"b{number:05d}", f"small-{number % 20:02d}") for number in range(400)]


class WeightedJob(ValueJob):
    """The noisy tenant has paid for ten users a round."""

    TENANT_WEIGHTS: ClassVar[dict[str, int]] = {"noisy": 10}


@pytest.mark.parametrize(("job", "most"), [(ValueJob(), 0.25), (WeightedJob(), 0.3)])
def test_small_tenants_are_answered_before_a_part_of_the_noisy_one(job: ValueJob, most: float) -> None:
    # GIVEN four SyncUsers environments for 5,400 users
    store = MemoryStore()
    answered: list[User] = []

    def list_real(event: Any) -> dict[str, Any]:
        return list_users(
            StartRequest.from_event(event),
            tenant_group="group",
            chunk_size=1_000,
            job=job,
            database=LedgerDatabase([*NOISY, *SMALL]),
            store=store,
            observer=RecordingObserver(),
        )

    async def sync(event: Any) -> dict[str, int]:
        slice_ = Slice.from_event(event)
        await asyncio.sleep(1)
        users = read_chunk(store, slice_.run_id, slice_.chunk)[slice_.start : slice_.end]
        answered.extend(users)
        return {"synced": len(users), "failed": 0}

    # WHEN they are run
    batch = Batch(functions={"ListUsers": list_real, "SyncUsers": sync})
    batch.run(ChunkConcurrency=2, SliceConcurrency=2, UsersPerInvocation=100)

    # THEN the last of the small tenants' users comes before so much of the noisy one
    assert len(answered) == 5_400
    last = max(index for index, user in enumerate(answered) if user.tenant_id != "noisy")
    before = sum(user.tenant_id == "noisy" for user in answered[:last])
    assert before / len(NOISY) < most
