"""What is wrong with tenant groups, held to template.yaml and to each other."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from batchctl.groups.expected_runs import check_expected_runs
from batchctl.groups.group import CANARY_WAVE, RESERVED_STACKS, TenantGroup
from batchctl.groups.group_file import suggest
from emulator.identity import Identity
from emulator.stack import ParameterError
from emulator.stack.intrinsics import Resolver
from emulator.stack.parameters import resolve_parameters
from emulator.stack.rules import check_rules

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


def check_group(group: TenantGroup, template: Mapping[str, Any]) -> list[str]:
    """What the template refuses in one group, one line a problem."""
    problems = list(_check_region(group.region, template.get("Mappings") or {}))
    # Its roles' names would begin as that stack's do, which CloudFormation may not touch for a group.
    problems += [
        f"stack: {group.stack_name} is called like {reserved}, which is no group's: give it another name"
        for reserved in RESERVED_STACKS
        if f"{group.stack_name}-".startswith(f"{reserved}-")
    ]
    declared: Mapping[str, Mapping[str, Any]] = template["Parameters"]
    known = {}
    for name, value in group.parameters.items():
        if name not in declared:
            problems.append(f"parameters.{name}: is unknown to template.yaml{suggest(name, declared)}")
        elif str(declared[name].get("NoEcho", "false")).lower() == "true":
            problems.append(
                f"parameters.{name}: is a secret (NoEcho), and what is rendered is committed: take the secret from"
                " Secrets Manager or log in by IAM"
            )
        else:
            known[name] = value
    defaults = {name: str(item["Default"]) for name, item in declared.items() if "Default" in item}
    return [*problems, *check_expected_runs(group, defaults), *_check_values(group, known, template)]


def _check_values(group: TenantGroup, known: Mapping[str, str], template: Mapping[str, Any]) -> list[str]:
    try:
        values = resolve_parameters(template["Parameters"], known)
        identity = Identity(region=group.region, account_id=group.account)
        resolver = Resolver(template, values, stack_name=group.stack_name, identity=identity, imports={})
        check_rules(template.get("Rules") or {}, resolver)
    except ParameterError as error:
        return [_name_parameter(problem) for problem in error.problems]
    return []


def check_waves(groups: Sequence[TenantGroup]) -> Iterator[str]:
    """What is wrong with the waves, which is about all groups."""
    members = defaultdict(list)
    for group in groups:
        members[group.wave].append(group.name)
    if groups and CANARY_WAVE not in members:
        yield "no group has wave 0, the canary: give it to the smallest one, where a bad release has to stop"
    last = max(members, default=0)
    for wave in range(1, last):
        if wave not in members:
            yield f"wave {wave} has no group, although wave {last} has: number the waves without a gap"


def check_unique(groups: Sequence[TenantGroup]) -> Iterator[tuple[str, str]]:
    """(group's name, problem) for what two groups both claim."""
    first: dict[tuple[str, str, str, str], str] = {}
    for group in groups:
        claims = [("stack", group.stack_name, "the stack's name")]
        # Route tables take one gateway endpoint, so a second stack that creates it fails in the middle of a deploy.
        tables = group.parameters.get("RouteTableIds", "").split(",")
        claims += [("parameters.RouteTableIds", table.strip(), "the S3 endpoint") for table in tables if table.strip()]
        for key, value, what in claims:
            other = first.setdefault((key, value, group.account, group.region), group.name)
            if other != group.name:
                yield (
                    group.name,
                    f"{key}: {value} is taken by {other} in account {group.account}, {group.region}:"
                    f" {what} is for one group alone",
                )


def _check_region(region: str, mappings: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, entries in mappings.items():
        if all(_REGION.fullmatch(key) for key in entries) and region not in entries:
            yield f"region: {region} is not in template.yaml's Mappings.{name}: add its line there"


def _name_parameter(problem: str) -> str:
    # "parameter ChunkSize: value '0' is below ..." -> "parameters.ChunkSize: 0 is below ..."
    problem = re.sub(r"^parameter (\w+): value '(.*?)' ", r"parameters.\1: \2 ", problem)
    problem = re.sub(r"^parameter (\w+) ", r"parameters.\1: ", problem)
    problem = re.sub(r"^rule ", "parameters: rule ", problem)
    return problem.replace("parameters.TenantGroup: ", "the group's name: ", 1)
