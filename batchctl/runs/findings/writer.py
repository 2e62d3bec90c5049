"""Finding: rows arrive faster than they are written."""

from collections.abc import Iterator

from batchctl.runs.run_data import Finding, RunData

# A batch waits for its poll, at most a second apart, and for the batch before it; more is a queue that grows.
LATE_SECONDS = 10.0
# CloseRun gives the writer CloseRunWaitSeconds; half of them used is the last warning before INCOMPLETE.
WAIT_SHARE = 0.5
# A database that is reached at once answers in milliseconds.
SLOW_BORROW_SECONDS = 1.0


def find_lagging_writer(data: RunData) -> Iterator[Finding]:
    """Old records, a long wait of CloseRun, or a run that was closed before its rows were there."""
    head = data.head
    age = max((each.iterator_age_seconds for each in data.writes), default=0.0)
    waited = head.waited_seconds or 0.0
    limit = data.caps.close_run_wait_seconds if data.caps else None
    synced = sum(each.synced for each in data.slices)
    unwritten = synced - head.rows_written if head.closed_at is not None and head.users_missing else 0
    waited_long = limit is not None and waited >= WAIT_SHARE * limit
    if age < LATE_SECONDS and not waited_long and unwritten <= 0:
        return
    facts = []
    if age:
        facts.append(f"records were up to {age:,.1f} s old when they were written")
    if waited:
        facts.append(f"CloseRun waited {waited:,.1f} s" + (f" of {limit:g} s" if limit is not None else ""))
    if unwritten > 0:
        facts.append(f"{unwritten:,} answered users were not in the database when the run was closed")
    borrow = max((each.borrow_seconds for each in data.writes), default=0.0)
    longest = max((each.ended_at - each.started_at for each in data.writes), default=0.0)
    if longest:
        facts.append(f"the longest batch took {longest:,.1f} s")
    errors = [report for report in data.invocations if report.function == "WriteRows" and report.error_type]
    if errors:
        facts.append(f"{len(errors):,} WriteRows invocations failed ({errors[-1].error_type})")
    if borrow >= SLOW_BORROW_SECONDS:
        facts.append(f"{borrow:,.1f} s of it until the database answered")
        remedy = "give the writer connections: raise DatabaseMaxConnectionsPercent, or look for what holds the database"
    elif errors:
        remedy = f"`batchctl why {head.run_id}{data.command_options}` shows the errors of WriteRows"
    else:
        remedy = (
            "look for locks and slow statements in the database; then raise WriteParallelizationFactor or ShardCount"
        )
    severity = "critical" if unwritten > 0 else "warning"
    yield Finding("lagging_writer", severity, "; ".join(facts), remedy)
