"""A Kinesis service on a manual clock."""

import pytest

from emulator.identity import Identity
from emulator.services.kinesis import KinesisService
from tests.emulator.services.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def kinesis(clock: ManualClock) -> KinesisService:
    return KinesisService(Identity(), clock)
