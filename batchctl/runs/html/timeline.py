"""The run as a picture over time: each slice in its chunk, invocations that died, each write."""

from batchctl.runs.html.figure import Figure, Json, time_axis
from batchctl.runs.html.panel import Panel, draw_spans
from batchctl.runs.html.slice_panel import draw_slices
from batchctl.runs.html.time_bins import Interval, TimeBins
from batchctl.runs.html.words import count_words
from batchctl.runs.run_data import RunData

_GAP_PIXELS = 12
_MARGINS = {"l": 62, "r": 10, "t": 4, "b": 30}


def draw_timeline(data: RunData, bins: TimeBins) -> Figure | None:
    """The slices above, the writes below; None where nothing of it is known."""
    panels: list[Panel] = []
    said: list[str] = []
    if data.slices:
        panel, manner = draw_slices(data.slices, bins)
        panels.append(panel)
        failed = sum(1 for slice_ in data.slices if slice_.failed)
        chunks = len({slice_.chunk for slice_ in data.slices})
        said.append(f"{count_words(len(data.slices))} slices of {chunks:,} chunks ({manner})")
        said.append(f"{count_words(failed)} have failed users")
    if died := find_died(data):
        panels.append(draw_spans("died", "var(--failed)", died, ["SyncUsers ended with an error"] * len(died), bins))
        said.append(f"{count_words(len(died))} SyncUsers died without an answer")
    if data.writes:
        writes = sorted(data.writes, key=lambda write: write.started_at)
        rows = [f"{write.rows:,} rows of {write.records:,} records, {write.refused:,} refused" for write in writes]
        spans = [(write.started_at, write.ended_at) for write in writes]
        panels.append(draw_spans("writes", "var(--written)", spans, rows, bins))
        said.append(f"{count_words(len(writes))} writes")
    if not panels:
        return None
    traces, layout, height = _stack(panels)
    x_axis = time_axis(bins.width * bins.count, anchor=f"y{len(panels)}" if len(panels) > 1 else "y")
    return Figure(
        "timeline",
        "; ".join(said) + ".",
        traces,
        layout | {"xaxis": x_axis, "hovermode": "closest", "margin": _MARGINS},
        height=height,
        follows_time=True,
    )


def find_died(data: RunData) -> list[Interval]:
    """When SyncUsers ran that ended with an error: such an invocation leaves no line of its slice."""
    known = {slice_.request_id for slice_ in data.slices}
    return sorted(
        (report.ended_at - report.duration_ms / 1000, report.ended_at)
        for report in data.invocations
        if report.function == "SyncUsers" and report.error_type and report.request_id not in known
    )


def _stack(panels: list[Panel]) -> tuple[list[Json], Json, int]:
    """The panels below each other, each as high as it asks for: traces, layout, height."""
    inner = sum(panel.height for panel in panels) + _GAP_PIXELS * (len(panels) - 1)
    traces: list[Json] = []
    layout: Json = {"shapes": []}
    top = 1.0
    for number, panel in enumerate(panels, start=1):
        suffix = "" if number == 1 else str(number)
        bottom = max(0.0, top - panel.height / inner)
        traces += [trace | {"yaxis": f"y{suffix}"} for trace in panel.traces]
        layout["shapes"] += [shape | {"xref": "x", "yref": f"y{suffix}"} for shape in panel.shapes]
        layout[f"yaxis{suffix}"] = panel.y_axis | {"domain": [bottom, top], "anchor": "x"}
        top = max(0.0, bottom - _GAP_PIXELS / inner)
    return traces, layout, inner + _MARGINS["t"] + _MARGINS["b"]
