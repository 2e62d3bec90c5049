"""WriteRows: puts the stream's rows into the database."""

import os
from typing import Any

from express_batch.adapters.database_password import password_source
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.adapters.s3_store import S3Store
from express_batch.observability import Observability
from express_batch.settings import WriteRowsSettings
from express_batch.write_rows import write_rows
from job import job

# Outside the handler: an environment keeps them from invocation to invocation.
settings = WriteRowsSettings.from_environment(os.environ)
observability = Observability(settings)
# A failover takes up to a minute, and a batch has a bounded number of retries: waiting inside one makes them last.
# The function's own time-out is at least 30 s.
database = MysqlDatabase(settings, password_source(settings), patience_seconds=20)
store = S3Store(settings.run_bucket)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Writes a batch of stream records in one transaction."""
    with observability.invocation(context) as observer:
        return write_rows(
            event,
            tenant_group=settings.tenant_group,
            table=job.TABLE,
            database=database,
            store=store,
            observer=observer,
        )
