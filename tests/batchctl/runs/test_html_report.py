"""The report as HTML: what is in it, that nothing in it can act, that it stays small."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import plotly.graph_objects
import pytest

from batchctl.runs.html.embedding import embed_json, make_policy
from batchctl.runs.html.headline import find_next_command, make_shares, make_tiles, split_remedy, tell_verdict
from batchctl.runs.html.history import draw_history
from batchctl.runs.html.page import render_report, write_report
from batchctl.runs.html.state_picture import draw_states
from batchctl.runs.run_data import CostLine, FailureGroup, Finding, RunData
from tests.batchctl.runs.run_data_samples import SAMPLES, bare_run, good_run, incomplete_run, large_run, partial_run

HOSTILE = '</script><script>window.owned = 1</script><img src=x onerror="window.owned=1">\'"&<!--'
SECTIONS = ("findings", "failures", "states", "time", "latency", "cost", "invocations", "previous", "gaps", "trace")


class Page(HTMLParser):
    """Tags, texts and scripts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.scripts: dict[str, str] = {}
        self._script: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            if name in {"src", "href"}:
                self.links.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)
        if tag == "script":
            self._script = dict(attrs).get("id") or "own"

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[self._script] = data
        else:
            self.text += data

    @property
    def figures(self) -> dict[str, Any]:
        """The charts by name."""
        return dict(json.loads(self.scripts["figures"]))


def poison(data: RunData) -> RunData:
    """The run with hostile text wherever a run has text."""
    return replace(
        data,
        head=replace(data.head, run_id=HOSTILE, tenant_group=HOSTILE, redrive_of=HOSTILE),
        origin=HOSTILE,
        states=[*data.states, replace(data.states[0], name=HOSTILE)],
        slices=[replace(data.slices[0], failed=1, failed_by_reason={HOSTILE: 1}, sample_users={HOSTILE: [HOSTILE]})],
        invocations=[
            replace(
                data.invocations[0], function=HOSTILE, request_id=HOSTILE, error_type=HOSTILE, error_message=HOSTILE
            ),
        ],
        failures=[FailureGroup(HOSTILE, HOSTILE, 1, [HOSTILE], HOSTILE, HOSTILE)],
        cost=[CostLine(HOSTILE, 1.0)],
        findings=[Finding(HOSTILE, HOSTILE, HOSTILE, f"type `run {HOSTILE}`")],
        previous=[replace(data.previous[0], run_id=HOSTILE)],
        trace=replace(data.trace, trace_id=HOSTILE) if data.trace else None,
        gaps=[HOSTILE],
    )


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    """Each sample's page."""
    return {name: Page(render_report(make())) for name, make in SAMPLES.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_report_has_every_section_whatever_is_known(pages: dict[str, Page], name: str) -> None:
    assert set(SECTIONS) <= pages[name].ids


@pytest.mark.parametrize("name", SAMPLES)
def test_report_loads_nothing(pages: dict[str, Page], name: str) -> None:
    assert all(link.startswith(("#", "data:,")) for link in pages[name].links)


def test_report_says_what_could_not_be_read_when_nothing_else_is_known(pages: dict[str, Page]) -> None:
    page = pages["bare"]

    assert "closed.json: the run was never closed" in page.text
    assert page.figures == {}


def test_report_escapes_text_when_it_is_hostile() -> None:
    harmless, hostile = Page(render_report(good_run())), Page(render_report(poison(good_run())))

    assert hostile.tags.count("script") == harmless.tags.count("script") == 3
    assert "img" not in hostile.tags
    assert hostile.handlers == []
    assert hostile.text.count(HOSTILE) > 15
    assert "owned" not in json.dumps(hostile.figures)  # Plotly takes text for HTML of a kind, so it gets none


def test_embedded_json_cannot_end_its_script_when_it_holds_an_end_tag() -> None:
    embedded = embed_json({"id": HOSTILE + "\u2028"})

    assert not set("<>&\u2028") & set(embedded)
    assert json.loads(embedded) == {"id": HOSTILE + "\u2028"}


def test_policy_allows_only_what_is_in_the_page() -> None:
    policy = make_policy()

    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", SAMPLES)
def test_charts_are_valid_for_plotly(pages: dict[str, Page], name: str) -> None:
    for figure in pages[name].figures.values():
        text = re.sub(r'"var\(--font\)"', '"Inter"', json.dumps(figure))
        painted = json.loads(re.sub(r'"var\(--[a-z-]+\)"', '"#123456"', text))

        plotly.graph_objects.Figure(data=painted["data"], layout=painted["layout"])


def test_report_stays_small_when_a_run_has_ten_thousand_slices(tmp_path: Path) -> None:
    data = large_run()
    write_report(data, tmp_path / "deep" / "report.html")

    html = (tmp_path / "deep" / "report.html").read_text()
    marks = sum(
        len(trace.get("y", [])) + sum(map(len, trace.get("z", [])))
        for figure in Page(html).figures.values()
        for trace in figure["data"]
    )
    assert len(data.slices) == 10_000
    assert len(html) < 3_000_000
    assert marks < 9_000  # cells of a heatmap most of all, which is one image


def test_report_shortens_messages_when_they_are_tracebacks() -> None:
    data = good_run()
    failure = FailureGroup("ValueError", "SyncUsers", 1, ["u1"], "x" * 100_000, "")

    assert len(render_report(replace(data, failures=[failure]))) < len(render_report(data)) + 2_000


def test_report_draws_slices_that_died_when_they_left_no_line(pages: dict[str, Page]) -> None:
    layout = pages["partial"].figures["timeline"]["layout"]

    assert layout["yaxis2"]["ticktext"] == ["died"]


def test_state_picture_colours_what_failed() -> None:
    tones = {node.name: node.tone for node in draw_states(partial_run())[0].nodes}

    assert tones["ListUsers"] == "good"
    assert tones["SyncUsers"] == "warning"
    assert tones["RunClosed"] == "warning"
    assert tones["RunIncomplete"] == "idle"


def test_state_picture_claims_no_count_when_log_lines_were_not_read() -> None:
    data = good_run()
    states = [replace(state, entered=0) if state.name == "SyncUsers" else state for state in data.states]

    lines = {node.name: node.lines for node in draw_states(replace(data, states=states))[0].nodes}
    assert lines["SyncUsers"] == ["not seen"]


def test_history_leaves_out_what_no_run_knows() -> None:
    data = good_run()
    heads = [replace(head, cost_usd=None) for head in (data.head, *data.previous)]

    titles = [title for title, _ in draw_history(replace(data, head=heads[0], previous=heads[1:]))]
    assert titles == ["Duration", "Users a second", "Failed users"]


def test_state_picture_ends_incomplete_when_the_run_does() -> None:
    tones = {node.name: node.tone for node in draw_states(incomplete_run())[0].nodes}

    assert tones["RunIncomplete"] == "critical"
    assert tones["RunClosed"] == "idle"


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("good", "All 30,000 users are in the database."),
        ("incomplete", "2,250 of 30,000 users are neither written nor failed."),
        ("bare", "The run ended before it was closed: nobody has counted its users."),
    ],
)
def test_verdict_says_what_became_of_the_users(name: str, verdict: str) -> None:
    assert tell_verdict(SAMPLES[name]().head) == verdict


