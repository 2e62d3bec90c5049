"""The proof of a run: every row in the table against the last good answer of the partner API."""

from collections.abc import Mapping
from datetime import UTC, datetime

from batchctl.database_url import DatabaseUrl
from batchctl.local.database import connect
from batchctl.local.summary import RunSummary
from emulator.partner_api import LastAnswer


def compare_rows(
    address: DatabaseUrl, answers: Mapping[str, LastAnswer], summary: RunSummary
) -> tuple[str | None, str | None]:
    """(what holds, None), or (None, the first difference)."""
    with connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT user_id, points, tier, updated_at FROM loyalty_points")
        rows = {user_id: (points, tier, updated_at) for user_id, points, tier, updated_at in cursor.fetchall()}
    for user_id, answer in answers.items():
        expected = (answer.points, answer.tier, _parse_time(answer.updated_at))
        if user_id not in rows:
            return None, f"{user_id} was answered and has no row: look for it in the run's failure records"
        if rows[user_id] != expected:
            return None, f"the row of {user_id} is not what the partner API answered last"
    if len(rows) != summary.rows_written:
        return None, f"the table has {len(rows):,} rows, the ledger says {summary.rows_written:,} were written"
    return f"verified: all {len(rows):,} rows equal the partner API's last answers", None


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
