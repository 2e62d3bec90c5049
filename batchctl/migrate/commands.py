"""The command `batchctl migrate`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from batchctl.console import Console
from batchctl.database_url import DatabaseUrl
from batchctl.errors import BatchctlError, UsageError
from batchctl.migrate.apply import apply_steps
from batchctl.migrate.compatibility import check_compatibility
from batchctl.migrate.connection import DatabaseTarget
from batchctl.migrate.errors import MigrationError
from batchctl.migrate.status import StepStatus, read_status
from batchctl.migrate.steps import Step, read_steps
from batchctl.migrate.target import make_group_target, make_url_target
from batchctl.project_tree import MIGRATIONS

_TROUBLE = frozenset({"failed", "in doubt", "edited"})
_STYLES = {"applied": "green", "pending": "yellow", "running": "yellow", "unknown": "dim"}


def migrate(
    database_url: Annotated[
        str | None, typer.Option(help="This database: mysql://user:password@host:port/name.", show_default=False)
    ] = None,
    tenant_group: Annotated[
        str | None, typer.Option(help="This tenant group's database, by an IAM token.", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="The migrating user.", show_default="the group's, or express_batch_migrator")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="The database's endpoint.", show_default="DatabaseHost of the group's file")
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            help="Certificates to trust: RDS's bundle, when connecting to an instance and not to a proxy.",
            exists=True,
            dir_okay=False,
            show_default="those of this machine",
        ),
    ] = None,
    migrations: Annotated[Path, typer.Option(help="Folder of the steps.")] = MIGRATIONS,
    wait_seconds: Annotated[
        float, typer.Option(min=0, max=86_400, help="How long to wait for another run on the same database.")
    ] = 600.0,
    status: Annotated[bool, typer.Option("--status", help="List the steps and change nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the pending SQL and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Apply the schema steps that a database lacks, each once.

    Exit status 0: every step is applied (with --status and --dry-run: nothing is wrong). 1: a step failed or is in
    doubt. 2: wrong usage.

    Example: batchctl migrate --tenant-group acme --status
    """
    if status and dry_run:
        raise UsageError("--status and --dry-run exclude each other")
    target = _find_target(database_url, tenant_group, host, user, tls_ca)
    console = Console(stderr=True)
    try:
        steps = read_steps(migrations)
        if status:
            _show_status(read_status(target, steps), target, as_json=as_json)
        elif dry_run:
            check_compatibility(steps)
            _show_pending(read_status(target, steps), steps, as_json=as_json)
        else:
            _apply(target, steps, wait_seconds, console, as_json=as_json)
    except MigrationError as error:
        raise BatchctlError(str(error)) from error


def _find_target(
    database_url: str | None, tenant_group: str | None, host: str | None, user: str | None, tls_ca: Path | None
) -> DatabaseTarget:
    if (database_url is None) == (tenant_group is None):
        raise UsageError("name one database: either --database-url mysql://... or --tenant-group <name>")
    if tenant_group is not None:
        return make_group_target(tenant_group, host=host, user=user, ca_file=tls_ca)
    if host or user:
        raise UsageError("--host and --user go with --tenant-group; --database-url says both")
    return make_url_target(DatabaseUrl.parse(database_url or ""), tls_ca)


def _apply(target: DatabaseTarget, steps: list[Step], wait_seconds: float, console: Console, *, as_json: bool) -> None:
    try:
        done = apply_steps(
            target,
            steps,
            wait_seconds=wait_seconds,
            tell=lambda text: console.print(text, style="dim", markup=False, highlight=False),
        )
    except KeyboardInterrupt:
        console.print(
            "interrupted: the database may still finish the step it was at, and the lock lasts as long; "
            "--status shows it, and the same command goes on",
            style="yellow",
        )
        raise
    if as_json:
        typer.echo(json.dumps({"applied": done.applied, "already_applied": done.already_applied}))
    else:
        typer.echo(f"{target}: {len(done.applied)} applied, {done.already_applied} were applied already")


def _show_status(statuses: list[StepStatus], target: DatabaseTarget, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"database": str(target), "steps": [_to_json(status) for status in statuses]}))
    else:
        table = Table(title=str(target), title_justify="left")
        for column in ("step", "state", "applied at (UTC)", "by"):
            table.add_column(column, no_wrap=column == "step")
        for item in statuses:
            when = item.finished_at.isoformat(" ", "seconds") if item.finished_at else ""
            style = _STYLES.get(item.state, "red")
            table.add_row(item.step_id, item.state, when, item.applied_by or "", style=style)
        Console().print(table)
    trouble = [
        f"{item.step_id}.sql {'is ' if item.state != 'failed' else ''}{item.state}"
        + (f" ({item.problem})" if item.problem else "")
        for item in statuses
        if item.state in _TROUBLE
    ]
    if trouble:
        raise BatchctlError(f"{'; '.join(trouble)}: docs/how-to/change-the-schema.md says what to do")


def _show_pending(statuses: list[StepStatus], steps: list[Step], *, as_json: bool) -> None:
    waiting = {status.step_id for status in statuses if status.state not in {"applied", "edited", "unknown"}}
    pending = [step for step in steps if step.step_id in waiting]
    edited = [status.step_id for status in statuses if status.state == "edited"]
    if edited:
        raise BatchctlError(f"{', '.join(edited)} was edited after it had been applied: restore the file as it was")
    if as_json:
        typer.echo(json.dumps({"pending": {step.step_id: step.statement for step in pending}}))
    else:
        for step in pending:
            typer.echo(f"-- {step.path.name}\n{step.statement};\n")


def _to_json(status: StepStatus) -> dict[str, str | None]:
    return {
        "step": status.step_id,
        "state": status.state,
        "finished_at": status.finished_at.isoformat() if status.finished_at else None,
        "applied_by": status.applied_by,
        "problem": status.problem,
    }
