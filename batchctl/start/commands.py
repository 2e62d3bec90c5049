"""The command `batchctl start`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from batchctl.console import Console
from batchctl.errors import BatchctlError
from batchctl.redrive.one_redrive import Ended
from batchctl.redrive.options import AsJson, Region, Stack
from batchctl.redrive.stack import BatchStack, open_stack
from batchctl.start.one_start import run_now, start_now

ACCOUNTED_FOR = ("COMPLETE", "PARTIAL")


def start(
    stack: Stack = None,
    region: Region = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the run's end, 5 minutes at most.")] = True,
    as_json: AsJson = False,
) -> None:
    """Start a run of everybody now, as the schedule does.

    Exit status 0 when every user is written or failed with a reason; 1 when users are missing, when the run failed, or
    when it called for nobody: another run still goes (parameter RunOverlap), or calls are stopped.

    Example: batchctl start --stack express-batch-acme
    """
    target = open_stack(stack, region)
    console = Console(stderr=True)
    if not wait:
        execution = start_now(target)
        typer.echo(json.dumps({"execution": execution}) if as_json else f"started: {execution}")
        return
    try:
        with console.status("running: `batchctl watch` shows how far"):
            ended = run_now(target)
    except KeyboardInterrupt:
        line = f"not waited for: the run goes on; `batchctl watch{target.options}` shows how far"
        console.print(line, style="yellow", highlight=False, soft_wrap=True)
        raise
    if as_json:
        typer.echo(json.dumps(asdict(ended)))
    elif ended.run_id is not None:
        line = f"run {ended.run_id} is {ended.status}: `batchctl report {ended.run_id}{target.options}` shows it"
        Console().print(line, highlight=False, soft_wrap=True)
    _check(target, ended)


def _check(target: BatchStack, ended: Ended) -> None:
    """Raises BatchctlError where not everybody is accounted for."""
    if ended.status in ACCOUNTED_FOR:
        return
    if ended.status == "STOPPED":
        raise BatchctlError(f"calls are stopped: `batchctl resume{target.options}` lets them begin again")
    if ended.status in ("SKIPPED", "ALREADY_STARTED"):
        raise BatchctlError(f"nobody was called for: `batchctl runs{target.options}` shows which run goes")
    raise BatchctlError(
        f"the run ended as {ended.status}{f' ({ended.problem})' if ended.problem else ''}: "
        f"`batchctl runs{target.options}` names it, `batchctl why <run>{target.options}` says why"
    )
