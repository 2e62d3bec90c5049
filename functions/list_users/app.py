"""ListUsers: which users this run is for."""

import os
from typing import Any

from express_batch.adapters.database_password import password_source
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.adapters.s3_store import S3Store
from express_batch.admission import Admission
from express_batch.list_users import StartRequest, list_users
from express_batch.observability import Observability
from express_batch.settings import ListUsersSettings
from express_batch.stop_switch import StopSwitch
from job import job

# Outside the handler: an environment keeps them from invocation to invocation.
settings = ListUsersSettings.from_environment(os.environ)
observability = Observability(settings)
database = MysqlDatabase(settings, password_source(settings))
store = S3Store(settings.run_bucket)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Claims the run and lists its users into chunks."""
    with observability.invocation(context) as observer:
        return list_users(
            StartRequest.from_event(event),
            tenant_group=settings.tenant_group,
            chunk_size=settings.chunk_size,
            job=job,
            database=database,
            store=store,
            observer=observer,
            admission=Admission(settings.run_overlap, settings.max_unwritten_users),
            switch=StopSwitch(store),  # what an earlier invocation saw may have been taken back since
        )
