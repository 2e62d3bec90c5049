"""Findings about a user, or a slice's user, that fails whatever is tried."""

from collections.abc import Iterator

from batchctl.runs.findings.timeouts import TIMEOUT_REASONS
from batchctl.runs.run_data import FailedUser, Finding, RunData

# Beyond so many users, or this share of them, it is not the users that are at fault.
FEW_USERS = 10
FEW_SHARE = 0.01
# Slices that die at every attempt while the others come through: more of them, and it is the code or the partner.
FEW_SLICES = 3
SHOWN = 3
# What says of a slice's end that it is the platform's or the settings' fault and not a user's.
NOT_A_USERS_FAULT = (
    "ChunkUnreadableError",
    "StorageUnavailableError",
    "StorageRefusedError",
    "StreamUnavailableError",
    "SettingsError",
    "InvalidEventError",
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
)

# Reasons that say nothing about the user.
NOT_THE_USERS_FAULT = ("TimeLeftError", "ApiThrottledError", "StoppedError", "CircuitOpenError")


def find_poisonous_users(data: RunData) -> Iterator[Finding]:
    """A few users that failed at all attempts while the others were written; gravest where they did so before."""
    users = [user for user in data.failed_users if user.reason not in NOT_THE_USERS_FAULT]
    repeating = [user for user in users if user.runs > 1]
    for chosen, is_repeating in ((repeating, True), ([user for user in users if user.runs == 1], False)):
        if not chosen or not _are_few(chosen, data):
            continue
        worst = sorted(chosen, key=lambda user: -user.runs)
        names = ", ".join(_describe_user(user) for user in worst[:SHOWN])
        more = f" and {len(chosen) - SHOWN} more" if len(chosen) > SHOWN else ""
        runs = max(user.runs for user in chosen)
        how_often = f"in each of the last {runs} runs" if is_repeating else "at every attempt of this run"
        verb = "fails" if len(chosen) == 1 else "fail"
        yield Finding(
            "poisonous_user",
            "warning" if is_repeating else "info",
            f"{names}{more} {verb} {how_often}, while {data.head.rows_written:,} users are written",
            f"`batchctl why {data.head.run_id} {worst[0].user_id}{data.command_options}` says why; mend the user "
            "at its source, or leave it out in the job's SELECT_USERS",
        )


def find_poisonous_slices(data: RunData) -> Iterator[Finding]:
    """Few slices whose invocation dies each time: one of their users kills it."""
    dead = [failure for failure in data.slice_failures if failure.reason not in NOT_A_USERS_FAULT]
    places = {(each.chunk, each.start) for each in data.slices} - {(each.chunk, each.start) for each in dead}
    if not dead or len(dead) > FEW_SLICES or len(places) <= len(dead):
        return
    for failure in dead:
        died = sum(
            1
            for report in data.invocations
            if report.function == "SyncUsers" and (report.error_type or "") == failure.reason
        )
        attempts = f"{died} invocations, " if died and len(dead) == 1 else ""
        what = "hangs" if failure.reason in TIMEOUT_REASONS else "dies"
        users = failure.end - failure.start
        yield Finding(
            "poisonous_user",
            "critical",
            f"SyncUsers {what} at every attempt at chunk {failure.chunk} slice {failure.start}-{failure.end} "
            f"({attempts}{failure.reason}: {failure.detail[:160]}), while {len(places):,} other slices came through: "
            f"one of its {users:,} users is at fault",
            f"`batchctl why {data.head.run_id}{data.command_options}` shows the last log lines; "
            "UsersPerInvocation=1 in a run by hand isolates the user",
        )


def _are_few(users: list[FailedUser], data: RunData) -> bool:
    return len(users) <= max(1, min(FEW_USERS, int(FEW_SHARE * data.head.users_listed)))


def _describe_user(user: FailedUser) -> str:
    name = user.user_id or f"position {user.position}"
    return f"{name} (chunk {user.chunk}, {user.reason} in {user.function})"
