"""UserBatch as a picture: its states with counts, times and failures, once for wide pages and once for narrow ones.

Choice states are left out: they take no time and cannot fail.
"""

from dataclasses import dataclass

from batchctl.runs.html.words import TO, count_words
from batchctl.runs.run_data import RunData, StateActivity

_CONTAINERS = ("ProcessChunks", "ProcessSlices")
_ENDS = ("RunClosed", "RunIncomplete")
_DRY_ENDS = ("DryRunClosed", "DryRunFailed")

Place = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Layout:
    """Where the states lie, and the arrows between them as SVG paths."""

    name: str
    width: int
    height: int
    places: dict[str, Place]
    arrows: tuple[str, ...]
    dashed: tuple[str, ...]
    captions: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True)
class Node:
    """A drawn state."""

    name: str
    x: int
    y: int
    width: int
    height: int
    tone: str  # good, warning, critical, idle, unknown, or store for what is no state
    is_container: bool
    lines: list[str]


@dataclass(frozen=True)
class Picture:
    """A drawn layout."""

    layout: Layout
    nodes: list[Node]


_WIDE = Layout(
    "wide", 1120, 324,
    {
        "ListUsers": (0, 92, 152, 88),
        "ProcessChunks": (190, 2, 492, 222),
        "ProcessSlices": (204, 42, 464, 168),
        "SyncUsers": (220, 92, 188, 88),
        "RecordSliceFailure": (464, 92, 188, 88),
        "CloseRun": (720, 92, 164, 88),
        "RunClosed": (926, 62, 192, 66),
        "RunIncomplete": (926, 146, 192, 66),
        "Kinesis": (250, 266, 128, 40),
        "WriteRows": (464, 248, 188, 74),
        "MySQL": (720, 266, 164, 40),
    },
    (
        "M152 136 H184", "M682 136 H714", "M884 124 H905 V96 H920", "M884 148 H905 V178 H920",
        "M314 180 V260", "M378 286 H458", "M652 286 H714",
    ),
    ("M408 136 H458", "M802 180 V260"),
    ((433, 128, "failed"), (828, 238, "ledger")),
)  # fmt: skip

_NARROW = Layout(
    "narrow", 340, 716,
    {
        "ListUsers": (70, 1, 200, 88),
        "ProcessChunks": (1, 113, 338, 298),
        "ProcessSlices": (11, 151, 318, 248),
        "SyncUsers": (21, 191, 298, 88),
        "RecordSliceFailure": (21, 303, 298, 88),
        "CloseRun": (70, 435, 200, 88),
        "RunClosed": (1, 547, 162, 66),
        "RunIncomplete": (177, 547, 162, 66),
        "Kinesis": (1, 658, 72, 38),
        "WriteRows": (95, 640, 150, 74),
        "MySQL": (267, 658, 72, 38),
    },
    ("M170 89 V107", "M170 411 V429", "M120 523 V541", "M220 523 V541", "M73 677 H90", "M245 677 H262"),
    ("M170 279 V297",),
    (),
)  # fmt: skip


def draw_states(data: RunData) -> list[Picture]:
    """The pictures, or none where no state is known."""
    if not data.states:
        return []
    states = {state.name: state for state in data.states}
    return [Picture(layout, _place_nodes(layout, states, data)) for layout in (_WIDE, _NARROW)]


def _place_nodes(layout: Layout, states: dict[str, StateActivity], data: RunData) -> list[Node]:
    is_dry = any(state.entered for name, state in states.items() if name in _DRY_ENDS)
    renamed = dict(zip(_ENDS, _DRY_ENDS, strict=True)) if is_dry else {}
    nodes = []
    lines: list[str]
    for slot, (x, y, width, height) in layout.places.items():
        name = renamed.get(slot, slot)
        if slot in {"Kinesis", "MySQL"}:
            tone, lines = "store", []
        elif slot == "WriteRows":
            tone, lines = _tell_writes(data)
        else:
            tone, lines = _tell_state(name, states, data)
        nodes.append(Node(name, x, y, width, height, tone, slot in _CONTAINERS, lines))
    return nodes


def _tell_state(name: str, states: dict[str, StateActivity], data: RunData) -> tuple[str, list[str]]:
    state = states.get(name)
    is_end = name in _ENDS + _DRY_ENDS
    if state is None or not state.entered:
        is_unseen = name == "SyncUsers" and data.head.rows_written + data.head.users_failed > 0
        return "idle", ["not seen" if is_unseen else "not reached" if is_end else "not entered"]
    if is_end:
        good = name in {"RunClosed", "DryRunClosed"}
        return ("good" if good and not data.head.users_failed else "warning" if good else "critical"), [
            data.head.status
        ]
    times = _tell_times(state, data.head.started_at)
    if name in _CONTAINERS:
        what = "chunks" if name == "ProcessSlices" else "run"
        said = f"{count_words(state.entered)} {what}" if state.entered > 1 else ""
        failed = f"{count_words(state.failed)} failed" if state.failed else ""
        return ("critical" if state.failed else "good"), [part for part in (said, failed, times) if part]
    troubles = [
        f"{count_words(count)} {word}"
        for count, word in ((state.failed, "failed"), (state.retried, "retried"))
        if count
    ]
    unrecorded = states.get("SliceUnrecorded")
    if name == "RecordSliceFailure" and unrecorded and unrecorded.entered:
        troubles.append(f"{count_words(unrecorded.entered)} not recorded")
    tone = "good"
    if troubles or name == "RecordSliceFailure":
        tone = "critical" if state.failed > state.retried or name == "RecordSliceFailure" else "warning"
    lines = [f"{count_words(state.entered)} entered", " · ".join(troubles) or "none failed", times]
    return tone, [line for line in lines if line]


def _tell_times(state: StateActivity, started_at: float) -> str:
    if state.first_at is None or state.last_at is None:
        return ""
    return f"{max(0.0, state.first_at - started_at):.1f}{TO}{max(0.0, state.last_at - started_at):.1f} s" + (
        f", {state.busy_seconds:,.0f} s busy" if state.name == "SyncUsers" else ""
    )


def _tell_writes(data: RunData) -> tuple[str, list[str]]:
    if not data.writes:
        return "idle", ["not seen"]
    rows = sum(write.rows for write in data.writes)
    refused = sum(write.refused for write in data.writes)
    said = f"{count_words(rows)} rows"
    return ("warning" if refused or data.head.users_missing else "good"), [
        said,
        f"{count_words(refused)} refused" if refused else f"in {count_words(len(data.writes))} writes",
    ]
