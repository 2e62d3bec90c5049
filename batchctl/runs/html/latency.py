"""The partner API's answers: the histogram of a run and its percentiles.

Bucket n counts answers of 2^(n/4) to 2^((n+1)/4) ms (docs/reference/observability.md), so a percentile is exact to 19%.
"""

from collections import Counter
from collections.abc import Iterable
from math import log2

from batchctl.runs.html.figure import Figure, Json, axis
from batchctl.runs.html.words import count_words, milliseconds_words
from batchctl.runs.run_data import SliceActivity

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_TICKS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000)


def add_up(slices: Iterable[SliceActivity]) -> dict[int, int]:
    """The run's histogram: those of the slices added up, by bucket."""
    total = Counter[int]()
    for slice_ in slices:
        total.update(slice_.latency)
    return dict(sorted(total.items()))


def find_place(histogram: dict[int, int], share: float) -> float:
    """Where the share of a non-empty histogram lies, in buckets and parts of one."""
    wanted = share * sum(histogram.values())
    place = 0.0
    for bucket, count in sorted(histogram.items()):
        if count and wanted <= count:
            return bucket + wanted / count
        wanted -= count
        place = bucket + 1.0
    return place


def to_milliseconds(place: float) -> float:
    """The latency at a place in the histogram."""
    return float(2 ** (place / 4))


def draw_latency(slices: Iterable[SliceActivity]) -> Figure | None:
    """Answers by their latency, p50, p95 and p99 marked; None where no call was answered."""
    histogram = add_up(slices)
    answers = sum(histogram.values())
    if not answers:
        return None
    first, last = min(histogram), max(histogram) + 1
    places = {name: find_place(histogram, share) for name, share in SHARES.items()}
    ticks = [value for value in _TICKS_MS if first - 2 <= 4 * log2(value) <= last + 2]
    buckets = list(range(first, last))
    trace: Json = {
        "type": "bar",
        "x": [bucket + 0.5 for bucket in buckets],
        "y": [histogram.get(bucket, 0) for bucket in buckets],
        "customdata": [
            f"{milliseconds_words(to_milliseconds(bucket))} to {milliseconds_words(to_milliseconds(bucket + 1))}" for bucket in buckets
        ],
        "marker": {"color": "var(--synced)"},
        "hovertemplate": "%{customdata}<br>%{y:,} answers<extra></extra>",
    }
    marks: list[Json] = [
        {"type": "line", "xref": "x", "yref": "paper", "x0": place, "x1": place, "y0": 0, "y1": 1,
         "line": {"color": "var(--ink)", "width": 1, "dash": "dot"}}
        for place in places.values()
    ]  # fmt: skip
    labels: list[Json] = [
        {"x": place, "y": 1 - 0.1 * number, "xref": "x", "yref": "paper", "xanchor": "left", "yanchor": "top", "showarrow": False,
         "xshift": 3, "font": {"color": "var(--ink)"}, "text": f"{name} {milliseconds_words(to_milliseconds(place))}"}
        for number, (name, place) in enumerate(places.items())
    ]  # fmt: skip
    words = ", ".join(f"{name} {milliseconds_words(to_milliseconds(place))}" for name, place in places.items())
    return Figure(
        "latency",
        f"{count_words(answers)} answers: {words}.",
        [trace],
        {
            "xaxis": axis(
                tickvals=[4 * log2(value) for value in ticks],
                ticktext=[milliseconds_words(value) if value >= 10_000 else f"{value / 1000:g} s" if value >= 1000 else f"{value} ms" for value in ticks],
                range=[first - 0.5, max(last, places["p99"] + 5) + 0.5],
            ),
            "yaxis": axis(tickformat="~s", range=[0, 1.45 * max(histogram.values())]),  # room for the marks
            "bargap": 0.12,
            "shapes": marks,
            "annotations": labels,
        },
        height=230,
    )
