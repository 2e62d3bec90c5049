"""The run as a picture over time: each slice in its chunk, each write; shares of it where there are too many to draw."""

from collections import defaultdict
from math import ceil

from batchctl.runs.html.figure import Figure, Json, axis, time_axis
from batchctl.runs.html.time_bins import Interval, TimeBins, count_in_flight, pack_lanes
from batchctl.runs.html.words import count_words
from batchctl.runs.run_data import RunData, SliceActivity, WriteActivity

MAX_BARS = 600
MAX_LANES = 90
MAX_ROWS = 32
MAX_MARKS = 300
_LABELS = 12
_LEAST_SHARE = 0.04  # of a bar, so that a single failed user can be seen


def draw_timeline(data: RunData, bins: TimeBins) -> Figure | None:
    """Slices above by chunk, writes below; None where neither is known."""
    if not data.slices and not data.writes:
        return None
    chunks = _by_chunk(data.slices)
    bands = _pack_bands(chunks, bins.start)
    lanes = sum(band.lanes for band in bands)
    in_bars = len(data.slices) <= MAX_BARS and lanes <= MAX_LANES
    traces: list[Json] = []
    layout: Json
    if in_bars:
        traces, layout = _draw_bars(bands, lanes)
        height = 8 * lanes
    else:
        traces, layout = _draw_shares(chunks, bins)
        height = 9 * min(MAX_ROWS, len(chunks))
    write_traces, write_axis, write_height = _draw_writes(data.writes, bins)
    whole = max(height, 90) + write_height
    split = write_height / whole
    layout["yaxis"] |= {"domain": [split + 0.04, 1] if data.writes else [0, 1]}
    layout["yaxis2"] = write_axis | {"domain": [0, max(split - 0.02, 0.02)], "anchor": "x"}
    failed = sum(1 for slice_ in data.slices if slice_.failed)
    manner = "each bar is one, its end the share of failed users" if in_bars else "the darker, the more at once"
    return Figure(
        "timeline",
        f"{count_words(len(data.slices))} slices of {len(chunks):,} chunks ({manner}); {count_words(failed)} have failed users; "
        f"{count_words(len(data.writes))} writes.",
        traces + write_traces,
        layout
        | {
            "xaxis": time_axis(bins.width * bins.count, anchor="y2" if data.writes else "y"),
            "hovermode": "closest",
            "margin": {"l": 62, "r": 10, "t": 4, "b": 30},
        },
        height=34 + min(420, whole),
        follows_time=True,
    )


class _Band:
    """A chunk's slices, packed into lanes of their own."""

    def __init__(self, chunk: int, slices: list[SliceActivity], start: float) -> None:
        self.chunk = chunk
        self.slices = slices
        self.lane_of = pack_lanes([(slice_.started_at, slice_.ended_at) for slice_ in slices])
        self.lanes = max(self.lane_of) + 1
        self.start = min(slice_.started_at for slice_ in slices) - start
        self.end = max(slice_.ended_at for slice_ in slices) - start
        self.run_start = start


def _by_chunk(slices: list[SliceActivity]) -> dict[int, list[SliceActivity]]:
    chunks: dict[int, list[SliceActivity]] = defaultdict(list)
    for slice_ in sorted(slices, key=lambda slice_: slice_.started_at):
        chunks[slice_.chunk].append(slice_)
    return dict(sorted(chunks.items()))


def _pack_bands(chunks: dict[int, list[SliceActivity]], start: float) -> list[_Band]:
    return [_Band(chunk, slices, start) for chunk, slices in chunks.items()]


def _draw_bars(bands: list[_Band], lanes: int) -> tuple[list[Json], Json]:
    whole, broken = _bar_trace("var(--synced)"), _bar_trace("var(--failed)")
    grounds: list[Json] = []
    labels: dict[float, str] = {}
    below = 0
    every = max(1, ceil(len(bands) / _LABELS))
    for number, band in enumerate(bands):
        for slice_, lane in zip(band.slices, band.lane_of, strict=True):
            said = (
                f"chunk {slice_.chunk}, users {slice_.start:,} to {slice_.end - 1:,}: "
                f"{slice_.synced:,} synced, {slice_.failed:,} failed{', cold start' if slice_.cold_start else ''}"
            )
            seconds = slice_.ended_at - slice_.started_at
            at, row = slice_.started_at - band.run_start, below + lane + 0.5
            _add_bar(whole, row, at, seconds, said)
            if slice_.failed:
                share = max(_LEAST_SHARE, slice_.failed / (slice_.synced + slice_.failed))
                _add_bar(broken, row, at + seconds * (1 - share), seconds * share, said)
        grounds.append(
            {"type": "rect", "xref": "x", "yref": "y", "layer": "below", "x0": band.start, "x1": band.end,
             "y0": below, "y1": below + band.lanes, "fillcolor": "var(--ground)", "line": {"width": 0}}
        )  # fmt: skip
        if number % every == 0:
            labels[below + band.lanes / 2] = f"chunk {band.chunk}"
        below += band.lanes
    if len(grounds) > MAX_LANES:
        grounds = []
    y_axis = axis(range=[lanes, 0], tickvals=list(labels), ticktext=list(labels.values()), showgrid=False)
    return [whole, broken], {"yaxis": y_axis, "shapes": grounds}