def test_tiles_compare_with_the_run_before() -> None:
    data = good_run()
    before = replace(data.previous[0], closed_at=data.previous[0].started_at + 3.0)

    duration = next(tile for tile in make_tiles(replace(data, previous=[before])) if tile.label == "duration")

    assert (duration.value, duration.note) == ("6.05 s", "previous 3.00 s, +102%")


def test_tiles_claim_no_count_when_a_run_died_before_it_listed() -> None:
    assert {tile.value for tile in make_tiles(bare_run())} == {"\u2013"}


def test_users_are_open_and_not_missing_while_the_run_goes_on() -> None:
    head = replace(incomplete_run().head, status="RUNNING", closed_at=None)

    labels = {tile.label: tile.tone for tile in make_tiles(replace(incomplete_run(), head=head))}
    assert labels["still open"] == ""
    assert [share.tone for share in make_shares(head)] == ["good", "open"]


def test_remedy_gives_commands_and_names_by_their_backticks() -> None:
    parts = split_remedy("edit `acme.yaml`, then `batchctl why 1`")

    assert [(part.kind, part.text) for part in parts] == [
        ("words", "edit "),
        ("code", "acme.yaml"),
        ("words", ", then "),
        ("command", "batchctl why 1"),
    ]


def test_remedy_is_plain_when_a_backtick_stands_alone() -> None:
    assert [part.kind for part in split_remedy("a ` b")] == ["words"]


def test_next_command_is_the_gravest_finding_s() -> None:
    findings = [Finding("a", "warning", "", "`batchctl a 1`"), Finding("b", "critical", "", "`batchctl b 1`")]

    assert find_next_command(replace(good_run(), findings=findings)) == "batchctl b 1"


def test_next_command_runs_the_largest_group_again_when_no_finding_has_one() -> None:
    data = replace(partial_run(), findings=[])

    assert find_next_command(data) == data.failures[0].redrive_command


def test_next_command_waits_while_the_run_goes_on() -> None:
    data = replace(partial_run(), findings=[])

    assert find_next_command(replace(data, head=replace(data.head, status="RUNNING", closed_at=None))) is None


def test_next_command_is_none_when_all_is_well() -> None:
    assert find_next_command(good_run()) is None
