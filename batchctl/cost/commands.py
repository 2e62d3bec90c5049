"""The command `batchctl cost`."""

import json
from typing import Annotated

import typer
from rich.table import Table

from batchctl.console import Console
from batchctl.cost.estimate import Estimate, Workload, estimate_cost
from batchctl.cost.watching import Watching
from batchctl.errors import UsageError


def cost(
    users: Annotated[int, typer.Option(help="Users of the tenant group.")] = 30_000,
    every_minutes: Annotated[float, typer.Option(help="Minutes from one run to the next.")] = 10.0,
    api_latency_ms: Annotated[float, typer.Option(help="How long the partner API takes to answer, in ms.")] = 200.0,
    users_per_invocation: Annotated[int, typer.Option(help="The template's UsersPerInvocation.")] = 250,
    memory_mb: Annotated[int, typer.Option(help="The template's SyncUsersMemorySize.")] = 512,
    shards: Annotated[int, typer.Option(help="The template's ShardCount.")] = 1,
    calls_per_second: Annotated[int, typer.Option(min=0, help="The template's CallsPerSecond; 0 is no limit.")] = 0,
    metrics: Annotated[bool, typer.Option(help="The template's Metrics.")] = Watching.metrics,
    alarms: Annotated[bool, typer.Option(help="The template's Alarms.")] = Watching.alarms,
    dashboard: Annotated[bool, typer.Option(help="The template's Dashboard.")] = Watching.dashboard,
    traced_share: Annotated[
        float, typer.Option(min=0, max=1, help="The template's TraceSamplingRate; 0 is Tracing=PassThrough.")
    ] = Watching.traced_share,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Estimate a month on AWS (us-east-1, arm64), before anything is deployed.

    Example: batchctl cost --users 100000 --every-minutes 5
    """
    given = {
        "--users": users,
        "--every-minutes": every_minutes,
        "--users-per-invocation": users_per_invocation,
        "--memory-mb": memory_mb,
        "--shards": shards,
    }
    for name, value in given.items():
        if value <= 0:
            raise UsageError(f"{name} is {value}: expected more than 0")
    work = Workload(
        users=users,
        every_minutes=every_minutes,
        api_latency_ms=api_latency_ms,
        users_per_invocation=users_per_invocation,
        calls_in_flight=users_per_invocation,
        memory_mb=memory_mb,
        shards=shards,
        calls_per_second=calls_per_second,
        watching=Watching(metrics, alarms, dashboard, traced_share),
    )
    estimate = estimate_cost(work)
    if as_json:
        lines = {line.name: round(line.usd, 2) for line in estimate.lines}
        total = {
            "total_usd": round(estimate.total_usd, 2),
            "variable_usd": round(estimate.variable_usd, 2),
            "watching_usd": round(estimate.watching_usd, 2),
        }
        typer.echo(json.dumps({"lines": lines, **total, "run_seconds": round(estimate.run_seconds, 1)}))
    else:
        Console().print(_make_table(estimate, work))


def _make_table(estimate: Estimate, work: Workload) -> Table:
    calls = f"{estimate.user_calls / 1e6:,.1f} million calls"
    title = f"{work.users:,} users every {work.every_minutes:g} minutes: {calls}"
    table = Table(title=title, title_justify="left")
    table.add_column("service")
    table.add_column("USD a month", justify="right")
    for line in estimate.lines:
        if line.usd:
            table.add_row(line.name, f"{line.usd:,.2f}", style="dim" if line.fixed or line.watching else "")
    table.add_section()
    table.add_row("for the runs", f"{estimate.variable_usd:,.2f}")
    table.add_row("for seeing what they do", f"{estimate.watching_usd:,.2f}")
    table.add_row("with what costs the same whatever runs", f"{estimate.total_usd:,.2f}", style="bold")
    table.add_row("a run takes about", f"{estimate.run_seconds:,.0f} s")
    return table
