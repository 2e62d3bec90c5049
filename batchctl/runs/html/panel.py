"""A part of the timeline: rows over the run's time, with a y axis of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from batchctl.runs.html.figure import Json, axis
from batchctl.runs.html.time_bins import Interval, TimeBins, count_in_flight, pack_lanes

MAX_BARS = 600
_MAX_LANES = 30
_LANE_PIXELS = 8


@dataclass(frozen=True)
class Panel:
    """Traces without their axis, which the timeline gives them."""

    traces: list[Json]
    y_axis: Json
    shapes: list[Json]
    height: int


def draw_spans(label: str, color: str, spans: Sequence[Interval], said: Sequence[str], bins: TimeBins) -> Panel:
    """A bar for each span, given in the order of their starts; how many at once where they are too many."""
    lane_of = pack_lanes(spans)
    lanes = max(lane_of) + 1
    if len(spans) <= MAX_BARS and lanes <= _MAX_LANES:
        bars = make_bars(color)
        for (start, end), words, lane in zip(spans, said, lane_of, strict=True):
            add_bar(bars, lane + 0.5, start - bins.start, end - start, words)
        y_axis = axis(range=[lanes, 0], tickvals=[lanes / 2], ticktext=[label], showgrid=False)
        return Panel([bars], y_axis, [], max(_LANE_PIXELS * lanes, 14))
    density = make_density(color, [count_in_flight(bins, spans)], bins) | {"y": [0.5]}
    return Panel([density], axis(range=[0, 1], tickvals=[0.5], ticktext=[label], showgrid=False), [], 24)


def make_bars(color: str) -> Json:
    """A trace to which add_bar adds."""
    return {
        "type": "bar",
        "orientation": "h",
        "x": [],
        "y": [],
        "base": [],
        "customdata": [],
        "width": 0.8,
        "marker": {"color": color, "line": {"width": 0}},
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def add_bar(bars: Json, row: float, at: float, seconds: float, said: str) -> None:
    """A bar from second `at` of the run on."""
    bars["y"].append(row)
    bars["base"].append(round(at, 3))
    bars["x"].append(round(seconds, 3))
    bars["customdata"].append(f"{said}<br>{at:.2f} s, for {seconds:.2f} s")


def make_density(color: str, cells: list[list[int]], bins: TimeBins) -> Json:
    """Rows of counts over time, the stronger the more."""
    return {
        "type": "heatmap",
        "x0": bins.width / 2,
        "dx": bins.width,
        "z": cells,
        "colorscale": [[0, color.replace(")", "-clear)")], [1, color]],
        "zmin": 0,
        "showscale": False,
        "ygap": 1,
        "hovertemplate": "%{x:.2f} s: %{z:,} at once<extra></extra>",
    }
