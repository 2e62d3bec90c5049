"""The report as one HTML file that needs no network. docs/reference/run-report.md says what each part shows."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from batchctl.runs.html import embedding, headline, tables, words
from batchctl.runs.html.figure import Figure
from batchctl.runs.html.history import draw_history
from batchctl.runs.html.latency_chart import draw_latency
from batchctl.runs.html.state_picture import draw_states
from batchctl.runs.html.time_bins import TimeBins, make_bins
from batchctl.runs.html.time_charts import draw_borrow, draw_slices_in_flight, draw_throughput, draw_writers
from batchctl.runs.html.timeline import draw_timeline
from batchctl.runs.run_data import RunData


def write_report(data: RunData, path: Path) -> None:
    """The report of the run, written to `path`; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report(data), encoding="utf-8")


def render_report(data: RunData) -> str:
    """The page."""
    bins = cover_run(data)
    over_time: list[tuple[str, Figure | None]] = [
        ("Slices and writes", draw_timeline(data, bins)),
        ("Throughput", draw_throughput(data, bins)),
        ("Slices in flight", draw_slices_in_flight(data, bins)),
        ("Writers", draw_writers(data, bins)),
        ("Connections", draw_borrow(data, bins)),
    ]
    latency = draw_latency(data.slices)
    history = draw_history(data)
    figures = [figure for _, figure in over_time if figure] + [figure for _, figure in history]
    figures += [latency] if latency else []
    # Everything that the template is given is escaped, but for what is marked as safe here.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        data=data,
        head=data.head,
        words=words,
        tone=headline.tell_tone(data.head),
        verdict=headline.tell_verdict(data.head),
        tiles=headline.make_tiles(data),
        shares=headline.make_shares(data.head),
        findings=headline.sort_findings(data.findings),
        next_command=headline.find_next_command(data),
        failures=tables.make_failure_rows(data.failures),
        pictures=draw_states(data),
        over_time=[(title, figure) for title, figure in over_time if figure],
        latency=latency,
        history=history,
        cost=tables.make_cost_rows(data),
        functions=tables.make_function_rows(data.invocations),
        slowest=tables.make_slowest_rows(data.invocations),
        errors=tables.make_error_rows(data.invocations),
        policy=embedding.make_policy(),
        style=Markup(embedding.read_asset("report.css")),  # noqa: S704  # our own file
        script=Markup(embedding.read_asset("report.js")),  # noqa: S704  # our own file
        plotly_styles=embedding.find_plotly_styles(),
        plotly=Markup(embedding.pack_plotly() if figures else ""),  # noqa: S704  # base64
        figures=Markup(embedding.embed_json({figure.name: figure.to_json() for figure in figures})),  # noqa: S704  # escaped for a script tag
    )


def cover_run(data: RunData) -> TimeBins:
    """Bins from the run's start to the last thing that is known of it, however late it was."""
    ends = [slice_.ended_at for slice_ in data.slices] + [write.ended_at for write in data.writes]
    ends += [data.head.closed_at] if data.head.closed_at is not None else []
    return make_bins(data.head.started_at, max(ends, default=data.head.started_at + 1.0))
