"""The figures as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl  # type: ignore[import-not-found]  # of requirements/bench.txt alone
from matplotlib.figure import Figure  # type: ignore[import-not-found]

from bench.measure import Turn
from bench.report import find_title, summarise

PANELS = (
    ("users a second", "users_per_second", "{:,.0f}"),
    ("CPU ms a user, run", "cpu_ms_per_user", "{:.2f}"),
    ("peak memory, MB", "peak_memory_mb", "{:,.0f}"),
)
_COLOUR = "#3b6fb5"
_OTHER_COLOUR = "#9aa5b1"


def draw_plot(folder: Path, turns: Sequence[Turn], machine: Mapping[str, str], latency_ms: float) -> None:
    """bench.svg and bench.png in `folder`: medians as bars, each turn as a dot."""
    mpl.rcParams["svg.hashsalt"] = "bench"  # the same figures give the same file
    names = list(summarise(turns))
    medians = summarise(turns)
    figure = Figure(figsize=(11, 1.6 + 0.5 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True, squeeze=False)[0]
    for axes, (title, field, form) in zip(panels, PANELS, strict=True):
        values = [medians[name][field] for name in names]
        colours = [_COLOUR if name in {"express_batch", "lambda_per_user"} else _OTHER_COLOUR for name in names]
        axes.barh([find_title(name) for name in names], values, color=colours, height=0.6)
        end = max(getattr(turn, field) for turn in turns)
        for name, value in zip(names, values, strict=True):
            own = [getattr(turn, field) for turn in turns if turn.contender == name]
            axes.plot(own, [find_title(name)] * len(own), "o", color="black", markersize=2.5, alpha=0.6)
            axes.text(max(own) + end * 0.03, find_title(name), form.format(value), va="center", fontsize=9)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlim(0, end * 1.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    figure.suptitle(
        f"{max(turn.users for turn in turns):,} users, {latency_ms:g} ms API latency, {machine['cores']} cores "
        f"({machine['processor']}), {machine['date']}",
        fontsize=9,
        x=0.01,
        ha="left",
    )
    figure.savefig(folder / "bench.svg", metadata={"Date": None})
    figure.savefig(folder / "bench.png", dpi=130)