def _add_bar(bars: Json, row: float, at: float, seconds: float, said: str) -> None:
    bars["y"].append(row)
    bars["base"].append(round(at, 3))
    bars["x"].append(round(seconds, 3))
    bars["customdata"].append(f"{said}<br>{at:.2f} s, for {seconds:.2f} s")


def _bar_trace(color: str, **own: str) -> Json:
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
    } | own


def _draw_shares(chunks: dict[int, list[SliceActivity]], bins: TimeBins) -> tuple[list[Json], Json]:
    """Rows of neighbouring chunks, columns of time: how many of their slices ran at once, and where some failed."""
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
    labels = [f"{members[0]}–{members[-1]}" if len(members) > 1 else f"{members[0]}" for members in rows]
    every = max(1, ceil(len(rows) / _LABELS))
    shares: Json = {
        "type": "heatmap",
        "x0": bins.width / 2,
        "dx": bins.width,
        "z": cells,
        "colorscale": [[0, "var(--synced-clear)"], [1, "var(--synced)"]],
        "zmin": 0,
        "showscale": False,
        "ygap": 1,
        "hovertemplate": "%{x:.2f} s: %{z:,} slices at once<extra></extra>",
    }
    marks: Json = {
        "type": "scatter",
        "mode": "markers",
        "x": [seconds for _, seconds, _ in broken],
        "y": [row for _, _, row in broken],
        "customdata": [count for count, _, _ in broken],
        "marker": {"symbol": "x-thin", "size": 6, "line": {"width": 1.5, "color": "var(--failed)"}},
        "hovertemplate": "%{x:.2f} s: %{customdata:,} users failed<extra></extra>",
    }
    y_axis = axis(
        range=[len(rows) - 0.5, -0.5],
        tickvals=list(range(0, len(rows), every)),
        ticktext=[f"ch. {label}" for label in labels[::every]],
        showgrid=False,
    )
    return [shares, marks], {"yaxis": y_axis}


def _draw_writes(writes: list[WriteActivity], bins: TimeBins) -> tuple[list[Json], Json, int]:
    """Traces, y axis and height of the part below."""
    if not writes:
        return [], axis(visible=False, range=[0, 1]), 0
    ordered = sorted(writes, key=lambda write: write.started_at)
    spans: list[Interval] = [(write.started_at, write.ended_at) for write in ordered]
    lane_of = pack_lanes(spans)
    lanes = max(lane_of) + 1
    y_axis = axis(range=[lanes, 0], tickvals=[lanes / 2], ticktext=["writes"], showgrid=False)
    if len(writes) <= MAX_BARS and lanes <= MAX_LANES // 3:
        bars = _bar_trace("var(--written)", yaxis="y2")
        for write, lane in zip(ordered, lane_of, strict=True):
            said = f"{write.rows:,} rows of {write.records:,} records, {write.refused:,} refused"
            _add_bar(bars, lane + 0.5, write.started_at - bins.start, write.ended_at - write.started_at, said)
        return [bars], y_axis, 10 + max(8 * lanes, 16)
    shares: Json = {
        "type": "heatmap",
        "yaxis": "y2",
        "x0": bins.width / 2,
        "dx": bins.width,
        "y": [0.5],
        "z": [count_in_flight(bins, spans)],
        "colorscale": [[0, "var(--written-clear)"], [1, "var(--written)"]],
        "zmin": 0,
        "showscale": False,
        "hovertemplate": "%{x:.2f} s: %{z:,} writes at once<extra></extra>",
    }
    return [shares], axis(range=[0, 1], tickvals=[0.5], ticktext=["writes"], showgrid=False), 30
