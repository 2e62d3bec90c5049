"""The commands `batchctl circuit show` and `batchctl circuit close`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import typer
from express_batch.circuit_board import Circuit

from batchctl.console import Console
from batchctl.control.circuit import PartnerCircuit
from batchctl.control.switch import KillSwitch, StoppedRuns, find_user
from batchctl.redrive.one_redrive import CIRCUIT_REASON
from batchctl.redrive.options import AsJson, Region, Stack
from batchctl.redrive.stack import BatchStack, open_stack

app = typer.Typer(help="Whether the partner was found down, so that nobody is called for.", no_args_is_help=True)


@app.command()
def show(stack: Stack = None, region: Region = None, as_json: AsJson = False) -> None:
    """Say whether the circuit is open, since when and why, and which runs have left users out for it.

    Nothing has to be done about an open one: the next run asks three users first, and goes on when the partner answers.

    Example: batchctl circuit show --stack express-batch-acme
    """
    target = open_stack(stack, region)
    found = PartnerCircuit(target).read()
    runs = _find_runs(target, found)
    if as_json:
        typer.echo(json.dumps(_to_json(found, runs)))
        return
    console = Console()
    console.print(
        _describe(found), style="yellow" if found and found.is_open else "green", highlight=False, soft_wrap=True
    )
    if found is not None and found.is_open:
        console.print(
            "the next run or redrive asks three users first, and closes it when they are answered", style="dim"
        )
    _show_runs(console, runs, _options(stack, region))


@app.command()
def close(stack: Stack = None, region: Region = None, as_json: AsJson = False) -> None:
    """Close the circuit without a probe. It opens again within seconds where the partner is still down.

    Example: batchctl circuit close --stack express-batch-acme
    """
    target = open_stack(stack, region)
    circuit = PartnerCircuit(target)
    found = circuit.read()
    if found is not None and found.is_open:
        circuit.close(find_user())
    runs = _find_runs(target, found)
    if as_json:
        typer.echo(json.dumps({**_to_json(found, runs), "state": "closed"}))
        return
    console = Console()
    if found is None or not found.is_open:
        console.print("the circuit is closed already: nothing to do", style="green")
        return
    console.print(f"closed; {_describe(found, 'was')}", style="green", highlight=False, soft_wrap=True)
    _show_runs(console, runs, _options(stack, region))


def _find_runs(target: BatchStack, found: Circuit | None) -> StoppedRuns | None:
    if found is None or not found.is_open:
        return None
    return KillSwitch(target).find_runs(found.changed_at, reason=CIRCUIT_REASON)


def _describe(found: Circuit | None, verb: str = "is") -> str:
    if found is None:
        return "the circuit is closed: it was never opened"
    since = datetime.fromtimestamp(found.changed_at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    by = f" by run {found.run_id}" if found.run_id else ""
    return f"the circuit {verb} {found.state} since {since}{by}: {found.reason}"


def _show_runs(console: Console, runs: StoppedRuns | None, options: str) -> None:
    if runs is None:
        return
    for run_id, users in runs.to_redrive.items():
        console.print(f"run {run_id}: {users:,} users were not called for", highlight=False, soft_wrap=True)
        console.print(
            f"  batchctl redrive {run_id} --reason {CIRCUIT_REASON}{options}", highlight=False, soft_wrap=True
        )


def _to_json(found: Circuit | None, runs: StoppedRuns | None) -> dict[str, object]:
    return {
        "state": "open" if found is not None and found.is_open else "closed",
        "circuit": None if found is None else asdict(found),
        "to_redrive": {} if runs is None else dict(runs.to_redrive),
    }


def _options(stack: str | None, region: str | None) -> str:
    return (f" --stack {stack}" if stack else "") + (f" --region {region}" if region else "")
