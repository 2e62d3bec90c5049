"""The command `batchctl pipeline rehearse`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live

from batchctl.console import Console
from batchctl.errors import BatchctlError, UsageError
from batchctl.groups.project import Project
from batchctl.groups.reading import read_groups
from batchctl.local.commands import run_interruptible
from batchctl.rehearse.progress import make_table
from batchctl.rehearse.rehearsal import open_rehearsal
from batchctl.rehearse.release import Release, Stage, carry_out

app = typer.Typer(help="The pipeline that deploys every tenant group.", no_args_is_help=True)


@app.callback()
def pipeline() -> None:
    """The pipeline that deploys every tenant group."""


@app.command(epilog="Example:  batchctl pipeline rehearse --fail example   (shows what a bad group stops)")
def rehearse(
    fail: Annotated[list[str] | None, typer.Option(help="Let this group fail in its smoke run. Repeatable.")] = None,
    users: Annotated[int, typer.Option(help="Users of each group.", min=1, max=100_000)] = 200,
    groups_root: Annotated[
        Path | None, typer.Option(help="A project with other groups.", show_default="this project")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Carry out the pipeline's stages here: build, package, then each group, wave by wave.

    Each group is migrated, and DeployGroup, the state machine that the pipeline starts, makes its stack and gives it a
    smoke run; a group that fails stops later waves and not its neighbours. Exit status 1 when one failed.
    """
    project = Project() if groups_root is None else Project(groups_root)
    groups = read_groups(project)
    unknown = sorted(set(fail or []) - {group.name for group in groups})
    if unknown:
        known = ", ".join(group.name for group in groups)
        raise UsageError(f"--fail {', '.join(unknown)}: no such group; known groups: {known}")
    release = Release(groups)
    console = Console(stderr=True)
    run_interruptible(_rehearse(release, project, users, frozenset(fail or []), console))
    if as_json:
        typer.echo(json.dumps(_to_json(release)))
    else:
        Console().print(make_table(release))
    problem = release.describe_failure()
    if problem:
        raise BatchctlError(f"the release stopped: {problem}")


async def _rehearse(release: Release, project: Project, users: int, failing: frozenset[str], console: Console) -> None:
    with console.status("preparing") as status:
        async with open_rehearsal(project, users, failing, status.update) as rehearsal:
            status.stop()
            stages = (
                (Stage.MIGRATION, rehearsal.migrate),
                (Stage.DEPLOYMENT, rehearsal.deploy),
                (Stage.SMOKE_RUN, rehearsal.smoke_run),
            )
            with Live(make_table(release), console=console, transient=True, auto_refresh=console.is_terminal) as live:
                release.changed = lambda: live.update(make_table(release))
                await carry_out(release, stages)


def _to_json(release: Release) -> dict[str, Any]:
    return {
        "status": "FAILED" if release.failed else "RELEASED",
        "groups": [
            {
                "name": item.group.name,
                "wave": item.group.wave,
                "stage": str(item.stage),
                "problem": item.problem,
                "seconds": round(item.seconds, 2),
            }
            for item in release.progress.values()
        ],
        "problem": release.describe_failure(),
    }
