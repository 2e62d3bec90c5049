"""What the ledger forgets, and when: stream records with the run's objects, accounts of runs much later.

CloseRun asks once a run; docs/adr/0018-retention.md says why. Everything here may be repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from express_batch import ledger
from express_batch.database import Database, Transaction
from express_batch.run_layout import scheduled_moment

# More than a run adds where an invocation takes one user, so that the ledger shrinks even then.
FORGET_ROWS = 5_000
FORGET_ROUNDS = 20

Forget = Callable[[Transaction, str, str, int], int]


@dataclass(frozen=True)
class Retention:
    """Days that a run's objects and stream records are kept, and days of its account, which never goes before them."""

    run_days: int
    ledger_days: int

    @property
    def account_days(self) -> int:
        """A run that can be redriven has its account."""
        return max(self.run_days, self.ledger_days)


def forget_old_runs(
    run_id: str, retention: Retention, *, tenant_group: str, database: Database, now: float
) -> dict[str, int]:
    """{"stream_records", "runs"}: rows that were removed. Raises DatabaseUnavailableError, SchemaError.

    Days are counted from the run's scheduled time, but from `now` where that lies ahead: a run that was started for the
    year 2099 by mistake would otherwise forget all others.
    """
    moment = min(scheduled_moment(run_id), datetime.fromtimestamp(now, UTC))

    def forget(what: Forget, days: int) -> int:
        before = (moment - timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ")
        removed = 0
        for _ in range(FORGET_ROUNDS):
            # Small transactions, so that no writer waits for one.
            count = database.run_transaction(lambda tx: what(tx, tenant_group, before, FORGET_ROWS))
            removed += count
            if count < FORGET_ROWS:
                break
        return removed

    return {
        "stream_records": forget(ledger.forget_writes, retention.run_days),
        "runs": forget(ledger.forget_runs, retention.account_days),
    }
