"""The command `batchctl invoke`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from batchctl.console import Console, make_harmless
from batchctl.errors import BatchctlError
from batchctl.invoke.events import find_sample, read_event
from batchctl.invoke.functions import MIGRATE_SCHEMA, find_function
from batchctl.invoke.one_invocation import describe_error, invoke_once
from batchctl.local.commands import run_interruptible
from batchctl.local.options import LocalOptions, parse_parameters


def invoke(
    function: Annotated[str, typer.Argument(help="A folder of functions/, such as sync_users.", show_default=False)],
    event: Annotated[
        Path | None, typer.Option(help="File with the event, as JSON.", show_default="events/NN-<function>.json")
    ] = None,
    users: Annotated[int, typer.Option(help="How many users to seed.")] = 5,
    tenant_group: Annotated[str, typer.Option(help="Tenant group, a file in pipeline/tenant-groups/.")] = "example",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="A parameter of template.yaml, NAME=VALUE. Repeatable."),
    ] = None,
    logs: Annotated[bool, typer.Option("--logs", help="Print the function's log on standard error.")] = False,
) -> None:
    """Invoke one function with one event, without Docker: `sam local invoke` on the emulator.

    Starts a stack, takes the event's run to where the function comes in, prints its answer, tears down.
    Exit status 1 when the function answers with an error.
    """
    options = LocalOptions(
        users=users, tenant_group=tenant_group, api_latency_ms=5, parameters=parse_parameters(parameter or [])
    )
    folder, _ = find_function(function, options.template)
    options = replace(options, migrates=folder == MIGRATE_SCHEMA)
    given = read_event(event or find_sample(folder))
    console = Console(stderr=True)
    with console.status("preparing") as status:
        answer = run_interruptible(invoke_once(folder, given, options, status.update))
    if logs:
        for line in answer.logs:
            # awslambdaric ends the lines inside one message with \r, so that CloudWatch keeps it whole.
            typer.echo(make_harmless(line.rstrip("\n").replace("\r", "\n")), err=True)
    typer.echo(json.dumps(answer.payload))
    if answer.is_error:
        raise BatchctlError(f"{folder} failed with {describe_error(answer)}")
