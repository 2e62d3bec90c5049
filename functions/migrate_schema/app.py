"""MigrateSchema: applies the schema steps from inside the VPC, before the functions that need them are updated.

CloudFormation calls it as a custom resource, at the beginning of a stack's deployment. An operator calls it by
`aws lambda invoke`: {} applies, {"status": true} lists.
"""

import inspect
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cloudformation import is_request, needs_steps, send_answer
from express_batch.adapters.database_password import password_source
from express_batch.observability import make_logger
from express_batch.settings import DatabaseSettings

from batchctl.migrate.apply import apply_steps
from batchctl.migrate.connection import DatabaseTarget, wait_for_database
from batchctl.migrate.errors import MigrationError, StepTimeError
from batchctl.migrate.status import read_status
from batchctl.migrate.steps import read_steps

# What must be left of the invocation's time to say how it went.
ANSWER_SECONDS = 40


@dataclass(frozen=True)
class MigrateSchemaSettings(DatabaseSettings):
    """Settings of migrate_schema; database_user is the migrating one."""

    # The layers' own folder, /opt on Lambda: the layer of SQL files has them at its top, this module's in python/.
    migrations_folder: str = str(Path(inspect.getfile(apply_steps)).parents[3])


settings = MigrateSchemaSettings.from_environment({"RUN_BUCKET": "none", **os.environ})
logger = make_logger(settings.tenant_group)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Applies the steps; to CloudFormation it answers by its URL, whatever happens."""
    if not is_request(event):
        return migrate(context, only_status=bool(event.get("status")))
    problem = None
    try:
        if needs_steps(event):
            migrate(context)
    except MigrationError as error:
        problem = str(error)
    except BaseException as error:
        problem = f"{type(error).__name__}: {error}"  # CloudFormation would wait an hour for an answer
        raise
    finally:
        logger.info("migration answered", request=event["RequestType"], problem=problem)
        send_answer(event, problem)
    return {"problem": problem}


def migrate(context: Any, *, only_status: bool = False) -> dict[str, Any]:
    """What was done, or where each step stands. Raises MigrationError's kinds, in time to say so."""
    steps = read_steps(Path(settings.migrations_folder))
    target = DatabaseTarget(
        host=settings.database_host,
        port=settings.database_port,
        name=settings.database_name,
        user=settings.database_user,
        make_password=password_source(settings),
        verifies_tls=settings.database_tls == "verify",
    )
    wait_for_database(target, count_seconds(context) / 2)
    if only_status:
        return {"steps": {item.step_id: item.state for item in read_status(target, steps)}}
    # Half of what is left for the lock, half for a step: none is begun that could outlast the invocation. The database
    # goes on with a statement whose client has left, and the next run waits for it.
    share = max(2, count_seconds(context) // 2)

    def tell(text: str) -> None:
        if count_seconds(context) < share:
            raise StepTimeError(f"no time left for {text}: what came before is applied, run again")
        logger.info("step", text=text)

    target = replace(target, read_timeout_seconds=share)
    done = apply_steps(target, steps, wait_seconds=share - 1, tell=tell)
    logger.info("steps applied", applied=done.applied, already_applied=done.already_applied)
    return {"applied": list(done.applied), "already_applied": done.already_applied}


def count_seconds(context: Any) -> int:
    """Time for the work, without what it takes to say how it went."""
    return max(1, int(context.get_remaining_time_in_millis()) // 1000 - ANSWER_SECONDS)
