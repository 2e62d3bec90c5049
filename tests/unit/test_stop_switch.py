"""The kill switch: read at most once a second, and what cannot be read changes nothing."""

import json

import pytest
from express_batch.errors import StorageRefusedError, StorageUnavailableError
from express_batch.run_layout import STOP_KEY
from express_batch.stop_switch import StopSwitch

from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FailingStore(MemoryStore):
    """Raises `problem` while there is one."""

    problem: Exception | None = None

    def get(self, key: str) -> bytes | None:
        if self.problem is not None:
            raise self.problem
        return super().get(key)


def test_switch_is_off_when_there_is_no_object() -> None:
    assert StopSwitch(MemoryStore()).is_on() is False


@pytest.mark.parametrize(
    ("body", "reason"), [(json.dumps({"reason": "partner down"}).encode(), "partner down"), (b"", ""), (b"[1]", "")]
)
def test_switch_is_on_when_there_is_an_object_whatever_it_says(body: bytes, reason: str) -> None:
    store = MemoryStore()
    store.put(STOP_KEY, body)
    switch = StopSwitch(store)

    assert (switch.is_on(), switch.reason) == (True, reason)


def test_switch_is_read_once_a_second_however_many_ask() -> None:
    store, clock = MemoryStore(), Clock()
    switch = StopSwitch(store, clock)

    for _ in range(50):
        switch.is_on()
        clock.now += 0.1

    assert len(store.reads) == 5


def test_switch_is_seen_a_second_after_it_was_put_on_and_taken_off() -> None:
    store, clock = MemoryStore(), Clock()
    switch = StopSwitch(store, clock)
    seen = []
    for stopped in (False, True, True, False):
        store.objects = {STOP_KEY: b"{}"} if stopped else {}
        clock.now += 1.0
        seen.append(switch.is_on())

    assert seen == [False, True, True, False]


@pytest.mark.parametrize("problem", [StorageUnavailableError("S3 is away"), StorageRefusedError("AccessDenied")])
@pytest.mark.parametrize("was_on", [True, False])
def test_what_was_read_last_holds_when_the_switch_cannot_be_read(problem: Exception, was_on: bool) -> None:
    # GIVEN a switch that was read once
    store, clock = FailingStore(), Clock()
    store.objects = {STOP_KEY: b"{}"} if was_on else {}
    switch = StopSwitch(store, clock)
    switch.is_on()
    # WHEN it cannot be read any more
    store.problem = problem
    clock.now += 2
    # THEN nothing changes, and a warning says so once
    assert switch.is_on() is was_on
    observer = RecordingObserver()
    switch.tell_problem(observer)
    switch.tell_problem(observer)
    assert observer.warnings == [("stop switch unreadable", {"key": STOP_KEY, "reason": str(problem)})]


def test_answer_that_was_long_on_its_way_does_not_replace_a_newer_one() -> None:
    clock = Clock()

    class SlowStore(MemoryStore):
        def get(self, key: str) -> bytes | None:
            if clock.now == 100.0:
                clock.now = 200.0  # the environment was frozen, and meanwhile another thread has asked
                assert switch.is_on() is True
                return None
            return b"{}"

    switch = StopSwitch(SlowStore(), clock)

    assert switch.is_on() is True
