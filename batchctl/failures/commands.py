"""The commands `batchctl failures list|show|replay|discard`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from batchctl.console import Console
from batchctl.errors import BatchctlError, UsageError
from batchctl.failures.failed_users import count_users, name_users, read_failed_users
from batchctl.failures.places import StuckRecords, open_bucket, open_stuck
from batchctl.failures.stuck import Stuck
from batchctl.failures.telling import (
    count_left,
    describe_left,
    describe_nobody,
    describe_stuck,
    make_counts_table,
    make_users_table,
    name_positions,
    stuck_to_json,
)
from batchctl.redrive.bucket import Bucket
from batchctl.redrive.options import AsJson, Region, Stack, Yes
from batchctl.redrive.stack import open_stack

app = typer.Typer(
    help="Users that failed and stream records that could not be written: look, put again, throw away.",
    no_args_is_help=True,
)

Run = Annotated[str | None, typer.Option("--run", help="Only this run.", show_default="all that are kept")]
Reason = Annotated[list[str] | None, typer.Option(help="Only this reason. Repeatable.", show_default="all")]
Names = Annotated[
    list[str] | None, typer.Argument(help="Batches and rejected records by name, also cut short.", show_default="all")
]


@app.command("list", epilog="Example:  batchctl failures list --reason ApiServerError --stack express-batch-acme")
def list_failures(
    run: Run = None,
    reason: Reason = None,
    last: Annotated[int, typer.Option(min=1, help="How many runs to look at, the newest ones.")] = 50,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Count what failed: users by run, function and reason; stuck stream records; what remains."""
    target = open_stack(stack, region)
    bucket = open_bucket(target)
    run_ids, reasons = bucket.list_run_ids(), tuple(reason or ())
    looked_at = _choose_runs(run, run_ids, last)
    users, unreadable = read_failed_users(bucket, looked_at, reasons)
    counts = count_users(users)
    with open_stuck(target, bucket, run_ids) as stuck:
        chosen = [one for one in stuck.all if one.is_wanted((), run, reasons)]
        left = count_left(stuck.all)
    if as_json:
        document = {
            "users": [asdict(count) for count in counts],
            "stuck": [stuck_to_json(one) for one in chosen],
            "unreadable_records": unreadable,
            "remaining": left,
        }
        typer.echo(json.dumps(document))
        return
    console = Console()
    if counts:
        console.print(make_counts_table(counts))
        console.print(
            f"batchctl redrive <run>{target.options} runs again who is still not written",
            style="dim",
            highlight=False,
            soft_wrap=True,
        )
    else:
        console.print(describe_nobody(looked_at, reasons), style="green", highlight=False)
    _show_rest(console, chosen, unreadable, left)


@app.command(epilog="Example:  batchctl failures show --run 20261122T083000Z --reason MalformedAnswerError")
def show(
    names: Names = None,
    run: Run = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="How many users to show.")] = 100,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Show the users that failed (of the newest run, unless one is named) and what the stuck records hold."""
    target = open_stack(stack, region)
    bucket = open_bucket(target)
    run_ids, reasons = bucket.list_run_ids(), tuple(reason or ())
    looked_at = _choose_runs(run, run_ids, 1)
    users, unreadable = ([], 0) if names else read_failed_users(bucket, looked_at, reasons)
    shown = name_users(bucket, users[:limit])
    with open_stuck(target, bucket, run_ids) as stuck:
        chosen = _choose(stuck, names, run, reasons)
        left = count_left(stuck.all)
    if as_json:
        document = {
            "users": [asdict(user) for user in shown],
            "users_in_all": len(users),
            "stuck": [stuck_to_json(one, bucket) for one in chosen],
            "remaining": left,
        }
        typer.echo(json.dumps(document))
        return
    console = Console()
    if shown:
        console.print(make_users_table(shown))
        if len(users) > limit:
            console.print(f"and {len(users) - limit:,} more: --limit shows them", style="dim", highlight=False)
    elif not names:
        console.print(describe_nobody(looked_at, reasons), style="green", highlight=False)
    _show_rest(console, chosen, unreadable, left)
    for one in chosen:
        _show_pieces(console, bucket, one)


@app.command(epilog="Example:  batchctl failures replay --reason RetryAttemptsExhausted")
def replay(
    names: Names = None,
    run: Run = None,
    reason: Reason = None,
    stack: Stack = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Put stuck records into the stream again, exactly as they were; each is removed once it is there.

    Harmless when repeated: no row is overwritten by an older answer and no user is counted twice.
    Exit status 1 when some cannot be put again; they stay, and the remedy is named.
    """
    target = open_stack(stack, region)
    bucket = open_bucket(target)
    with open_stuck(target, bucket, bucket.list_run_ids()) as stuck:
        chosen = _choose(stuck, names, run, tuple(reason or ()))
        put = [one for one in chosen if one.remedy is None]
        for one in put:
            stuck.put_again(one)
        kept = [one for one in chosen if one.remedy is not None]
        left = count_left(stuck.all)
    if as_json:
        document = {
            "replayed": [stuck_to_json(one) for one in put],
            "kept": [stuck_to_json(one) for one in kept],
            "remaining": left,
        }
        typer.echo(json.dumps(document))
    else:
        console = Console()
        records, users = sum(len(one.entries) for one in put), sum(one.users for one in put)
        console.print(f"put again: {records:,} records with {users:,} users", highlight=False)
        _show_rest(console, kept, 0, left)
    if kept:
        raise BatchctlError(f"{len(kept):,} could not be put again: {kept[0].name}: {kept[0].remedy}")


