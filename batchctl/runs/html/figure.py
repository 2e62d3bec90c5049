"""A chart as Plotly's JSON, and what all charts have in common.

Colours are names of CSS variables, "var(--synced)": report.js puts in the colours of the reader's light or dark scheme.
A chart holds numbers and our own words alone: Plotly takes text for a kind of HTML, so no text of a run goes into one.
"""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One chart; `summary` says in a sentence what it shows, for the caption and for screen readers."""

    name: str
    summary: str
    traces: list[Json]
    layout: Json
    height: int = 180
    follows_time: bool = False  # its x axis is the run's time: charts with one zoom together

    def to_json(self) -> Json:
        """What report.js draws."""
        layout: Json = {
            "height": self.height,
            "margin": {"l": 62 if self.follows_time else 44, "r": 10, "t": 8, "b": 30},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "var(--font)", "size": 11.5, "color": "var(--muted)"},
            "showlegend": False,
            "hovermode": "x unified" if self.follows_time else "closest",
            "hoverlabel": {
                "bgcolor": "var(--surface)",
                "bordercolor": "var(--line)",
                "font": {"family": "var(--font)", "size": 12, "color": "var(--ink)"},
            },
            "barmode": "overlay",
        } | self.layout
        return {"data": self.traces, "layout": layout, "followsTime": self.follows_time}


def axis(**own: Any) -> Json:
    """An axis in the report's look."""
    return {
        "gridcolor": "var(--grid)",
        "linecolor": "var(--line)",
        "tickcolor": "rgba(0,0,0,0)",
        "zeroline": False,
        "showline": False,
        "ticks": "outside",
        "ticklen": 5,
        "automargin": False,
        "fixedrange": True,
        "nticks": 6,
    } | own


def time_axis(seconds: float, **own: Any) -> Json:
    """The run's time from its start, the same on each chart that has it."""
    return axis(range=[0, seconds], ticksuffix=" s", fixedrange=False, hoverformat=".2f", nticks=9, showgrid=True) | own


def line_trace(x: list[float], y: list[Any], name: str, color: str, **own: Any) -> Json:
    """A stepped line: a value holds from its bin's edge to the next."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": {"color": color, "width": 1.6, "shape": "hv"},
        "hovertemplate": "%{y:,.0f} " + name + "<extra></extra>",
    } | own
