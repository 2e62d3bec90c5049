"""Lambda's invocations, the failures and the bill, as rows of words."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from math import floor, log10

from batchctl.runs.html.words import UNKNOWN, count_words, milliseconds_words, quantile, seconds_words
from batchctl.runs.run_data import FailureGroup, InvocationReport, RunData

MAX_SLOWEST = 8
MAX_GROUPS = 40
MAX_CHARACTERS = 600  # of a message: some are whole tracebacks
_ORDER = ("ListUsers", "SyncUsers", "WriteRows", "CloseRun")


@dataclass(frozen=True)
class FunctionRow:
    """All invocations of one function."""

    function: str
    invocations: str
    errors: str
    cold_starts: str
    p50: str
    p95: str
    longest: str
    billed: str
    memory: str
    has_errors: bool


@dataclass(frozen=True)
class InvocationRow:
    """A single invocation."""

    function: str
    request_id: str
    duration: str
    memory: str
    cold_start: str
    outcome: str
    failed: bool


@dataclass(frozen=True)
class ErrorRow:
    """Invocations of one function that ended with one error."""

    function: str
    error_type: str
    count: str
    message: str  # of one of them


@dataclass(frozen=True)
class CostRow:
    """A service's part of the bill."""

    service: str
    usd: str
    per_thousand: str
    percent: float


@dataclass(frozen=True)
class FailureRow:
    """A group of failed users, and its share of all that failed."""

    group: FailureGroup
    detail: str
    count: str
    percent: float


def make_function_rows(invocations: list[InvocationReport]) -> list[FunctionRow]:
    """A row for each function, in the order of the state machine."""
    grouped: dict[str, list[InvocationReport]] = defaultdict(list)
    for report in invocations:
        grouped[report.function].append(report)
    known = [name for name in _ORDER if name in grouped]
    return [_make_function_row(name, grouped[name]) for name in known + sorted(set(grouped) - set(known))]


def _make_function_row(function: str, reports: list[InvocationReport]) -> FunctionRow:
    durations = sorted(report.duration_ms for report in reports)
    errors = sum(report.error_type is not None for report in reports)
    starts = [report.init_ms for report in reports if report.init_ms is not None]
    used = max(reports, key=lambda report: report.max_memory_mb)
    return FunctionRow(
        function=function,
        invocations=count_words(len(reports)),
        errors=count_words(errors),
        cold_starts=f"{len(starts):,} (up to {milliseconds_words(max(starts))})" if starts else "0",
        p50=milliseconds_words(quantile(durations, 0.5)),
        p95=milliseconds_words(quantile(durations, 0.95)),
        longest=milliseconds_words(durations[-1]),
        billed=seconds_words(sum(report.billed_ms for report in reports) / 1000),
        memory=f"{used.max_memory_mb:,} of {used.memory_mb:,} MB",
        has_errors=errors > 0,
    )


def make_slowest_rows(invocations: list[InvocationReport]) -> list[InvocationRow]:
    """The invocations that took longest."""
    slowest = sorted(invocations, key=lambda report: -report.duration_ms)[:MAX_SLOWEST]
    return [
        InvocationRow(
            report.function,
            report.request_id,
            milliseconds_words(report.duration_ms),
            f"{report.max_memory_mb:,} of {report.memory_mb:,} MB",
            milliseconds_words(report.init_ms) if report.init_ms is not None else "no",
            report.error_type or "ok",
            report.error_type is not None,
        )
        for report in slowest
    ]


def make_error_rows(invocations: list[InvocationReport]) -> list[ErrorRow]:
    """How invocations failed, the most frequent first."""
    counts = Counter((report.function, report.error_type) for report in invocations if report.error_type)
    messages = {(report.function, report.error_type): shorten(report.error_message or "") for report in invocations}
    return [
        ErrorRow(function, error_type or "", count_words(count), messages[function, error_type])
        for (function, error_type), count in counts.most_common(MAX_GROUPS)
    ]


def shorten(message: str) -> str:
    """The message, or its beginning."""
    return message if len(message) <= MAX_CHARACTERS else message[:MAX_CHARACTERS] + " ..."


def make_cost_rows(data: RunData) -> list[CostRow]:
    """The dearest service first, the total last, each also for a thousand users; none where nothing is known."""
    if not data.cost:
        return []
    total = sum(line.usd for line in data.cost)
    users = data.head.users_listed
    lines = [(line.service, line.usd) for line in sorted(data.cost, key=lambda line: -line.usd)]
    return [
        CostRow(
            service,
            _say_usd(usd, total),
            _say_usd(1000 * usd / users, 1000 * total / users) if users else UNKNOWN,
            round(100 * usd / total, 1) if total else 0.0,
        )
        for service, usd in [*lines, ("total", total)]
    ]


def _say_usd(usd: float, largest: float) -> str:
    """A sum below another in a column: as many decimals as give the largest three figures."""
    decimals = max(2, 2 - floor(log10(largest))) if largest > 0 else 2
    return f"${usd:,.{decimals}f}"


def make_failure_rows(groups: list[FailureGroup]) -> list[FailureRow]:
    """The largest group first; at most MAX_GROUPS."""
    whole = sum(group.count for group in groups)
    ordered = sorted(groups, key=lambda group: -group.count)[:MAX_GROUPS]
    return [
        FailureRow(
            group, shorten(group.detail), count_words(group.count), round(100 * group.count / whole, 1) if whole else 0
        )
        for group in ordered
    ]
