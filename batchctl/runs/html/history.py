"""This run beside those before it: duration, users a second, failed users, cost."""

from collections.abc import Callable

from batchctl.runs.html.figure import Figure, axis
from batchctl.runs.html.words import UNKNOWN, change_words, clock_words, count_words, seconds_words, usd_words
from batchctl.runs.run_data import RunData, RunHead

MAX_RUNS = 24


def users_per_second(head: RunHead) -> float | None:
    """Users accounted for in a second of the run; None where it has not ended."""
    return (head.rows_written + head.users_failed) / head.seconds if head.seconds else None


_MEASURES: list[tuple[str, str, Callable[[RunHead], float | None], Callable[[float], str], str]] = [
    ("duration", "Duration", lambda head: head.seconds, seconds_words, "var(--neutral)"),
    ("users-per-second", "Users a second", users_per_second, count_words, "var(--synced)"),
    ("failed", "Failed users", lambda head: float(head.users_failed), count_words, "var(--failed)"),
    ("cost", "Cost", lambda head: head.cost_usd, usd_words, "var(--neutral)"),
]


def draw_history(data: RunData) -> list[tuple[str, Figure]]:
    """A title and a small chart for each known measure, the oldest run on the left; none without a run before."""
    runs = [*reversed(data.previous[: MAX_RUNS - 1]), data.head]
    if len(runs) < 2:
        return []
    return [
        (title, _draw(name, runs, take, say, color))
        for name, title, take, say, color in _MEASURES
        if any(take(head) is not None for head in runs)
    ]


def _draw(
    name: str, runs: list[RunHead], take: Callable[[RunHead], float | None], say: Callable[[float], str], color: str
) -> Figure:
    values = [take(head) for head in runs]
    known = [value for value in values[:-1] if value is not None]
    usual = sorted(known)[len(known) // 2] if known else None
    now = values[-1]
    said = UNKNOWN if now is None else say(now)
    change = change_words(now, usual)
    median = "" if usual is None else f" median before {say(usual)}" + (f" ({change})" if change else "")
    faded = color.replace(")", "-faded)")
    return Figure(
        f"history-{name}",
        f"{said};{median}" if median else said,
        [
            {
                "type": "bar",
                "x": list(range(len(runs))),
                "y": values,
                "marker": {"color": [faded] * (len(runs) - 1) + [color]},
                "customdata": [
                    f"{clock_words(head.started_at)} UTC: {UNKNOWN if value is None else say(value)}"
                    for head, value in zip(runs, values, strict=True)
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        ],
        {
            "xaxis": axis(
                tickvals=[0, len(runs) - 1],
                ticktext=[clock_words(runs[0].started_at), "this"],
                showgrid=False,
                range=[-0.6, len(runs) - 0.4],
            ),
            "yaxis": axis(rangemode="tozero", nticks=3, showticklabels=False),
            "margin": {"l": 18, "r": 14, "t": 4, "b": 22},
            "bargap": 0.25,
        },
        height=96,
    )
