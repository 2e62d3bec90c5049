"""What an operator should look at in a run: each finder takes the run's data alone and gives findings or nothing."""

from batchctl.runs.findings.account import find_missing_users, find_never_closed
from batchctl.runs.findings.concurrency import find_cap_reached, find_cap_unused, find_cold_starts
from batchctl.runs.findings.limits import find_memory_near_limit, find_near_time_limit
from batchctl.runs.findings.partner import find_partner_down, find_slow_partner, find_throttled_partner
from batchctl.runs.findings.poison import find_poisonous_slices, find_poisonous_users
from batchctl.runs.findings.timeouts import find_slice_timeouts, find_time_left
from batchctl.runs.findings.writer import find_lagging_writer
from batchctl.runs.run_data import SEVERITIES, Finding, RunData

FINDERS = (
    find_never_closed,
    find_missing_users,
    find_slice_timeouts,
    find_time_left,
    find_poisonous_slices,
    find_poisonous_users,
    find_partner_down,
    find_slow_partner,
    find_throttled_partner,
    find_lagging_writer,
    find_near_time_limit,
    find_memory_near_limit,
    find_cap_reached,
    find_cap_unused,
    find_cold_starts,
)


def find_all(data: RunData) -> list[Finding]:
    """All findings of the run, the gravest first."""
    found = [finding for find in FINDERS for finding in find(data)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
