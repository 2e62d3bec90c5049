"""Delivering to WriteRows as the mapping does, and reading what came of it."""

from collections.abc import Sequence

from express_batch import ledger
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.failures import read_failures
from express_batch.job_contract import Table
from express_batch.positions import unpack_positions
from express_batch.run_layout import failures_prefix
from express_batch.write_rows import write_rows
from job import loyalty_points

from tests.fakes.deliveries import RUN, make_event
from tests.fakes.object_store import MemoryStore
from tests.fakes.observer import RecordingObserver

ALL_ROWS = "SELECT user_id, points, tier, answer_version FROM loyalty_points ORDER BY user_id"


def deliver(
    database: MysqlDatabase,
    records: Sequence[bytes],
    store: MemoryStore | None = None,
    *,
    table: Table = loyalty_points.TABLE,
    observer: RecordingObserver | None = None,
    arrived_at: float = 0.0,
) -> None:
    answer = write_rows(
        make_event(records, arrived_at=arrived_at),
        tenant_group="blue",
        table=table,
        database=database,
        store=MemoryStore() if store is None else store,
        observer=observer or RecordingObserver(),
    )
    assert answer == {"batchItemFailures": []}


def read_written(database: MysqlDatabase, run_id: str = RUN) -> dict[int, list[int]]:
    written = database.run_transaction(lambda tx: ledger.read_written(tx, "blue", run_id))
    return {chunk: list(unpack_positions(mask)) for chunk, mask in written.items()}


def read_reasons(store: MemoryStore, run_id: str = RUN) -> dict[tuple[int, int], str]:
    return {
        (failure.chunk, failure.position): failure.reason
        for key in store.list_keys(failures_prefix(run_id))
        for failure in read_failures(store.objects[key])
    }
