"""The commands `batchctl groups list|add|check|render|diff`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from batchctl.console import Console
from batchctl.errors import UsageError
from batchctl.groups.errors import GroupProblemsError, GroupsError
from batchctl.groups.group import TenantGroup
from batchctl.groups.new_group import NewGroup, add_group
from batchctl.groups.project import Project
from batchctl.groups.reading import read_groups
from batchctl.groups.rendering import compare_rendered, read_places, render_project, write_rendered
from batchctl.project_tree import PROJECT_ROOT

app = typer.Typer(help="Tenant groups: one file each, and what the deploy tools want from it.", no_args_is_help=True)

Root = Annotated[
    Path, typer.Option("--project", help="Folder of the project.", show_default="this project", file_okay=False)
]
Pairs = Annotated[
    list[str] | None, typer.Option("--parameter", "-p", help="A parameter of template.yaml, NAME=VALUE. Repeatable.")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag of the stack, KEY=VALUE. Repeatable.")]


@app.command("list")
def list_groups(
    project: Root = PROJECT_ROOT,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list on standard output.")] = False,
) -> None:
    """Every group with its wave, place, stage of the pipeline and stack, in the order of their deploy."""
    opened = Project(project.resolve())
    groups = sorted(_read_groups(opened), key=lambda group: (group.wave, group.name))
    stages = read_places(opened).stages
    rows = [
        {
            "group": group.name,
            "wave": group.wave,
            "stage": stages.get(group.name, ""),
            "account": group.account,
            "region": group.region,
            "stack": group.stack_name,
            "description": group.description,
        }
        for group in groups
    ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    columns = [name for name in rows[0] if name != "description"]  # a sentence would fold every line
    table = Table(*columns, caption=f"{len(rows)} groups; a stage is empty until `groups render`")
    for row in rows:
        table.add_row(*(str(row[name]) for name in columns))
    Console().print(table)


@app.command(
    epilog="Example:  batchctl groups add acme --wave 1 --account 111122223333 --region eu-west-1"
    " -p PartnerApiUrl=https://partner.example.com/v1 -p DatabaseMode=create-proxy ..."
)
def add(
    name: Annotated[str, typer.Argument(help="The group's name, which is its file's.")],
    wave: Annotated[int, typer.Option(help="0 is the canary; later waves are deployed after earlier ones.")],
    account: Annotated[str, typer.Option(help="AWS account, 12 digits.")],
    region: Annotated[str, typer.Option(help="AWS region.")],
    parameter: Pairs = None,
    description: Annotated[str, typer.Option(help="Who shares this stack.", show_default="the name")] = "",
    stack: Annotated[str | None, typer.Option(help="The stack's name.", show_default="express-batch-<group>")] = None,
    tag: Tags = None,
    project: Root = PROJECT_ROOT,
) -> None:
    """Write the file of a new group; one that `check` would refuse is not written."""
    opened = Project(project.resolve())
    new = NewGroup(
        name,
        description or f"Tenant group {name}.",
        wave,
        account,
        region,
        stack,
        _parse_pairs("--parameter", parameter or []),
        _parse_pairs("--tag", tag or []),
    )
    try:
        path = add_group(opened, new)
    except GroupProblemsError as error:
        raise _tell_problems(error, "no file was written") from None
    typer.echo(f"{opened.show(path)} is written; `batchctl groups render` puts it into the pipeline")


@app.command()
def check(project: Root = PROJECT_ROOT) -> None:
    """Hold every group to the schema, to template.yaml and to the others; all problems at once."""
    groups = _read_groups(Project(project.resolve()))
    typer.echo(f"{len(groups)} groups in {len({group.wave for group in groups})} waves are right")


@app.command()
def render(
    project: Root = PROJECT_ROOT,
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit status 1 where something would be written.")
    ] = False,
) -> None:
    """Write samconfig.toml's environments and pipeline/rendered out of the groups."""
    opened = Project(project.resolve())
    if check_only:
        _compare(opened)
        return
    try:
        files = render_project(opened)
    except GroupProblemsError as error:
        raise _tell_problems(error, "nothing was rendered") from None
    written, removed = write_rendered(opened, files)
    for path in written:
        typer.echo(f"written  {opened.show(path)}")
    for path in removed:
        typer.echo(f"removed  {opened.show(path)}")
    typer.echo(f"{len(files)} rendered files, {len(written)} written, {len(removed)} removed")


@app.command()
def diff(project: Root = PROJECT_ROOT) -> None:
    """Show what `render` would change; exit status 1 where that is anything."""
    _compare(Project(project.resolve()))


def _compare(project: Project) -> None:
    try:
        lines = compare_rendered(project, render_project(project))
    except GroupProblemsError as error:
        raise _tell_problems(error, "nothing can be compared") from None
    for line in lines:
        typer.echo(line)
    if lines:
        raise GroupsError("the rendered files are not what the tenant groups say: run `batchctl groups render`")
    typer.echo("the rendered files are what the tenant groups say")


def _read_groups(project: Project) -> list[TenantGroup]:
    try:
        return read_groups(project)
    except GroupProblemsError as error:
        raise _tell_problems(error, "nothing was done") from None


def _tell_problems(error: GroupProblemsError, outcome: str) -> GroupsError:
    """Prints each problem on a line of its own, and gives the error that ends the command."""
    for problem in error.problems:
        typer.echo(problem, err=True)
    count = len(error.problems)
    return GroupsError(f"{count} problem{'s' if count > 1 else ''} in the tenant groups: {outcome}")


def _parse_pairs(option: str, pairs: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise UsageError(f"{option} {pair!r}: expected NAME=VALUE")
        if name in values:
            raise UsageError(f"{option} {name} is given twice")
        values[name] = value
    return values
