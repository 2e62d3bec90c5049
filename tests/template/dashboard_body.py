"""What a dashboard's body may look like, and what it shows.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
and, for the number of metrics, https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
"""

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_WIDGETS = 500
MAX_METRICS_OF_A_WIDGET = 500
MAX_METRICS = 2500
MAX_ALARMS_OF_A_WIDGET = 100

_TOP = {"widgets", "variables", "start", "end", "periodOverride"}
_WIDGET = {"type", "x", "y", "width", "height", "properties"}
_PROPERTIES = {
    "alarm": {"alarms", "sortBy", "states", "title"},
    "log": {"accountId", "region", "title", "query", "view"},
    "metric": {
        "accountId", "annotations", "legend", "liveData", "metrics", "period", "region", "sparkline", "stacked", "stat",
        "table", "timezone", "title", "view", "yAxis",
    },
    "text": {"markdown", "background"},
}  # fmt: skip
_REQUIRED = {
    "alarm": {"alarms"},
    "log": {"region", "query"},
    "metric": {"region", "metrics"},  # a widget of an alarm's annotation alone is not made here
    "text": {"markdown"},
}
_VIEWS = {
    "log": {"table", "timeSeries", "bar", "pie"},
    "metric": {"timeSeries", "singleValue", "gauge", "bar", "pie", "table"},
}
_RENDERING = {"accountId", "color", "expression", "id", "label", "period", "region", "stat", "visible", "yAxis"}
_STATISTIC = re.compile(r"SampleCount|Average|Sum|Minimum|Maximum|p\d{1,2}(\.\d+)?")
_ALARM_ARN = re.compile(r"arn:aws[a-z-]*:cloudwatch:[a-z0-9-]+:[0-9]{12}:alarm:.+")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def find_problems(text: str) -> list[str]:
    """Everything in which the body is not as documented, one line each."""
    try:
        body = json.loads(text)
    except ValueError as error:
        return [f"no JSON: {error}"]
    problems = [f"unknown key {key}" for key in set(body) - _TOP]
    if not re.fullmatch(r"-P(T\d+[MH]|\d+[DWM])", body.get("start", "-PT1H")):
        problems.append(f"start {body['start']}")
    if body.get("periodOverride", "auto") not in {"auto", "inherit"}:
        problems.append(f"periodOverride {body['periodOverride']}")
    widgets = body.get("widgets")
    if not isinstance(widgets, list) or len(widgets) > MAX_WIDGETS:
        return [*problems, f"widgets is no list of at most {MAX_WIDGETS}"]
    for number, widget in enumerate(widgets):
        problems += [f"widget {number} ({_title(widget)}): {problem}" for problem in _check_widget(widget)]
    count = sum(len(widget["properties"].get("metrics", [])) for widget in widgets)
    return problems + ([f"{count} metrics are more than {MAX_METRICS}"] if count > MAX_METRICS else [])


def read_metrics(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(namespace, name, dimensions) of each metric, searches included; a dimension that is searched for is "*"."""
    for widget in json.loads(text)["widgets"]:
        before: list[str] = []
        for entry in widget["properties"].get("metrics", []):
            if isinstance(entry[0], dict):
                yield from _read_search(entry[0]["expression"])
                continue
            fields = [item for item in entry if isinstance(item, str)]
            before = [before[place] if field == "." else field for place, field in enumerate(fields)]
            yield before[0], before[1], dict(zip(before[2::2], before[3::2], strict=True))


def read_queries(text: str) -> list[str]:
    """The queries of the log widgets, without their sources."""
    queries = [widget["properties"]["query"] for widget in json.loads(text)["widgets"] if widget["type"] == "log"]
    return [re.sub(r"^(SOURCE '[^']+' \| )+", "", query) for query in queries]


def _read_search(expression: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    for scheme, terms in re.findall(r"SEARCH\('\{([^}]+)\} ([^']+)'", expression):
        namespace, *names = scheme.split(",")
        given = dict(re.findall(r'(\w+)="([^"]+)"', terms))
        yield namespace, given["MetricName"], {name: given.get(name, "*") for name in names}


def _title(widget: Any) -> str:
    return str(widget.get("properties", {}).get("title", widget.get("type")))


def _check_widget(widget: dict[str, Any]) -> Iterator[str]:
    kind, properties = widget.get("type"), widget.get("properties", {})
    if kind not in _PROPERTIES:
        yield f"type {kind}"
        return
    for key in sorted(set(widget) - _WIDGET) + sorted(set(properties) - _PROPERTIES[kind]):
        yield f"unknown key {key}"
    for key in sorted(_REQUIRED[kind] - set(properties)):
        yield f"no {key}"
    if ("x" in widget) != ("y" in widget):
        yield "x without y"
    if not (1 <= widget.get("width", 6) <= 24 and 1 <= widget.get("height", 6) <= 1000):
        yield "width or height"
    if properties.get("view", "table") not in _VIEWS.get(kind, {"table"}):
        yield f"view {properties['view']}"
    if kind == "alarm":
        yield from _check_alarms(properties.get("alarms", []))
    if kind == "metric":
        yield from _check_metrics(properties)
    if kind == "log" and not re.match(r"SOURCE '[^']+' \| ", properties.get("query", "")):
        yield "the query begins with no SOURCE"


def _check_alarms(alarms: list[str]) -> Iterator[str]:
    if not 1 <= len(alarms) <= MAX_ALARMS_OF_A_WIDGET:
        yield f"{len(alarms)} alarms"
    for arn in alarms:
        if not _ALARM_ARN.fullmatch(arn):
            yield f"{arn} is no alarm"


def _check_metrics(properties: dict[str, Any]) -> Iterator[str]:
    metrics = properties.get("metrics", [])
    if not 1 <= len(metrics) <= MAX_METRICS_OF_A_WIDGET:
        yield f"{len(metrics)} metrics"
    before: list[str] = []
    for entry in [*metrics, [{key: value for key, value in properties.items() if key in {"stat", "period"}}]]:
        fields = [item for item in entry if isinstance(item, str)]
        rendering = entry[-1] if isinstance(entry[-1], dict) else {}
        if fields and (len(fields) < 2 or len(fields) % 2):
            yield f"{entry} is no namespace, name and pairs of dimensions"
        if any(field == "." and place >= len(before) for place, field in enumerate(fields)):
            yield f"{entry} repeats what was not there"
        before = fields or before
        yield from (f"{entry} has {key}" for key in sorted(set(rendering) - _RENDERING))
        if not _STATISTIC.fullmatch(rendering.get("stat", "Sum")) or rendering.get("period", 60) % 60:
            yield f"{entry}: stat or period"
        if not re.fullmatch("[a-z][A-Za-z0-9_]*", rendering.get("id", "a")):
            yield f"{entry}: id"
        if "color" in rendering and not _COLOR.fullmatch(rendering["color"]):
            yield f"{entry}: color"
