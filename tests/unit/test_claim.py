"""The claim of a run, and an object that is none."""

import json

import pytest
from express_batch.claim import Claim, read_claim
from express_batch.errors import ObjectUnreadableError
from express_batch.run_layout import started_key

from tests.fakes.batch_world import START, BatchWorld
from tests.fakes.deliveries import RUN
from tests.fakes.object_store import MemoryStore

CLAIM = Claim("execution-1", "2026-11-22T08:30:00Z", 1000.0)


def read(body: bytes) -> Claim | None:
    store = MemoryStore()
    store.put(started_key(RUN), body)
    return read_claim(store, RUN)


def test_claim_is_read_as_it_was_stored() -> None:
    assert read(CLAIM.encode()) == CLAIM


def test_claim_without_a_time_can_never_be_taken_over() -> None:
    claim = read(b'{"execution": "another"}')

    assert claim is not None
    assert claim.may_live(1e12)


NO_CLAIMS = [
    b"",
    b"not JSON",
    b"[]",
    b"7",
    b"null",
    b"{}",
    b"[" * 100_000,
    b'{"execution": 7}',
    b'{"execution": null}',
    b'{"execution": "e", "claimed_at": "soon"}',
    b'{"execution": "e", "claimed_at": []}',
    b'{"execution": "e", "claimed_at": NaN}',
    b'{"execution": "e", "claimed_at": 1e999}',
    b'{"execution": "e", "scheduled_time": %s}' % json.dumps("2" * 41).encode(),
    b'{"execution": "e", "claimed_at": %s}' % (b"9" * 400),
]


@pytest.mark.parametrize("body", NO_CLAIMS)
def test_object_that_is_no_claim_is_refused_by_its_key(body: bytes) -> None:
    with pytest.raises(ObjectUnreadableError, match=started_key(RUN)):
        read(body)


@pytest.mark.parametrize("body", NO_CLAIMS)
def test_run_starts_for_nobody_when_its_claim_is_none(body: bytes) -> None:
    """Neither as if it were done, which would lose it in silence, nor by each of two executions."""
    world = BatchWorld()
    world.store.put(started_key(RUN), body)

    with pytest.raises(ObjectUnreadableError):
        world.start()
    assert world.store.objects == {started_key(RUN): body}


def test_redrive_is_refused_by_name_when_the_claim_of_its_run_is_none() -> None:
    world = BatchWorld()
    world.end(world.start()["run_id"], {})
    world.store.put(started_key(RUN), b"[]")
    world.now = START + 3600

    with pytest.raises(ObjectUnreadableError, match=r"started\.json"):
        world.redrive(RUN)
