"""The command `batchctl redrive`."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from batchctl.console import Console
from batchctl.errors import BatchctlError
from batchctl.redrive.one_redrive import CIRCUIT_REASON, Ended, Left, ask_left, run, start
from batchctl.redrive.options import AsJson, Region, Stack, Yes
from batchctl.redrive.stack import BatchStack, open_stack

_ACCOUNT = ("users_listed", "rows_written", "users_failed", "users_missing")


def redrive(
    run_id: Annotated[str, typer.Argument(help="The run, such as 20261122T083000Z.", show_default=False)],
    reason: Annotated[
        list[str] | None,
        typer.Option(
            help="Only users with this reason, such as ApiServerError, or Missing. Repeatable.",
            show_default="all that are not written",
        ),
    ] = None,
    stack: Stack = None,
    region: Region = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the redrive's end.")] = True,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Run again exactly those users of a run that nobody has written, in a run of its own, <run id>-r1.

    Harmless when repeated: it takes only who is still left, and starts nothing when nobody is.
    Exit status 0 when nobody is left, 1 when some are or the redrive failed.

    Example: batchctl redrive 20261122T083000Z --reason ApiServerError --stack express-batch-acme
    """
    target = open_stack(stack, region)
    reasons = tuple(reason or ())
    console = Console(stderr=True)
    left = ask_left(target, run_id, reasons)
    if left.running is not None:
        raise BatchctlError(f"{left.running} is at work already: wait until it has ended (5 minutes at most)")
    if left.users_chosen == 0:
        _finish(target, left, left, None, reasons, as_json=as_json)
        return
    if not as_json:
        _show_left(left, reasons)
    if not yes and sys.stdin.isatty() and not as_json:
        typer.confirm(f"Run {left.users_chosen:,} users again?", abort=True)
    if not wait:
        _tell_started(left, start(target, run_id, reasons), as_json=as_json)
        return
    try:
        with console.status(f"running {left.users_chosen:,} users again"):
            ended = run(target, run_id, reasons)
    except KeyboardInterrupt:
        console.print(
            f"not waited for: the redrive goes on; `batchctl redrive {run_id}{target.options}` says later who is left",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
        raise
    _finish(target, left, _ask_again(target, left, ended), ended, (), as_json=as_json)


def _ask_again(target: BatchStack, before: Left, ended: Ended) -> Left:
    if ended.status == "ALREADY_STARTED":
        raise BatchctlError(f"{ended.run_id} was started by another in the meantime: wait until it has ended")
    if ended.status == "STOPPED":
        raise BatchctlError(f"calls are stopped: `batchctl resume{target.options}` lets them begin again")
    if ended.status == "FAILED":
        raise BatchctlError(f"redrive of {before.run_id} failed: {ended.problem}")
    return ask_left(target, before.run_id)


def _finish(
    target: BatchStack, before: Left, after: Left, ended: Ended | None, reasons: tuple[str, ...], *, as_json: bool
) -> None:
    """Print the account; ends with status 1 when somebody is left. `reasons` are those that nobody has."""
    run_id = None if ended is None else ended.run_id or after.newest_redrive
    account = None if run_id is None else after.account(run_id)
    if as_json:
        typer.echo(json.dumps(_to_json(before, after, account)))
    else:
        if account is not None:
            Console().print(_make_table(account))
        if not after.users_left:
            Console().print(f"nobody of run {after.run_id} is left", style="green", highlight=False)
    if after.users_left:
        told = ", ".join(f"{reason} {count:,}" for reason, count in after.by_reason.items())
        nobody = f"none of them with {' or '.join(reasons)}, so nothing was started; " if reasons else ""
        raise BatchctlError(
            f"{after.users_left:,} users of run {after.run_id} are left ({told}): {nobody}"
            f"{_say_why(after, target.options)}; redrive again when the cause is gone"
        )


def _say_why(left: Left, options: str) -> str:
    if CIRCUIT_REASON in left.by_reason:
        return f"`batchctl circuit show{options}` says whether the partner is still down"
    return f"`batchctl failures show --run {left.newest_redrive or left.run_id}{options}` says why"


def _to_json(before: Left, after: Left, account: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "run_id": after.run_id,
        "users_chosen": before.users_chosen,
        "left_before": dict(before.by_reason),
        "redrive": None
        if account is None
        else {"run_id": account["run_id"], "status": account["status"], **_pick(account)},
        "users_left": after.users_left,
        "left_by_reason": dict(after.by_reason),
    }


def _pick(account: Mapping[str, Any]) -> dict[str, Any]:
    return {name: account[name] for name in _ACCOUNT}


def _show_left(left: Left, reasons: tuple[str, ...]) -> None:
    table = Table(title=f"left of run {left.run_id}", title_justify="left")
    table.add_column("reason")
    table.add_column("users", justify="right")
    table.add_column("")
    for reason, count in left.by_reason.items():
        table.add_row(Text(reason), f"{count:,}", "" if reasons and reason not in reasons else "run again")
    Console().print(table)


def _make_table(account: Mapping[str, Any]) -> Table:
    table = Table(title=f"redrive {account['run_id']}", show_header=False, title_justify="left")
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("status", str(account["status"]))
    for name in _ACCOUNT:
        value = account[name]
        table.add_row(name.replace("_", " "), "unknown" if value is None else f"{value:,}")
    return table


def _tell_started(left: Left, execution: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"run_id": left.run_id, "users_chosen": left.users_chosen, "execution": execution}))
    else:
        Console().print(f"started: {execution}", highlight=False, soft_wrap=True)
