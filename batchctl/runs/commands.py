"""The commands `batchctl runs`, `why`, `watch` and `report`."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from express_batch.user_ids import hash_user_id
from rich.live import Live
from rich.text import Text

from batchctl.console import Console
from batchctl.errors import BatchctlError, UsageError
from batchctl.project_tree import STATE_DIR
from batchctl.runs.run_data import ACCOUNTED_FOR, RunData
from batchctl.runs.run_file import to_document
from batchctl.runs.target import ENDPOINTS_PATH, Target, open_target
from batchctl.runs.user_names import hide_user_ids
from batchctl.runs.user_story import read_objects, tell_of_user
from batchctl.runs.views import make_runs_table, print_diagnosis, print_story, print_summary, style_of
from batchctl.runs.watching import Progress, watch_run
from batchctl.runs.why import diagnose

REPORTS_DIR = STATE_DIR / "reports"

Stack = Annotated[
    str | None,
    typer.Option(help="A stack on AWS.", show_default="the stack of `local up`, else past runs of this machine"),
]
Region = Annotated[str | None, typer.Option(help="Its region.", show_default="that of the AWS profile")]
Endpoints = Annotated[Path, typer.Option(help="What `local up` has written.", show_default=True)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
HashUserIds = Annotated[
    bool, typer.Option("--hash-user-ids", help="Show each user id as the hash that UserIdsInLogs=hashed logs.")
]
RunId = Annotated[str | None, typer.Argument(help="Such as 20261122T083000Z.", show_default="the newest")]


def runs(
    limit: Annotated[int, typer.Option(help="How many of the newest.")] = 20,
    stack: Stack = None,
    region: Region = None,
    endpoints: Endpoints = ENDPOINTS_PATH,
    as_json: AsJson = False,
) -> None:
    """List the newest runs: status, counts, seconds, cost.

    Example: batchctl runs --stack express-batch-acme --limit 5
    """
    if limit < 1:
        raise UsageError(f"--limit is {limit}: expected at least 1")
    target = open_target(stack, region, endpoints_path=endpoints)
    heads = target.heads(limit)
    if not heads:
        target.newest()  # says what to do where there are none
    if as_json:
        typer.echo(json.dumps({"runs": [{**asdict(head), "seconds": head.seconds} for head in heads]}))
    else:
        origin = f"stack {stack}" if stack else "this machine"
        Console().print(make_runs_table(heads, origin))


def why(
    run_id: Annotated[str, typer.Argument(help="Such as 20261122T083000Z.", show_default=False)],
    user_id: Annotated[str | None, typer.Argument(help="One user of the run.", show_default=False)] = None,
    stack: Stack = None,
    region: Region = None,
    endpoints: Endpoints = ENDPOINTS_PATH,
    hash_user_ids: HashUserIds = False,
    as_json: AsJson = False,
) -> None:
    """Tell what went wrong in a run and where, or what became of one user in it.

    Example: batchctl why 20261122T083000Z user-0000042
    """
    target = open_target(stack, region, endpoints_path=endpoints)
    data = target.collect(run_id)
    source = target.source_of(run_id)
    if user_id is None:
        diagnosis = diagnose(hide_user_ids(data) if hash_user_ids else data, source)
        if as_json:
            typer.echo(json.dumps(asdict(diagnosis)))
        else:
            print_diagnosis(Console(), diagnosis)
        return
    objects = read_objects(source, run_id) if source is not None else target.objects_of(run_id)
    story = tell_of_user(data, user_id, objects)
    if hash_user_ids:
        story = replace(story, user_id=hash_user_id(data.head.tenant_group, story.user_id))
    if as_json:
        typer.echo(json.dumps({"run_id": run_id, **asdict(story)}))
    else:
        print_story(Console(), story, run_id)


def watch(
    run_id: RunId = None,
    stack: Stack = None,
    region: Region = None,
    endpoints: Endpoints = ENDPOINTS_PATH,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a second.")] = False,
) -> None:
    """Follow a run in flight until it is closed; Ctrl-C ends it. Exit status 1 when the run is not accounted for.

    Example: batchctl watch --stack express-batch-acme
    """
    target = open_target(stack, region, endpoints_path=endpoints)
    chosen = run_id or target.newest()
    source = target.source_of(chosen)
    if source is None:
        target.collect(chosen)  # says so where there never was such a run
        raise BatchctlError(
            f"run {chosen} is past: nothing is left to watch; `batchctl report {chosen}` shows it, "
            "`batchctl local up` keeps a stack"
        )
    progress = watch_run(source, chosen)
    last = _print_lines(progress) if as_json else _draw(progress)
    if last.status not in ACCOUNTED_FOR:
        raise BatchctlError(f"run {chosen} is {last.status}: `batchctl why {chosen}{source.facts.options}` says why")


def _print_lines(progress: Iterator[Progress]) -> Progress:
    for each in progress:
        typer.echo(json.dumps(each.to_json()))
        last = each
    return last


def _draw(progress: Iterator[Progress]) -> Progress:
    console = Console()
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for last in progress:
            if console.is_terminal:
                live.update(last, refresh=True)
    status = Text(last.status, style_of(last.status))
    counts = f"{last.written:,} written, {last.failed:,} failed of {last.users_listed:,} in {last.seconds:,.1f} s"
    console.print(Text.assemble(f"run {last.run_id} is ", status, f": {counts}"), soft_wrap=True)
    return last


def report(
    run_id: RunId = None,
    output: Annotated[
        Path | None, typer.Option(help="The HTML file.", show_default=".local/reports/<run_id>.html")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    stack: Stack = None,
    region: Region = None,
    endpoints: Endpoints = ENDPOINTS_PATH,
    hash_user_ids: HashUserIds = False,
    as_json: AsJson = False,
) -> None:
    """Summarise a run and write it as one HTML page: findings, failures, latency, cost, what could not be read.

    Example: batchctl report --stack express-batch-acme --output last-run.html
    """
    data = _collect(open_target(stack, region, endpoints_path=endpoints), run_id)
    if hash_user_ids:
        data = hide_user_ids(data)
    path = output or REPORTS_DIR / f"{data.head.run_id}.html"
    write_page(data, path)
    if as_json:
        total = {"total_cost_usd": data.total_cost_usd, "seconds": data.head.seconds}
        typer.echo(json.dumps({**to_document(data), **total, "report": str(path)}))
    else:
        console = Console()
        print_summary(console, data)
        console.print(f"\nreport: {path}", highlight=False, soft_wrap=True)
    if open_it:
        typer.launch(str(path))


def _collect(target: Target, run_id: str | None) -> RunData:
    return target.collect(run_id or target.newest())


def write_page(data: RunData, path: Path) -> None:
    """The HTML page. Raises BatchctlError where the file cannot be written."""
    from batchctl.runs.html.page import write_report  # noqa: PLC0415  # Plotly, which no other command waits for

    try:
        write_report(data, path)
    except OSError as error:
        raise BatchctlError(f"--output {path}: {error.strerror}: choose another file") from error
