"""The dashboards that show all tenant groups, rendered out of pipeline/fleet-dashboard.yaml.

Every group has lines of its own, and none a number of its own, so that a new group adds its lines and moves no others.
"""

import copy
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from batchctl.groups.errors import RenderError
from batchctl.groups.group import TenantGroup
from batchctl.groups.yaml_text import LiteralText

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
MAX_WIDGETS = 500
ALARMS_PER_WIDGET = 100
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
MAX_METRICS = 2500

_DASHBOARD = "Fleet"
_ALARMS = '["<alarms>"]'
_TROUBLE = "-GroupInTrouble"  # template.yaml's GroupInTroubleAlarm
_CONSOLE = "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#"


def render_fleet(groups: Sequence[TenantGroup], base: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, Any]:
    """The template of the dashboards; `defaults` are those of template.yaml's parameters."""
    template = copy.deepcopy(dict(base))
    try:
        dashboard = template["Resources"][_DASHBOARD]
        name = dashboard["Properties"]["DashboardName"]["Ref"]
        body = json.loads(dashboard["Properties"]["DashboardBody"]["Fn::Sub"])
        widgets = [json.dumps(widget, ensure_ascii=False) for widget in body.pop("widgets")]
    except (KeyError, TypeError, ValueError) as error:
        raise RenderError(
            "the base of the fleet's dashboard has no resource Fleet with a DashboardName by Ref and, by Fn::Sub, a"
            f" DashboardBody of JSON with widgets: {error}"
        ) from error
    for number, shown in enumerate(_divide(sorted(groups, key=lambda group: group.name), widgets), start=1):
        properties = dict(dashboard["Properties"])
        if number > 1:
            properties["DashboardName"] = {"Fn::Sub": f"${{{name}}}-{number}"}
        lines = _fill_widgets(widgets, shown, defaults)
        properties["DashboardBody"] = {"Fn::Sub": LiteralText(_join_body(body, lines))}
        suffix = "" if number == 1 else str(number)
        template["Resources"][f"{_DASHBOARD}{suffix}"] = {**dashboard, "Properties": properties}
    return template


def _divide(groups: Sequence[TenantGroup], widgets: Sequence[str]) -> Iterator[list[TenantGroup]]:
    """As many groups for each dashboard as it takes: some 240, with the lists of their alarms."""
    kinds = Counter(map(_find_kind, widgets))
    row = [json.loads(widget) for widget in widgets if _find_kind(widget) == "group"]
    metrics = sum(len(widget["properties"].get("metrics", [])) for widget in row)
    shown: list[TenantGroup] = []
    places: Counter[tuple[str, str]] = Counter()
    for group in groups:
        places[group.account, group.region] += 1
        lists = kinds["alarms"] * sum(math.ceil(count / ALARMS_PER_WIDGET) for count in places.values())
        needed = kinds["once"] + lists + kinds["group"] * (len(shown) + 1)
        if shown and (needed > MAX_WIDGETS or metrics * (len(shown) + 1) > MAX_METRICS):
            yield shown
            shown, places = [], Counter([(group.account, group.region)])
        shown.append(group)
    yield shown


def _join_body(head: Mapping[str, Any], widgets: Iterator[str]) -> str:
    # The comma stands before a widget and not behind the one above it, which would change with it.
    opened = json.dumps({**head, "widgets": []}).removesuffix("]}")
    return opened + "\n" + "\n, ".join(widgets) + "\n]}\n"


def _fill_widgets(widgets: Sequence[str], groups: Sequence[TenantGroup], defaults: Mapping[str, str]) -> Iterator[str]:
    """Each widget as JSON: those of the base once, or once for each place or group that they are about."""
    for kind, pattern in groupby(widgets, _find_kind):
        if kind == "alarms":
            for widget in pattern:
                yield from _fill_alarms(widget, groups, defaults)
        elif kind == "group":
            row = list(pattern)
            yield from (_fill(widget, group, defaults) for group in groups for widget in row)
        else:
            yield from pattern


def _find_kind(widget: str) -> str:
    if _ALARMS in widget:
        return "alarms"
    return "group" if "<group>" in widget else "once"


def _fill_alarms(widget: str, groups: Sequence[TenantGroup], defaults: Mapping[str, str]) -> Iterator[str]:
    places: dict[tuple[str, str], list[TenantGroup]] = {}
    for group in groups:
        if _value(group, "Alarms", defaults) == "Active":
            places.setdefault((group.account, group.region), []).append(group)
    for _, members in sorted(places.items()):
        for start in range(0, len(members), ALARMS_PER_WIDGET):
            arns = [
                f'"arn:${{AWS::Partition}}:cloudwatch:{group.region}:{group.account}:alarm:{group.stack_name}{_TROUBLE}"'
                for group in members[start : start + ALARMS_PER_WIDGET]
            ]
            # Each comma has a line of its own for the same reason.
            listed = "[\n" + "\n,\n".join(arns) + "\n]"
            yield _fill(widget, members[start], defaults).replace(_ALARMS, listed)


def _fill(widget: str, group: TenantGroup, defaults: Mapping[str, str]) -> str:
    console = _CONSOLE.format(region=group.region)
    has_dashboard = _value(group, "Dashboard", defaults) == "Active"
    dashboard = f"dashboards/dashboard/{group.stack_name}-{group.region}"
    alarms = f"alarmsV2:?search={group.stack_name}"
    values = {
        "<group>": group.name,
        "<stack>": group.stack_name,
        "<account>": group.account,
        "<region>": group.region,
        "<link>": console + (dashboard if has_dashboard else alarms),
    }
    for placeholder, value in values.items():
        widget = widget.replace(placeholder, value)
    return widget


def _value(group: TenantGroup, parameter: str, defaults: Mapping[str, str]) -> str:
    return group.parameters.get(parameter, defaults.get(parameter, ""))
