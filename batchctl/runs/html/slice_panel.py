"""The timeline's part with the slices, by chunk: a bar for each, or rows of neighbouring chunks for many."""

from collections import defaultdict
from math import ceil

from batchctl.runs.html.figure import Json, axis
from batchctl.runs.html.panel import MAX_BARS, Panel, add_bar, make_bars, make_density
from batchctl.runs.html.time_bins import TimeBins, count_in_flight, pack_lanes
from batchctl.runs.html.words import TO
from batchctl.runs.run_data import SliceActivity

MAX_LANES = 60
MAX_ROWS = 32
MAX_MARKS = 300
_LABELS = 12
_LEAST_SHARE = 0.04  # of a bar, so that a single failed user can be seen
_LANE_PIXELS = 8
_ROW_PIXELS = 9


def draw_slices(slices: list[SliceActivity], bins: TimeBins) -> tuple[Panel, str]:
    """The panel, and in words what a mark in it stands for."""
    chunks: dict[int, list[SliceActivity]] = defaultdict(list)
    for slice_ in sorted(slices, key=lambda slice_: slice_.started_at):
        chunks[slice_.chunk].append(slice_)
    ordered = dict(sorted(chunks.items()))
    lane_of = {chunk: pack_lanes([(each.started_at, each.ended_at) for each in ordered[chunk]]) for chunk in ordered}
    if len(slices) <= MAX_BARS and sum(max(lanes) + 1 for lanes in lane_of.values()) <= MAX_LANES:
        return _draw_bars(ordered, lane_of, bins), "each bar is one, its end the share of failed users"
    return _draw_density(ordered, bins), "rows are chunks; the stronger, the more at once"


def _draw_bars(chunks: dict[int, list[SliceActivity]], lane_of: dict[int, list[int]], bins: TimeBins) -> Panel:
    whole, broken = make_bars("var(--synced)"), make_bars("var(--failed)")
    grounds: list[Json] = []
    labels: dict[float, str] = {}
    every = ceil(len(chunks) / _LABELS)
    below = 0
    for number, (chunk, slices) in enumerate(chunks.items()):
        for slice_, lane in zip(slices, lane_of[chunk], strict=True):
            _add_slice(whole, broken, below + lane + 0.5, slice_, bins.start)
        lanes = max(lane_of[chunk]) + 1
        grounds.append(
            {
                "type": "rect",
                "layer": "below",
                "x0": slices[0].started_at - bins.start,
                "x1": max(slice_.ended_at for slice_ in slices) - bins.start,
                "y0": below,
                "y1": below + lanes,
                "fillcolor": "var(--ground)",
                "line": {"width": 0},
            }
        )
        if number % every == 0:
            labels[below + lanes / 2] = f"chunk {chunk}"
        below += lanes
    y_axis = axis(range=[below, 0], tickvals=list(labels), ticktext=list(labels.values()), showgrid=False)
    return Panel([whole, broken], y_axis, grounds, max(_LANE_PIXELS * below, 24))


def _add_slice(whole: Json, broken: Json, row: float, slice_: SliceActivity, start: float) -> None:
    said = (
        f"chunk {slice_.chunk}, users {slice_.start:,} to {slice_.end - 1:,}: "
        f"{slice_.synced:,} synced, {slice_.failed:,} failed{', cold start' if slice_.cold_start else ''}"
    )
    at, seconds = slice_.started_at - start, slice_.ended_at - slice_.started_at
    add_bar(whole, row, at, seconds, said)
    if slice_.failed:
        share = max(_LEAST_SHARE, slice_.failed / (slice_.synced + slice_.failed))
        add_bar(broken, row, at + seconds * (1 - share), seconds * share, said)


def _draw_density(chunks: dict[int, list[SliceActivity]], bins: TimeBins) -> Panel:
    """Rows of neighbouring chunks: how many of their slices ran at once, and where users failed."""
    numbers = list(chunks)
    together = ceil(len(numbers) / MAX_ROWS)
    rows = [numbers[first : first + together] for first in range(0, len(numbers), together)]
    cells = []
    broken: list[tuple[int, float, int]] = []  # failed users, seconds, row
    for row, members in enumerate(rows):
        slices = [slice_ for chunk in members for slice_ in chunks[chunk]]
        cells.append(count_in_flight(bins, ((slice_.started_at, slice_.ended_at) for slice_ in slices)))
        failed: dict[int, int] = defaultdict(int)
        for slice_ in slices:
            if slice_.failed:
                failed[bins.number(slice_.ended_at)] += slice_.failed
        broken += [(count, (number + 0.5) * bins.width, row) for number, count in failed.items()]
    broken = sorted(broken, reverse=True)[:MAX_MARKS]
    marks: Json = {
        "type": "scatter",
        "mode": "markers",
        "x": [seconds for _, seconds, _ in broken],
        "y": [row for _, _, row in broken],
        "customdata": [count for count, _, _ in broken],
        "marker": {"symbol": "x-thin", "size": 6, "line": {"width": 1.5, "color": "var(--failed)"}},
        "hovertemplate": "%{x:.2f} s: %{customdata:,} users failed<extra></extra>",
    }
    labels = [f"{row[0]}{TO}{row[-1]}" if len(row) > 1 else f"{row[0]}" for row in rows]
    every = ceil(len(rows) / _LABELS)
    y_axis = axis(
        range=[len(rows) - 0.5, -0.5],
        tickvals=list(range(0, len(rows), every)),
        ticktext=labels[::every],
        showgrid=False,
    )
    return Panel([make_density("var(--synced)", cells, bins), marks], y_axis, [], max(_ROW_PIXELS * len(rows), 24))
