"""The partner API's answers by their latency. The axis counts buckets: bucket n begins at 2^(n/4) ms."""

from collections.abc import Iterable
from math import log2

from batchctl.runs.html.figure import Figure, Json, axis
from batchctl.runs.html.words import count_words, milliseconds_words
from batchctl.runs.latency import add_histograms, percentile_ms
from batchctl.runs.run_data import SliceActivity

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_TICKS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000)


def _find_place(milliseconds: float) -> float:
    """Where a latency lies, in buckets."""
    return 4 * log2(milliseconds)


def _say_bucket(bucket: int) -> str:
    return f"{milliseconds_words(2 ** (bucket / 4))} to {milliseconds_words(2 ** ((bucket + 1) / 4))}"


def _say_tick(milliseconds: int, with_unit: bool) -> str:
    if milliseconds < 1000:
        return f"{milliseconds} ms" if with_unit else f"{milliseconds}"
    return f"{milliseconds // 1000} s"


def draw_latency(slices: Iterable[SliceActivity]) -> Figure | None:
    """Answers by their latency, p50, p95 and p99 marked; None where no call was answered."""
    histogram = add_histograms(slices)
    answers = sum(histogram.values())
    if not answers:
        return None
    first, last = min(histogram), max(histogram) + 1
    values = {name: percentile_ms(histogram, share) or 0.0 for name, share in SHARES.items()}
    ticks = [value for value in _TICKS_MS if first - 2 <= _find_place(value) <= last + 2]
    buckets = list(range(first, last))
    trace: Json = {
        "type": "bar",
        "x": [bucket + 0.5 for bucket in buckets],
        "y": [histogram.get(bucket, 0) for bucket in buckets],
        "customdata": [_say_bucket(bucket) for bucket in buckets],
        "marker": {"color": "var(--synced)"},
        "hovertemplate": "%{customdata}<br>%{y:,} answers<extra></extra>",
    }
    marks: list[Json] = []
    labels: list[Json] = []
    for number, (name, value) in enumerate(values.items()):
        place, top = _find_place(value), 1 - 0.1 * number  # a line ends below the labels of those before it
        marks.append(
            {
                "type": "line",
                "yref": "paper",
                "x0": place,
                "x1": place,
                "y0": 0,
                "y1": top,
                "line": {"color": "var(--ink)", "width": 1, "dash": "dot"},
            }
        )
        labels.append(
            {
                "x": place,
                "y": top,
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "top",
                "showarrow": False,
                "xshift": 3,
                "font": {"color": "var(--ink)"},
                "text": f"{name} {milliseconds_words(value)}",
            }
        )
    words = ", ".join(f"{name} {milliseconds_words(value)}" for name, value in values.items())
    return Figure(
        "latency",
        f"{count_words(answers)} answers: {words}.",
        [trace],
        {
            "xaxis": axis(
                tickvals=[_find_place(value) for value in ticks],
                ticktext=[_say_tick(value, value == ticks[0]) for value in ticks],
                tickangle=0,
                range=[first - 0.5, max(last, _find_place(values["p99"]) + 5) + 0.5],
            ),
            "yaxis": axis(tickformat="~s", range=[0, 1.45 * max(histogram.values())]),  # room for the marks
            "bargap": 0.12,
            "shapes": marks,
            "annotations": labels,
        },
        height=230,
    )
