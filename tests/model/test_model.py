"""Ledger, stream and writer as a model: whatever the order, the repeats and the crashes, account and rows are right.

docs/adr/0017-model-test.md says what is modelled and what is not; `make model` looks deeper.
"""

import os
from collections.abc import Iterator

import pytest
from express_batch import attempts, close_run, listing, sync_users, write_rows
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.stream_record import encode_records
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.database.server import Probe, Server
from tests.model.machine import BatchMachine
from tests.model.ports import Clock, InlineExecutor
from tests.model.scenes import Overtaking

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "220"))
STEPS = int(os.environ.get("MODEL_STEPS", "20"))
SHRINKS = os.environ.get("MODEL_SHRINKS", "yes") == "yes"
# The short profile is the same each time; the deep one looks elsewhere each time.
IS_DEEP = "MODEL_EXAMPLES" in os.environ
ONE_ROW_BYTES = 360  # a record of it holds one row, so that a slice has several


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the functions; pools do their work in one order, and records are small."""
    clock = Clock()
    for module in (sync_users, write_rows):
        monkeypatch.setattr(module, "time", clock)
    for module in (attempts, close_run, listing, sync_users):
        monkeypatch.setattr(module, "ThreadPoolExecutor", InlineExecutor)
    defaults = {**(encode_records.__kwdefaults__ or {}), "limit_bytes": ONE_ROW_BYTES}
    monkeypatch.setattr(encode_records, "__kwdefaults__", defaults)
    return clock


@pytest.fixture
def environments(server: Server) -> Iterator[list[MysqlDatabase]]:
    """Databases as functions have them, that no invocation uses at the moment."""
    made: list[MysqlDatabase] = []
    yield made
    for database in made:
        database.close()


def test_account_and_rows_are_right_whatever_happens_in_whatever_order(
    server: Server, probe: Probe, environments: list[MysqlDatabase], clock: Clock
) -> None:
    def make() -> MysqlDatabase:
        return MysqlDatabase(server.settings, lambda: server.settings.database_password)

    phases = [Phase.explicit, Phase.generate, *([Phase.shrink] if SHRINKS else [])]
    run_state_machine_as_test(
        lambda: BatchMachine(probe, environments, make, clock),  # type: ignore[arg-type]  # called like the class
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=not IS_DEEP,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("overlap", ["both", "skip"])
@pytest.mark.parametrize("by", ["its own next attempt", "the next run", "its duplicate"])
def test_start_that_is_overtaken_at_any_request_mixes_with_nobody(
    server: Server, probe: Probe, environments: list[MysqlDatabase], clock: Clock, overlap: str, by: str
) -> None:
    """The races that were found, each at every place: the short profile meets some of them by luck alone."""

    def make() -> MysqlDatabase:
        return MysqlDatabase(server.settings, lambda: server.settings.database_password)

    for at in range(8):
        for follows in (False, True):
            clock.restart()
            machine = BatchMachine(probe, environments, make, clock)
            machine.begin(overlap, set(), {}, Overtaking(follows, by, at, "u0"))
            machine.everything_holds()
            machine.teardown()
