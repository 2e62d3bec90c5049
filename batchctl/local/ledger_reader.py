"""What the ledger says of a run, read as CloseRun reads it."""

from batchctl.database_url import DatabaseUrl
from batchctl.local.database import connect


def read_rows_written(address: DatabaseUrl, tenant_group: str, run_id: str) -> int:
    """Users of the run whose rows are committed; each once, however many attempts wrote it."""
    written: dict[int, int] = {}
    with connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT chunk, start_position, positions FROM batch_write WHERE tenant_group = %s AND run_id = %s",
            (tenant_group, run_id),
        )
        for chunk, start, positions in cursor.fetchall():
            written[chunk] = written.get(chunk, 0) | int.from_bytes(positions, "little") << start
    return sum(mask.bit_count() for mask in written.values())
