"""CloseRun: says how the run ended, once every listed user is accounted for."""

import os
from typing import Any

from express_batch.adapters.database_password import password_source
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.adapters.s3_store import S3Store
from express_batch.close_run import ClosingRequest, close_run
from express_batch.observability import Observability
from express_batch.retention import Retention
from express_batch.settings import CloseRunSettings

# Outside the handler: an environment keeps them from invocation to invocation.
settings = CloseRunSettings.from_environment(os.environ)
observability = Observability(settings)
# With the state machine's eight repeats that outlasts a failover of two minutes: a run that has called for everybody
# must not be left without an account. Less than the 21 s that the state has at least (CloseRunWaitSeconds 1).
database = MysqlDatabase(settings, password_source(settings), patience_seconds=15)
store = S3Store(settings.run_bucket)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Waits, bounded, until written + failed = listed, and closes the ledger."""
    with observability.invocation(context) as observer:
        request = ClosingRequest.from_event(event)
        observer.identify(run_id=request.run_id)
        return close_run(
            request,
            tenant_group=settings.tenant_group,
            wait_seconds=min(settings.close_run_wait_seconds, context.get_remaining_time_in_millis() / 1000 - 5),
            retention=Retention(settings.run_retention_days, settings.ledger_retention_days),
            database=database,
            store=store,
            observer=observer,
        )
