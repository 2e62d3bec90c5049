"""Findings about the account: users that nobody accounts for, and a run that was never closed."""

from collections.abc import Iterator

from batchctl.runs.run_data import Finding, RunData


def find_missing_users(data: RunData) -> Iterator[Finding]:
    """Users of a closed run that are neither written nor failed."""
    head = data.head
    if head.closed_at is None or head.users_missing <= 0:
        return
    synced = sum(each.synced for each in data.slices)
    unwritten = max(0, synced - head.rows_written)
    where = (
        f"{unwritten:,} of them were answered and wait in the stream or lie in the failure queue"
        if unwritten
        else "no slice has answered for them"
    )
    late = sum(each.rows for each in data.writes if each.ended_at > head.closed_at)
    since = f"; {late:,} rows came after the close" if late else ""
    yield Finding(
        "missing_users",
        "critical",
        f"{head.users_missing:,} of {head.users_listed:,} users are neither written nor failed: {where}{since}",
        "look at FailedRecordsQueue and the iterator age of WriteRows; then "
        f"`batchctl redrive {head.redrive_of or head.run_id} --reason Missing{data.command_options}` "
        "calls for them again",
    )


def find_never_closed(data: RunData) -> Iterator[Finding]:
    """A run whose execution is over and that has no account."""
    head = data.head
    if head.status != "FAILED":
        return
    last = next((state.name for state in reversed(data.states) if state.entered), "ListUsers")
    errors = [report for report in data.invocations if report.function == last and report.error_type]
    why = f", {errors[-1].error_type}: {errors[-1].error_message or 'no message'}" if errors else ""
    yield Finding(
        "never_closed",
        "critical",
        f"the run was never closed: it came as far as {last}{why}; {head.users_missing:,} users are without account",
        f"`batchctl why {head.run_id}{data.command_options}` shows the error; the next scheduled run "
        "calls for all users again",
    )
