"""Findings about slices whose time was over: the invocation's, or that of the calls in it."""

from collections.abc import Iterator

from batchctl.runs.report_lines import TIMEOUT
from batchctl.runs.run_data import Finding, RunData

TIMEOUT_REASONS = (TIMEOUT, "States.Timeout")
TIME_LEFT = "TimeLeftError"
PLACES_SHOWN = 3


def find_slice_timeouts(data: RunData) -> Iterator[Finding]:
    """Invocations that Lambda or the state machine has ended for their time."""
    dead = [failure for failure in data.slice_failures if failure.reason in TIMEOUT_REASONS]
    died = [report for report in data.invocations if report.function == "SyncUsers" and report.error_type == TIMEOUT]
    if not dead and not died:
        return
    limit = f" of {data.caps.sync_users_timeout_seconds:g} s (SyncUsersTimeoutSeconds)" if data.caps else ""
    others = max((each.ended_at - each.started_at for each in data.slices), default=None)
    compared = f"; the longest of the other slices took {others:.1f} s" if others is not None else ""
    remedy = (
        "raise SyncUsersTimeoutSeconds or lower UsersPerInvocation; where one slice alone hangs, one of its users does"
    )
    if not dead:
        yield Finding(
            "slice_timed_out",
            "warning",
            f"{len(died)} SyncUsers invocations met the time-out{limit}, and their slices came through "
            f"at a later attempt{compared}",
            remedy,
        )
        return
    users = sum(failure.end - failure.start for failure in dead)
    places = ", ".join(f"chunk {failure.chunk} slice {failure.start}-{failure.end}" for failure in dead[:PLACES_SHOWN])
    more = f" and {len(dead) - PLACES_SHOWN} more" if len(dead) > PLACES_SHOWN else ""
    yield Finding(
        "slice_timed_out",
        "critical",
        f"{places}{more} met the time-out{limit} at every attempt ({len(died)} invocations), {users:,} users failed"
        f"{compared}",
        remedy,
    )


def find_time_left(data: RunData) -> Iterator[Finding]:
    """Users for whom the invocation had no time left."""
    total = sum(group.count for group in data.failures if group.reason == TIME_LEFT)
    slices = [each for each in data.slices if TIME_LEFT in each.failed_by_reason]
    total = total or sum(each.failed_by_reason[TIME_LEFT] for each in slices)
    if not total:
        return
    places = [f"chunk {each.chunk} slice {each.start}-{each.end}" for each in slices]
    shown = ", ".join(places[:PLACES_SHOWN]) + (
        f" and {len(places) - PLACES_SHOWN} more" if len(places) > PLACES_SHOWN else ""
    )
    yield Finding(
        "slice_timed_out",
        "critical",
        f"{total:,} users failed with {TIME_LEFT}: no answer before the time of {shown or 'their slices'} was over",
        "raise SyncUsersTimeoutSeconds, or give a slice less to do: lower UsersPerInvocation or raise CallsInFlight",
    )
