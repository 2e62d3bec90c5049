"""Whether groups that share a partner's limits find one table, in time, and say the same of the partner."""

from collections.abc import Iterator, Mapping, Sequence

from batchctl.groups.group import TenantGroup

_TABLE = "PartnerLimitTableName"
_NUMBERS = ("CallsPerSecond", "PartnerCallsInFlight")


def check_partner_limits(groups: Sequence[TenantGroup], defaults: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(group's name, problem) for each table of limits that is not there, and for numbers that differ."""
    values = {group.name: {**defaults, **group.parameters} for group in groups}
    # Who says first what holds for a partner: the group that has the table.
    first = {
        (*_place(group), table_of(group), values[group.name]["PartnerName"]): group
        for group in groups
        if _makes_table(values[group.name])
    }
    for group in groups:
        own = values[group.name]
        if not own[_TABLE]:
            continue
        yield from ((group.name, problem) for problem in _check_table(group, own[_TABLE], groups, values))
        other = first.setdefault((*_place(group), own[_TABLE], own["PartnerName"]), group)
        for name in _NUMBERS:
            theirs = values[other.name][name]
            if own[name] != theirs:
                yield (
                    group.name,
                    f"parameters.{name}: {own[name]} is not the {theirs} of {other.name}, with which it shares the"
                    f" limits of {own['PartnerName']}: give the same",
                )


def table_of(group: TenantGroup) -> str:
    """The name that template.yaml gives to a table of the group's own."""
    return f"{group.stack_name}-PartnerLimits"


def _check_table(
    group: TenantGroup, table: str, groups: Sequence[TenantGroup], values: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    namesakes = [other for other in groups if table_of(other) == table]
    owner = next((other for other in namesakes if _place(other) == _place(group)), None)
    if owner is None and namesakes:
        other = namesakes[0]
        yield (
            f"parameters.{_TABLE}: {table} is of {other.name} in account {other.account}, {other.region}: limits are"
            " shared in one account and region alone, so give each place its part of the rate"
        )
    elif owner is None:
        yield (
            f"parameters.{_TABLE}: no group has {table} in account {group.account}, {group.region}: expected"
            " <stack>-PartnerLimits of another group there"
        )
    elif not _makes_table(values[owner.name]):
        yield (
            f"parameters.{_TABLE}: {owner.name} makes no table of its own: it needs {' or '.join(_NUMBERS)}"
            f" and no {_TABLE}"
        )
    elif owner.wave >= group.wave:
        # A run without its table calls for nobody, and the smoke run of a release fails.
        yield (
            f"parameters.{_TABLE}: {owner.name} makes {table} in wave {owner.wave}, and this group, in wave"
            f" {group.wave}, needs it before: give that one an earlier wave"
        )


def _makes_table(values: Mapping[str, str]) -> bool:
    return not values[_TABLE] and any(values[name] != "0" for name in _NUMBERS)


def _place(group: TenantGroup) -> tuple[str, str]:
    return group.account, group.region
