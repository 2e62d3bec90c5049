"""The first ten seconds: how the run ended, its figures beside the run before, and what to type now."""

from dataclasses import dataclass

from batchctl.runs.html.history import users_per_second
from batchctl.runs.html.words import change_words, count_words, seconds_words, usd_words
from batchctl.runs.run_data import Finding, RunData, RunHead

SEVERITIES = ("critical", "warning", "info")
_TONES = {"COMPLETE": "good", "PARTIAL": "warning", "RUNNING": "info"}


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
    return _TONES.get(head.status, "critical")


def tell_verdict(head: RunHead) -> str:
    """What the status means for the users, in a sentence."""
    listed = count_words(head.users_listed)
    if head.status == "COMPLETE":
        return f"All {listed} users are in the database."
    if head.status == "PARTIAL":
        return f"{count_words(head.rows_written)} of {listed} users are in the database; {count_words(head.users_failed)} failed, each with its reason."
    if head.status == "INCOMPLETE":
        return f"{count_words(head.users_missing)} of {listed} users are neither written nor failed."
    if head.status == "RUNNING":
        return f"The run goes on: {count_words(head.rows_written)} of {listed} users are in the database so far."
    return "The run ended before it was closed: nobody has counted its users."


def make_tiles(data: RunData) -> list[Tile]:
    """The header's figures, each beside the run before."""
    head = data.head
    before = data.previous[0] if data.previous else None
    speed = users_per_second(head)
    per_thousand = 1000 * head.cost_usd / head.users_listed if head.cost_usd is not None and head.users_listed else None
    return [
        Tile("users listed", count_words(head.users_listed), _compare(head.users_listed, before and before.users_listed, count_words)),
        Tile("written", count_words(head.rows_written), _compare(head.rows_written, before and before.rows_written, count_words)),
        Tile("failed", count_words(head.users_failed), _compare(head.users_failed, before and before.users_failed, count_words),
             "warning" if head.users_failed else ""),
        Tile("missing", count_words(head.users_missing), _compare(head.users_missing, before and before.users_missing, count_words),
             "critical" if head.users_missing else ""),
        Tile("duration", seconds_words(head.seconds), _compare(head.seconds, before and before.seconds, seconds_words)),
        Tile("users/s", "–" if speed is None else count_words(speed),
             _compare(speed, before and users_per_second(before), count_words)),
        Tile("cost", usd_words(head.cost_usd), "" if per_thousand is None else f"{usd_words(per_thousand)} per 1,000"),
    ]  # fmt: skip


def make_shares(head: RunHead) -> list[Share]:
    """The account as a bar: written, failed, missing; a share that is there stays visible."""
    counts = {"good": head.rows_written, "warning": head.users_failed, "critical": head.users_missing}
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
        FindingView(finding.severity if finding.severity in SEVERITIES else "info", finding.text, split_remedy(finding.remedy))
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
    groups = sorted(data.failures, key=lambda group: -group.count)
    return next((group.redrive_command for group in groups if group.redrive_command), None)


def _rank(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)


def _compare(now: float | None, before: float | None, say: object) -> str:
    if now is None or before is None or not callable(say):
        return ""
    change = change_words(now, before)
    return f"before {say(before)}" + (f", {change}" if change and change != "±0%" else "")
