"""Findings about how many slices ran side by side, and how many environments were new."""

from collections.abc import Iterator, Sequence

from batchctl.runs.run_data import Finding, RunData, SliceActivity

# Fewer waves than this and the first and last of them, which are never full, decide the figures.
MANY_WAVES = 3
# A shorter phase is over before more environments could help.
LONG_PHASE_SECONDS = 20.0
AT_CAP_SHARE = 0.9
# Slices wait for Lambda's account limit, or come too slowly, where not even half of what may run does.
UNUSED_SHARE = 0.5
# INIT is paid for each new environment; a third of the phase spent in it is more than a run every few minutes needs.
INIT_SHARE = 1 / 3
NEW_SHARE = 0.5


def find_cap_reached(data: RunData) -> Iterator[Finding]:
    """Slices queue behind the Maps' caps, and the phase is long."""
    cap, phase = _find_cap(data), _phase_seconds(data.slices)
    if cap is None or phase < LONG_PHASE_SECONDS or len(data.slices) < MANY_WAVES * cap:
        return
    average = _busy_seconds(data.slices) / phase
    if average < AT_CAP_SHARE * cap:
        return
    yield Finding(
        "cap_reached",
        "info",
        f"{average:,.0f} of at most {cap:,} slices ran at once through all of {phase:,.0f} s",
        "raise SliceConcurrency or ChunkConcurrency where the run should be shorter and the partner allows it",
    )


def find_cap_unused(data: RunData) -> Iterator[Finding]:
    """There was enough to do, and far fewer slices ran than may."""
    cap, phase = _find_cap(data), _phase_seconds(data.slices)
    if cap is None or phase < LONG_PHASE_SECONDS or len(data.slices) < MANY_WAVES * cap:
        return
    most = _most_at_once(data.slices)
    if most >= UNUSED_SHARE * cap:
        return
    yield Finding(
        "cap_unused",
        "info",
        f"at most {most:,} slices ran at once, {cap:,} may: the concurrency of account or function is less",
        "look at AWS/Lambda Throttles; raise SyncUsersReservedConcurrency or the account's concurrent executions",
    )


def find_cold_starts(data: RunData) -> Iterator[Finding]:
    """Most environments were new, and starting them took a large part of the time."""
    reports = [report for report in data.invocations if report.function == "SyncUsers"]
    new = [report for report in reports if report.init_ms is not None]
    spent = sum(report.duration_ms for report in reports)
    init = sum(report.init_ms or 0.0 for report in new)
    if not spent or len(new) < NEW_SHARE * len(reports) or init < INIT_SHARE * (spent + init):
        return
    yield Finding(
        "cold_starts",
        "info",
        f"{len(new):,} of {len(reports):,} SyncUsers environments were new, and starting them took "
        f"{init / (spent + init):.0%} of the billed time",
        "lower SliceConcurrency so that environments are used again, or raise UsersPerInvocation",
    )


def _find_cap(data: RunData) -> int | None:
    caps = data.caps
    if caps is None or not data.slices:
        return None
    cap = min(caps.chunk_concurrency, max(1, len(data.chunk_sizes))) * caps.slice_concurrency
    return min(cap, caps.sync_users_reserved_concurrency or cap)


def _phase_seconds(slices: Sequence[SliceActivity]) -> float:
    if not slices:
        return 0.0
    return max(each.ended_at for each in slices) - min(each.started_at for each in slices)


def _busy_seconds(slices: Sequence[SliceActivity]) -> float:
    return sum(each.ended_at - each.started_at for each in slices)


def _most_at_once(slices: Sequence[SliceActivity]) -> int:
    changes = sorted([(each.started_at, 1) for each in slices] + [(each.ended_at, -1) for each in slices])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most
