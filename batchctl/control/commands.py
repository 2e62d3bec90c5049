"""The commands `batchctl stop` and `batchctl resume`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from batchctl.console import Console
from batchctl.control.switch import STOPPED_REASON, KillSwitch, Stop, StoppedRuns
from batchctl.errors import BatchctlError, UsageError
from batchctl.redrive.one_redrive import Ended, run
from batchctl.redrive.options import AsJson, Region, Stack
from batchctl.redrive.stack import BatchStack, open_stack


def stop(
    reason: Annotated[str, typer.Option(help="Why; runs and `batchctl resume` show it.", show_default=False)],
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Stop all calls to the partner API within about a second, until `batchctl resume`. Nothing is lost.

    Calls in flight end and their rows are written; everybody else of a run fails with StoppedError, so the run ends
    PARTIAL. Runs that the schedule starts meanwhile list nobody and end as STOPPED.

    Example: batchctl stop --reason "partner asked us to" --stack express-batch-acme
    """
    if not reason.strip():
        raise UsageError('--reason is empty: say why, such as --reason "partner asked us to"')
    asked = reason.strip()
    found = KillSwitch(open_stack(stack, region)).put_on(asked)
    is_new = found.reason == asked
    if as_json:
        typer.echo(json.dumps({"stopped": True, **asdict(found)}))
        return
    console = Console()
    told = _describe(found) if is_new else f"already {_describe(found)}"
    console.print(told, style="yellow", highlight=False, soft_wrap=True)
    console.print(f"resume: batchctl resume{_options(stack, region)}", highlight=False, soft_wrap=True)


def resume(
    stack: Stack = None,
    region: Region = None,
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Run the users again that were not called for, run after run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let calls begin again, and show how to run the users again that the stop has left out.

    Exit status 1 when a redrive that was asked for left somebody.

    Example: batchctl resume --redrive --stack express-batch-acme
    """
    target = open_stack(stack, region)
    switch = KillSwitch(target)
    found = switch.read()
    if found is None:
        _finish_idle(as_json=as_json)
        return
    switch.take_off()
    runs = switch.find_runs(found.stopped_at)
    redriven = _redrive(target, runs) if redrive else {}
    if as_json:
        typer.echo(json.dumps(_to_json(found, runs, redriven)))
    else:
        _show(found, runs, redriven, _options(stack, region))
    failed = [run_id for run_id, ended in redriven.items() if ended.status not in ("COMPLETE", "NOTHING_TO_REDRIVE")]
    if failed:
        raise BatchctlError(
            f"not everybody of {', '.join(failed)} is written: "
            f"`batchctl redrive {failed[0]}{_options(stack, region)}` says who is left"
        )


def _redrive(target: BatchStack, runs: StoppedRuns) -> dict[str, Ended]:
    console, redriven = Console(stderr=True), {}
    try:
        for run_id, users in runs.to_redrive.items():
            with console.status(f"resumed; running {users:,} users of {run_id} again"):
                redriven[run_id] = run(target, run_id, [STOPPED_REASON])
    except KeyboardInterrupt:
        line = f"calls are resumed; a redrive that had begun goes on: `batchctl runs{target.options}` shows it"
        console.print(line, style="yellow", highlight=False, soft_wrap=True)
        raise
    return redriven


def _finish_idle(*, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"stopped": False, "was_stopped": False}))
    else:
        Console().print("calls are not stopped: nothing to resume", style="green")


def _show(found: Stop, runs: StoppedRuns, redriven: dict[str, Ended], options: str) -> None:
    console = Console()
    console.print(f"resumed; calls were {_describe(found)}", style="green", highlight=False, soft_wrap=True)
    for run_id, users in runs.to_redrive.items():
        if run_id in redriven:
            ended = redriven[run_id]
            line = f"run {run_id}: {users:,} users again in {ended.run_id}, {ended.status}"
            console.print(f"{line}{f': {ended.problem}' if ended.problem else ''}", highlight=False, soft_wrap=True)
        else:
            console.print(f"run {run_id}: {users:,} users were not called for", highlight=False, soft_wrap=True)
            console.print(
                f"  batchctl redrive {run_id} --reason {STOPPED_REASON}{options}", highlight=False, soft_wrap=True
            )
    if runs.not_started:
        count = len(runs.not_started)
        console.print(
            f"{count:,} {'run' if count == 1 else 'runs'} listed nobody meanwhile; the next one calls for everybody",
            highlight=False,
            soft_wrap=True,
        )
    for run_id in runs.died:
        console.print(
            f"run {run_id} has ended without an account: `batchctl redrive {run_id}{options}` runs whom it has left",
            highlight=False,
            soft_wrap=True,
        )
    for run_id in runs.going:
        console.print(
            f"run {run_id} still goes: `batchctl watch {run_id}{options}`, and redrive it when it has ended",
            highlight=False,
            soft_wrap=True,
        )


def _to_json(found: Stop, runs: StoppedRuns, redriven: dict[str, Ended]) -> dict[str, Any]:
    return {
        "stopped": False,
        "was_stopped": True,
        "stop": asdict(found),
        "to_redrive": dict(runs.to_redrive),
        "not_started": list(runs.not_started),
        "going": list(runs.going),
        "died": list(runs.died),
        "redriven": {run_id: asdict(ended) for run_id, ended in redriven.items()},
    }


def _describe(found: Stop) -> str:
    since = datetime.fromtimestamp(found.stopped_at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"stopped since {since}{f' by {found.stopped_by}' if found.stopped_by else ''}: {found.reason}"


def _options(stack: str | None, region: str | None) -> str:
    return (f" --stack {stack}" if stack else "") + (f" --region {region}" if region else "")