@app.command(epilog="Example:  batchctl failures discard 3f2a --yes")
def discard(
    names: Names = None,
    run: Run = None,
    reason: Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever is stuck.")] = False,
    stack: Stack = None,
    region: Region = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Throw stuck records away: their rows are not written. Failure records of users expire by themselves."""
    if not (names or run or reason or everything):
        raise UsageError("discard what? Name it, or give --run, --reason or --all")
    if not yes and not sys.stdin.isatty():
        raise UsageError("discarding cannot be undone: give --yes where nobody can be asked")
    target = open_stack(stack, region)
    bucket = open_bucket(target)
    with open_stuck(target, bucket, bucket.list_run_ids()) as stuck:
        _refuse_ambiguous(stuck, names)
        chosen = _choose(stuck, names, run, tuple(reason or ()))
        if chosen and not yes:
            Console(stderr=True).print(describe_stuck(chosen), soft_wrap=True)
            typer.confirm(f"Throw away {len(chosen):,}? Their rows will not be written", abort=True)
        for one in chosen:
            stuck.remove(one)
        left = count_left(stuck.all)
    if as_json:
        typer.echo(json.dumps({"discarded": [stuck_to_json(one) for one in chosen], "remaining": left}))
        return
    Console().print(f"thrown away: {len(chosen):,}; {describe_left(left)}", highlight=False, soft_wrap=True)


def _choose_runs(run: str | None, run_ids: Sequence[str], last: int) -> Sequence[str]:
    """The run that is named, or the last ones. Raises UsageError for one that the bucket does not hold."""
    if run is None:
        return run_ids[-last:]
    if run not in run_ids:
        raise UsageError(f"--run {run}: the bucket holds no such run; it keeps them for RunRetentionDays")
    return [run]


def _choose(stuck: StuckRecords, names: Sequence[str] | None, run: str | None, reasons: Sequence[str]) -> list[Stuck]:
    """Those that were asked for. Raises UsageError for a name that there is not."""
    for name in names or ():
        if not any(one.name.startswith(name) for one in stuck.all):
            raise UsageError(f"{name!r} is no stuck batch or record: `batchctl failures list` names them")
    return [one for one in stuck.all if one.is_wanted(names or (), run, reasons)]


def _refuse_ambiguous(stuck: StuckRecords, names: Sequence[str] | None) -> None:
    """A name that is cut too short would throw away more than it seems to. Raises UsageError."""
    for name in names or ():
        found = [one.name for one in stuck.all if one.name.startswith(name)]
        if len(found) > 1 and name not in found:
            raise UsageError(f"{len(found):,} names begin with {name!r}: give more of it, or --run, --reason or --all")


def _show_rest(console: Console, stuck: Sequence[Stuck], unreadable: int, left: dict[str, int]) -> None:
    if stuck:
        console.print(describe_stuck(stuck), soft_wrap=True)
    if unreadable:
        console.print(f"{unreadable:,} failure records cannot be read", style="yellow", highlight=False)
    console.print(describe_left(left), highlight=False, soft_wrap=True)


def _show_pieces(console: Console, bucket: Bucket, stuck: Stuck) -> None:
    for piece in stuck.pieces:
        users = name_positions(bucket, piece.run_id, piece.chunk, piece.positions)
        console.print(
            f"{stuck.name} run {piece.run_id} chunk {piece.chunk}: {', '.join(users)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
