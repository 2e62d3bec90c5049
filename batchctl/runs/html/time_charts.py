"""What went on at the same time: throughput, slices and writers against their caps, waiting for a connection."""

from math import ceil

from batchctl.runs.html.figure import Figure, Json, axis, line_trace, time_axis
from batchctl.runs.html.time_bins import TimeBins, count_in_flight, highest, spread
from batchctl.runs.html.words import count_words, quantile, seconds_words
from batchctl.runs.run_data import RunData, SliceActivity, WriteActivity

_DRAWN_CAP = 3  # a cap this many times higher than the peak would flatten the curve: it is told in words


def draw_throughput(data: RunData, bins: TimeBins) -> Figure | None:
    """Users synced and rows written a second."""
    if not data.slices and not data.writes:
        return None
    synced = [amount / bins.width for amount in count_synced(bins, data.slices)]
    written = [amount / bins.width for amount in count_written(bins, data.writes)]
    seconds = bins.width * bins.count
    return Figure(
        "throughput",
        f"Synced up to {count_words(max(synced))} users/s, written up to {count_words(max(written))} rows/s.",
        [
            line_trace(bins.edges, [round(value, 1) for value in synced], "users/s synced", "var(--synced)"),
            line_trace(
                bins.edges, [round(value, 1) for value in written], "rows/s written", "var(--written)",
                fill="tozeroy", fillcolor="var(--written-soft)",
            ),
        ],
        {"xaxis": time_axis(seconds), "yaxis": axis(tickformat="~s", rangemode="tozero")},
        follows_time=True,
    )  # fmt: skip


def count_synced(bins: TimeBins, slices: list[SliceActivity]) -> list[float]:
    """Users synced in each bin: a slice's, evenly over its time."""
    return spread(bins, (((slice_.started_at, slice_.ended_at), slice_.synced) for slice_ in slices))


def count_written(bins: TimeBins, writes: list[WriteActivity]) -> list[float]:
    """Rows written in each bin: a write's, evenly over its time."""
    return spread(bins, (((write.started_at, write.ended_at), write.rows) for write in writes))


def draw_slices_in_flight(data: RunData, bins: TimeBins) -> Figure | None:
    """SyncUsers invocations at once against ChunkConcurrency times SliceConcurrency."""
    if not data.slices:
        return None
    cap = data.caps.chunk_concurrency * data.caps.slice_concurrency if data.caps else None
    counts = count_in_flight(bins, ((slice_.started_at, slice_.ended_at) for slice_ in data.slices))
    return _draw_against_cap("slices-in-flight", "slices in flight", "var(--synced)", counts, cap, bins)


def draw_writers(data: RunData, bins: TimeBins) -> Figure | None:
    """WriteRows invocations at once, each with one connection, against the most that the stream allows."""
    if not data.writes:
        return None
    cap = data.caps.write_concurrency if data.caps else None
    counts = count_in_flight(bins, ((write.started_at, write.ended_at) for write in data.writes))
    return _draw_against_cap("writers", "writers at work", "var(--written)", counts, cap, bins)


def draw_borrow(data: RunData, bins: TimeBins) -> Figure | None:
    """How long WriteRows waited for the database's first answer on its connection."""
    if not data.writes:
        return None
    waits = sorted(write.borrow_seconds for write in data.writes)
    highs = highest(bins, ((write.started_at, 1000 * write.borrow_seconds) for write in data.writes))
    trace: Json = {
        "type": "bar",
        "x": [edge + bins.width / 2 for edge in bins.edges],
        "y": [None if value is None else round(value, 2) for value in highs],
        "width": bins.width * 0.9,
        "marker": {"color": "var(--written)"},
        "hovertemplate": "longest wait %{y:,.1f} ms<extra></extra>",
    }
    return Figure(
        "borrow",
        f"Wait for a connection: p50 {seconds_words(quantile(waits, 0.5))}, "
        f"p95 {seconds_words(quantile(waits, 0.95))}, longest {seconds_words(waits[-1])}.",
        [trace],
        {
            "xaxis": time_axis(bins.width * bins.count),
            "yaxis": axis(rangemode="tozero", ticksuffix=" ms", nticks=5),
        },
        height=150,
        follows_time=True,
    )


def _draw_against_cap(name: str, unit: str, color: str, counts: list[int], cap: int | None, bins: TimeBins) -> Figure:
    seconds = bins.width * bins.count
    peak = max(counts)
    soft = color.replace(")", "-soft)")
    drawn = cap is not None and peak > 0 and cap <= _DRAWN_CAP * peak
    highest_drawn = max(peak, cap if drawn and cap else 0, 1)
    layout: Json = {
        "xaxis": time_axis(seconds),
        "yaxis": axis(dtick=max(1, ceil(highest_drawn / 4)), range=[0, 1.18 * highest_drawn]),
    }
    if drawn:
        layout["shapes"] = [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": cap, "y1": cap,
             "line": {"color": "var(--ink)", "width": 1, "dash": "dash"}}
        ]  # fmt: skip
        layout["annotations"] = [
            {"xref": "paper", "x": 1, "y": cap, "xanchor": "right", "yanchor": "bottom", "showarrow": False,
             "text": f"cap {cap:,}", "font": {"color": "var(--ink)"}}
        ]  # fmt: skip
    of_cap = "" if cap is None else f" of {cap:,} allowed"
    return Figure(
        name,
        f"At most {peak:,} {unit}{of_cap}.",
        [line_trace(bins.edges, counts, unit, color, fill="tozeroy", fillcolor=soft)],
        layout,
        height=150,
        follows_time=True,
    )
