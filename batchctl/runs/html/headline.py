"""The first ten seconds: how the run ended, its figures beside the run before, and what to type now."""

from collections.abc import Callable
from dataclasses import dataclass

from batchctl.runs.html.history import users_per_second
from batchctl.runs.html.words import UNKNOWN, change_words, count_words, seconds_words, usd_words
from batchctl.runs.run_data import NOT_STARTED, SEVERITIES, Finding, RunData, RunHead

Say = Callable[[float], str]

_TONES = {"COMPLETE": "good", "PARTIAL": "warning", "INCOMPLETE": "critical", "FAILED": "critical"}


@dataclass(frozen=True)
class Tile:
    """One figure with its name; the note compares it."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Share:
    """A part of the account's bar, in percent of the users listed."""

    tone: str
    start: float
    width: float


@dataclass(frozen=True)
class Part:
    """A piece of a remedy: words, or what stands between backticks."""

    text: str
    kind: str = "words"  # words, code, or command: something to type


@dataclass(frozen=True)
class FindingView:
    """A finding with its remedy taken apart."""

    severity: str
    text: str
    remedy: list[Part]


def tell_tone(head: RunHead) -> str:
    """How the status looks: good, warning, info or critical."""
    return _TONES.get(head.status, "info")


def tell_verdict(head: RunHead) -> str:
    """What the status means for the users, in a sentence."""
    listed = count_words(head.users_listed)
    if head.status == "COMPLETE":
        return f"All {listed} users are in the database."
    if head.status == "PARTIAL":
        written, failed = count_words(head.rows_written), count_words(head.users_failed)
        return f"{written} of {listed} users are in the database; {failed} failed, each with its reason."
    if head.status == "INCOMPLETE":
        return f"{count_words(head.users_missing)} of {listed} users are neither written nor failed."
    if head.status == "RUNNING":
        return f"The run goes on: {count_words(head.rows_written)} of {listed} users are in the database so far."
    if head.status in (*NOT_STARTED, "FAILED"):
        return _tell_unclosed(head)
    return f"{count_words(head.rows_written)} of {listed} users are in the database."


def _tell_unclosed(head: RunHead) -> str:
    if head.status in NOT_STARTED:
        return f"The run did not start and called for nobody: {head.not_started_because or 'no reason is known'}."
    return "The run ended before it was closed: nobody has counted its users."


def make_tiles(data: RunData) -> list[Tile]:
    """The header's figures, each beside the run before."""
    head = data.head
    before = data.previous[0] if data.previous else None

    def tile(label: str, take: Callable[[RunHead], float | None], say: Say = count_words, tone: str = "") -> Tile:
        value = take(head) if head.users_listed or head.status != "FAILED" else None  # died before it listed anyone
        return Tile(
            label,
            UNKNOWN if value is None else say(value),
            _compare(value, take(before) if before else None, say),
            tone if value else "",
        )

    cost = sum(line.usd for line in data.cost) if data.cost else head.cost_usd
    per_thousand = 1000 * cost / head.users_listed if cost is not None and head.users_listed else None
    return [
        tile("users listed", lambda run: run.users_listed),
        tile("written", lambda run: run.rows_written),
        tile("failed", lambda run: run.users_failed, tone="warning"),
        tile("still open", lambda run: run.users_missing)
        if head.status == "RUNNING"
        else tile("missing", lambda run: run.users_missing, tone="critical"),
        tile("duration", lambda run: run.seconds, seconds_words),
        tile("users/s", users_per_second),
        Tile("cost", usd_words(cost), "" if per_thousand is None else f"{usd_words(per_thousand)} per 1,000"),
    ]


def make_shares(head: RunHead) -> list[Share]:
    """The account as a bar: written, failed, missing; a share that is there stays visible."""
    rest = "open" if head.status == "RUNNING" else "critical"
    counts = {"good": head.rows_written, "warning": head.users_failed, rest: head.users_missing}
    whole = sum(counts.values())
    if not whole:
        return []
    widths = {tone: max(100 * count / whole, 0.6) for tone, count in counts.items() if count}
    scale = 100 / sum(widths.values())
    shares: list[Share] = []
    start = 0.0
    for tone, width in widths.items():
        shares.append(Share(tone, round(start, 2), round(width * scale, 2)))
        start += width * scale
    return shares


def sort_findings(findings: list[Finding]) -> list[FindingView]:
    """The gravest first."""
    ranked = sorted(findings, key=_rank)
    return [
        FindingView(
            finding.severity if finding.severity in SEVERITIES else "info", finding.text, split_remedy(finding.remedy)
        )
        for finding in ranked
    ]


def split_remedy(remedy: str) -> list[Part]:
    """Words and what stands between backticks, in their order; what has arguments is a command."""
    pieces = remedy.split("`")
    if len(pieces) % 2 == 0:  # a backtick without its other: no code at all
        return [Part(remedy)]
    return [
        Part(piece, "words" if number % 2 == 0 else "command" if " " in piece else "code")
        for number, piece in enumerate(pieces)
        if piece.strip()
    ]


def find_next_command(data: RunData) -> str | None:
    """The command to type first: of the gravest finding that has one, else of the largest group of failures."""
    for finding in sorted(data.findings, key=_rank):
        if finding.severity != "info":
            for part in split_remedy(finding.remedy):
                if part.kind == "command":
                    return part.text
    if data.head.status == "RUNNING":  # its failures are run again when it has ended
        return None
    groups = sorted(data.failures, key=lambda group: -group.count)
    return next((group.redrive_command for group in groups if group.redrive_command), None)


def _rank(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)


def _compare(now: float | None, before: float | None, say: Say) -> str:
    if now is None or before is None:
        return ""
    change = change_words(now, before)
    return f"previous {say(before)}" + (f", {change}" if change else "")
