"""The commands `batchctl local run` and `batchctl local up`."""

import asyncio
import json
import signal
from collections.abc import Coroutine
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop

from batchctl.console import Console
from batchctl.database_url import DatabaseUrl
from batchctl.errors import BatchctlError
from batchctl.local import keep_up, one_run
from batchctl.local.options import LocalOptions, parse_parameters

T = TypeVar("T")
app = typer.Typer(
    help="Run template.yaml on this machine: real state machine, real handlers, real MariaDB.", no_args_is_help=True
)

Users = Annotated[int, typer.Option(help="How many users to seed.")]
TenantGroup = Annotated[str, typer.Option(help="Tenant group, a file in pipeline/tenant-groups/.")]
UsersPerInvocation = Annotated[
    int | None, typer.Option(help="Users that one SyncUsers invocation takes.", show_default="the template's")
]
Latency = Annotated[float, typer.Option(help="How long the partner API takes to answer, in ms.")]
ErrorRate = Annotated[float, typer.Option(help="Share of calls that the partner API answers with 5xx.")]
ThrottleRate = Annotated[float, typer.Option(help="Share of calls that it answers with 429 and Retry-After.")]
MalformedRate = Annotated[float, typer.Option(help="Share of users whose answer is malformed.")]
Seed = Annotated[int, typer.Option(help="Seed of the answers and faults: the same seed, the same run.")]
PartnerApiUrl = Annotated[
    str | None, typer.Option(help="Call this API instead of the stand-in.", show_default="a stand-in is started")
]
DatabaseUrlText = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="Use the users in this database: mysql://user:password@host:port/name.",
        show_default="a MariaDB is started and seeded",
    ),
]
Parameter = Annotated[
    list[str] | None, typer.Option("--parameter", "-p", help="A parameter of template.yaml, NAME=VALUE. Repeatable.")
]
Tracing = Annotated[bool, typer.Option(help="Record X-Ray segments.")]


@app.command(epilog="Example:  batchctl local run --users 2000 --api-error-rate 0.03 --json")
def run(
    users: Users = 10_000,
    tenant_group: TenantGroup = "example",
    users_per_invocation: UsersPerInvocation = None,
    api_latency_ms: Latency = 100.0,
    api_error_rate: ErrorRate = 0.0,
    api_throttle_rate: ThrottleRate = 0.0,
    api_malformed_rate: MalformedRate = 0.0,
    seed: Seed = 1,
    partner_api_url: PartnerApiUrl = None,
    database_url: DatabaseUrlText = None,
    parameter: Parameter = None,
    tracing: Tracing = True,
    archive: Annotated[bool, typer.Option(help="Keep what is known of the run for `batchctl report`.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")] = False,
) -> None:
    """Start everything, run UserBatch once, print a summary, tear down.

    Exit status 0 when the run is COMPLETE, or PARTIAL where failures were asked for.
    """
    options = _make_options(locals())
    console = Console(stderr=True)
    result = run_interruptible(one_run.run_once(options, console, archive=archive))
    if as_json:
        typer.echo(json.dumps(result.summary.to_json()))
    else:
        Console().print(result.summary.to_table())
        if result.verified:
            Console().print(result.verified, style="green", highlight=False)
        if result.is_archived:
            Console().print(f"report: batchctl report {result.summary.run_id}", highlight=False)
    if result.problem:
        raise BatchctlError(result.problem)


@app.command(epilog="Example:  batchctl local up --users 1000   (the addresses are then in .local/endpoints.json)")
def up(
    users: Users = 10_000,
    tenant_group: TenantGroup = "example",
    users_per_invocation: UsersPerInvocation = None,
    api_latency_ms: Latency = 100.0,
    api_error_rate: ErrorRate = 0.0,
    api_throttle_rate: ThrottleRate = 0.0,
    api_malformed_rate: MalformedRate = 0.0,
    seed: Seed = 1,
    partner_api_url: PartnerApiUrl = None,
    database_url: DatabaseUrlText = None,
    parameter: Parameter = None,
    tracing: Tracing = True,
    endpoints: Annotated[Path, typer.Option(help="Where to write the addresses.")] = Path(".local/endpoints.json"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON object.")] = False,
) -> None:
    """Start everything and keep it running until Ctrl-C; the addresses are in .local/endpoints.json."""
    options = _make_options(locals())
    run_interruptible(keep_up.keep_up(options, endpoints, Console(stderr=True), as_json=as_json))


def _make_options(given: dict[str, Any]) -> LocalOptions:
    """Options out of a command's arguments, by their names."""
    names = {field.name for field in fields(LocalOptions)}
    values = {name: value for name, value in given.items() if name in names}
    values["database_url"] = DatabaseUrl.parse(given["database_url"]) if given["database_url"] else None
    values["parameters"] = parse_parameters(given["parameter"] or [])
    return LocalOptions(**values)


def run_interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; Ctrl-C and SIGTERM cancel it, so that it takes down what it has started."""

    async def guarded() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    try:
        # uvloop: a third less of the parent's CPU for each invocation.
        return uvloop.run(guarded())
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped; everything that was started has ended", style="yellow")
        raise
