"""Failures as tables for a person and as JSON for a program."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from batchctl.failures.failed_users import FailedUser, FailureCount
from batchctl.failures.stuck import BATCH, Stuck
from batchctl.redrive.bucket import Bucket


def count_left(stuck: Sequence[Stuck]) -> dict[str, int]:
    """What remains to be dealt with."""
    batches = [one for one in stuck if one.kind == BATCH]
    return {
        "batches": len(batches),
        "records": sum(one.records for one in batches),
        "rejected": len(stuck) - len(batches),
    }


def describe_left(left: dict[str, int]) -> str:
    """The same in a line."""
    if not any(left.values()):
        return "nothing is stuck: the failed-records queue and rejected/ are empty"
    return (
        f"remaining: {_count(left['batches'], 'batch', 'batches')} with {_count(left['records'], 'record')} "
        f"in the failed-records queue, {_count(left['rejected'], 'rejected record')}"
    )


def make_counts_table(counts: Sequence[FailureCount]) -> Table:
    """Users by run, function and reason."""
    table = Table(title="failure records", title_justify="left")
    for name in ("run", "function", "reason"):
        table.add_column(name)
    table.add_column("users", justify="right")
    for count in counts:
        table.add_row(*_as_they_are(count.run_id, count.function, count.reason), f"{count.count:,}")
    return table


def make_users_table(users: Sequence[FailedUser]) -> Table:
    """Single users."""
    # They are those of one run. Without a box, and with whole names, 80 columns leave room for the detail.
    run_id = users[0].run_id if users else ""
    table = Table(
        title=Text(f"failed users of run {run_id}"),
        title_justify="left",
        box=None,
        pad_edge=False,
        collapse_padding=True,
    )
    for name in ("user", "tenant", "function", "reason"):
        table.add_column(name, no_wrap=True)
    table.add_column("detail", overflow="fold")
    for user in users:
        name = user.user_id or f"chunk {user.chunk}, position {user.position}"
        table.add_row(*_as_they_are(name, user.tenant_id, user.function, user.reason, user.detail))
    return table


def describe_stuck(stuck: Sequence[Stuck]) -> Text:
    """Batches and rejected records: names as they are typed again, what each holds, and what is to be done."""
    lines: list[str | tuple[str, str]] = [("stuck records", "italic")]
    for one in stuck:
        runs = f" of run {', '.join(one.run_ids)}" if one.run_ids else ""
        users = f"{_count(one.users, 'user')}{runs}" if one.pieces else "users unknown"
        lines += ["\n", (one.name, "bold"), f"  {one.kind}, {one.reason}, {_count(one.records, 'record')}, {users}"]
        lines += [f"\n  {one.why}"]
        if one.remedy is not None:
            lines += ["\n  ", (one.remedy, "yellow")]
    return Text.assemble(*lines)


def describe_nobody(run_ids: Sequence[str], reasons: Sequence[str]) -> str:
    """Why no user is shown."""
    where = f"in run {run_ids[0]}" if len(run_ids) == 1 else f"in {_count(len(run_ids), 'run')}"
    with_reasons = f" with {' or '.join(reasons)}" if reasons else ""
    return f"no user failed {where}{with_reasons}"


def _count(number: int, name: str, names: str | None = None) -> str:
    return f"{number:,} {name if number == 1 else names or f'{name}s'}"


def _as_they_are(*texts: str) -> list[Text]:
    """Not taken for rich's markup, which a user id may look like."""
    return [Text(text) for text in texts]


def stuck_to_json(one: Stuck, bucket: Bucket | None = None) -> dict[str, Any]:
    """With the users' ids where the bucket is given to look them up."""
    document: dict[str, Any] = {
        "name": one.name,
        "kind": one.kind,
        "reason": one.reason,
        "why": one.why,
        "remedy": one.remedy,
        "run_ids": one.run_ids,
        "records": one.records,
        "users": one.users,
        "can_be_put_again": bool(one.entries),
    }
    if bucket is not None:
        document["pieces"] = [
            {
                "run_id": piece.run_id,
                "chunk": piece.chunk,
                "record_id": piece.record_id,
                "user_ids": name_positions(bucket, piece.run_id, piece.chunk, piece.positions),
            }
            for piece in one.pieces
        ]
    return document


def name_positions(bucket: Bucket, run_id: str, chunk: int, positions: Sequence[int]) -> list[str]:
    """User ids, or the positions where the chunk is gone."""
    users = bucket.read_users(run_id, chunk)
    return [
        users[position].user_id if position < len(users) else f"chunk {chunk}, position {position}"
        for position in positions
    ]
