"""Every name that alarms, dashboards, saved queries and the trace group hope to find in what runs tell."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.template.dashboard_body import read_metrics, read_queries
from tests.template.resolved_template import ResolvedTemplate

# The words of Logs Insights that the queries use.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
_WORDS = {
    "and", "as", "asc", "bin", "by", "count", "desc", "display", "fields", "filter", "in", "ispresent", "latest",
    "limit", "max", "parse", "pct", "sort", "stats", "sum",
}  # fmt: skip


@dataclass(frozen=True)
class WatchedMetric:
    """A metric that somebody looks at, and where."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]  # sorted
    where: str

    @property
    def dimension_names(self) -> frozenset[str]:
        """Which dimensions it is looked up by."""
        return frozenset(name for name, _ in self.dimensions)


@dataclass(frozen=True)
class WatchedQuery:
    """A query of log lines: which phrase it filters for, if one, and which keys it needs."""

    where: str
    text: str

    @property
    def message(self) -> str | None:
        """The constant phrase of the lines that it reads."""
        found = re.search(r'\bmessage = "([^"]+)"', self.text)
        return found[1] if found else None

    @property
    def keys(self) -> set[str]:
        """Keys of log lines that it uses, those that a parse finds in the text among them."""
        parsed = set(re.findall(r"""parse @message '"(\w+)":\{\*\}'""", self.text))
        bare = re.sub(r"'[^']*'|\"[^\"]*\"|@\w+|\b\d+[a-z]?\b", " ", self.text)
        own = set(re.findall(r"\bas (\w+)", bare))
        return parsed | (set(re.findall(r"[A-Za-z_]\w*", bare)) - own - _WORDS)


def read_alarm_metrics(template: ResolvedTemplate) -> Iterator[WatchedMetric]:
    """Metrics of the alarms, those inside an expression included."""
    for name, alarm in template.of_type("AWS::CloudWatch::Alarm").items():
        metrics: Iterable[dict[str, Any]] = (
            [item["MetricStat"]["Metric"] for item in alarm["Metrics"] if "MetricStat" in item]
            if "Metrics" in alarm
            else [alarm]
        )
        for metric in metrics:
            dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
            yield WatchedMetric(metric["Namespace"], metric["MetricName"], tuple(sorted(dimensions.items())), name)


def read_shown_metrics(body: str, where: str) -> Iterator[WatchedMetric]:
    """Metrics of a dashboard."""
    for namespace, name, dimensions in read_metrics(body):
        yield WatchedMetric(namespace, name, tuple(sorted(dimensions.items())), where)


def read_saved_queries(template: ResolvedTemplate) -> Iterator[WatchedQuery]:
    """The saved queries."""
    for name, query in template.of_type("AWS::Logs::QueryDefinition").items():
        yield WatchedQuery(name, query["QueryString"])


def read_shown_queries(body: str, where: str) -> Iterator[WatchedQuery]:
    """Queries of a dashboard."""
    for number, query in enumerate(read_queries(body), start=1):
        yield WatchedQuery(f"{where}, query {number}", query)


def read_annotations(template: ResolvedTemplate) -> set[str]:
    """Annotations by which traces are grouped."""
    groups = template.of_type("AWS::XRay::Group").values()
    return {name for group in groups for name in re.findall(r"annotation\.(\w+)", group["FilterExpression"])}
