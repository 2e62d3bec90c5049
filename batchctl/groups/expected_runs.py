"""Whether the alarm on missing runs fits the schedule, which CloudFormation cannot compare."""

import re
from collections.abc import Iterator, Mapping

from batchctl.groups.group import TenantGroup

_RATE = re.compile(r"rate\(([0-9]+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}
_SPARE_MINUTES = 5
_LONGEST_MINUTES = 24 * 60  # that an alarm can look back


def check_expected_runs(group: TenantGroup, defaults: Mapping[str, str]) -> Iterator[str]:
    """What is wrong where the alarm would ring between two runs of a rate(...); a cron(...) is taken as it is."""
    values = {**defaults, **group.parameters}
    rate = _RATE.fullmatch(values.get("ScheduleExpression", ""))
    expected = values.get("ExpectedRunMinutes", "0")
    if rate is None or not expected.isdecimal():  # a wrong value has a problem of its own
        return
    interval = int(rate[1]) * _MINUTES[rate[2]]
    if 0 < int(expected) <= interval:
        wanted = 2 * interval + _SPARE_MINUTES
        remedy = f"{wanted}, two intervals and some" if wanted <= _LONGEST_MINUTES else "0, which makes no alarm"
        yield f"parameters.ExpectedRunMinutes: {expected} rings between two runs of {rate[0]}: give {remedy}"
