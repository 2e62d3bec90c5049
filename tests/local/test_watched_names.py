"""Both sides: what alarms, dashboards, queries and trace group look for is emitted, and what is emitted is looked at.

One side is a real run of the real functions; the other is template.yaml, and the dashboard of all groups.
"""

import json
import re

import pytest

from batchctl.cost import watching
from batchctl.groups.project import Project
from batchctl.local.options import LocalOptions
from emulator.stack.template_file import read_template
from tests.local.background_stack import BackgroundStack
from tests.local.emitted import Emitted, run_for_everything
from tests.template.project_template import EXISTING_PROXY
from tests.template.resolved_template import ResolvedTemplate
from tests.template.watched_names import (
    WatchedMetric,
    WatchedQuery,
    read_alarm_metrics,
    read_annotations,
    read_saved_queries,
    read_shown_metrics,
    read_shown_queries,
)

_TEMPLATE = ResolvedTemplate({**EXISTING_PROXY, "Dashboard": "Active"})
_BODY = _TEMPLATE.properties("GroupDashboard")["DashboardBody"]
_FLEET = read_template(Project().rendered_fleet)["Resources"]["Fleet"]["Properties"]["DashboardBody"]["Fn::Sub"]
_QUERIES = [*read_saved_queries(_TEMPLATE), *read_shown_queries(_BODY, "GroupDashboard")]
# Emitted, and shown by nothing, each with its reason.
_UNWATCHED_METRICS: dict[str, str] = {}
_UNWATCHED_MESSAGES = {
    "users listed": "RunsQuery has its numbers from `run closed`; OneRunQuery shows it with all others",
    "run already started": "nothing is wrong: a start was delivered twice; OneRunQuery shows it",
}


def _watched_metrics() -> list[WatchedMetric]:
    return [
        *read_alarm_metrics(_TEMPLATE),
        *read_shown_metrics(_BODY, "GroupDashboard"),
        *read_shown_metrics(_FLEET, "Fleet"),
    ]


@pytest.fixture(scope="module")
def emitted() -> Emitted:
    """Everything that one run with failures told."""
    options = LocalOptions(
        users=200,
        users_per_invocation=40,
        api_latency_ms=5,
        parameters={"Metrics": "Active", "Tracing": "Active", "CloseRunWaitSeconds": "20"},
    )
    with BackgroundStack(options) as stack:
        return run_for_everything(stack)


def test_every_watched_metric_is_emitted(emitted: Emitted) -> None:
    own = [metric for metric in _watched_metrics() if not metric.namespace.startswith("AWS/")]

    lost = [
        (metric.where, metric.name)
        for metric in own
        if (metric.namespace, metric.name, metric.dimension_names) not in emitted.metrics
    ]
    assert lost == []
    assert {metric.where for metric in own} >= {"UsersFailedAlarm", "GroupDashboard", "Fleet"}


def test_every_emitted_metric_is_watched(emitted: Emitted) -> None:
    watched = {(metric.namespace, metric.name, metric.dimension_names) for metric in _watched_metrics()}

    unseen = {name for namespace, name, names in emitted.metrics if (namespace, name, names) not in watched}
    assert unseen == set(_UNWATCHED_METRICS)


@pytest.mark.parametrize("query", _QUERIES, ids=lambda query: query.where)
def test_every_query_asks_for_lines_and_keys_that_there_are(emitted: Emitted, query: WatchedQuery) -> None:
    messages = [query.message] if query.message else list(emitted.keys)
    assert set(messages) <= set(emitted.keys)

    known = {key for message in messages for key in emitted.keys[message]}
    assert query.keys - known == set()


def test_texts_that_queries_parse_stand_in_the_lines_as_they_expect(emitted: Emitted) -> None:
    parsed = {name for query in _QUERIES for name in re.findall(r"""parse @message '"(\w+)":\{\*\}'""", query.text)}
    (failed,) = [line for line in emitted.lines if '"slice synced"' in line and json.loads(line)["failed"] > 0]

    found = {name: re.search(rf'"{name}":{{(.*?)}}', failed) for name in parsed}
    assert {name: match and match[1] for name, match in found.items()} == {
        "failed_by_reason": '"ApiRejectedError":1',
        "sample_users": '"ApiRejectedError":["user-0000007"]',
    }


def test_every_kind_of_line_is_asked_for_or_has_a_reason_not_to_be(emitted: Emitted) -> None:
    asked = {query.message for query in _QUERIES}

    assert set(emitted.keys) - asked == set(_UNWATCHED_MESSAGES)


def test_trace_group_asks_for_an_annotation_that_there_is(emitted: Emitted) -> None:
    assert read_annotations(_TEMPLATE)
    assert read_annotations(_TEMPLATE) - emitted.annotations == set()


def test_price_of_the_metrics_is_that_of_those_that_are_emitted(emitted: Emitted) -> None:
    assert len([names for _, _, names in emitted.metrics if "Reason" not in names]) == watching.METRICS


def test_price_of_the_logs_is_about_that_of_the_lines_that_are_written(emitted: Emitted) -> None:
    # Numbers have more or fewer digits, and a second start has a line alone: within a third.
    logs, metrics = emitted.log_bytes, emitted.metrics_bytes
    assert pytest.approx(logs["SyncUsers"], rel=0.33) == watching.SLICE_LOG_BYTES
    assert pytest.approx(logs["WriteRows"], rel=0.33) == watching.WRITE_LOG_BYTES
    assert pytest.approx(logs["ListUsers"] + logs["CloseRun"], rel=0.33) == watching.RUN_LOG_BYTES
    # Slices of 40 users have fewer latencies to tell than those of 250.
    assert watching.SLICE_METRICS_BYTES / 2 < metrics["SyncUsers"] < watching.SLICE_METRICS_BYTES
    assert watching.WRITE_METRICS_BYTES / 2 < metrics["WriteRows"] < 1.33 * watching.WRITE_METRICS_BYTES
