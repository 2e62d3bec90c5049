"""Turns as a table in a terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.contenders import CONTENDERS
from bench.measure import Turn

COLUMNS = (
    ("users", "users", ",.0f"),
    ("seconds", "seconds", ".2f"),
    ("users/s", "users_per_second", ",.0f"),
    ("CPU ms/user", "cpu_ms_per_user", ".3f"),
    ("with set-up", "cpu_ms_per_user_with_setup", ".3f"),
    ("partner API", "partner_api_cpu_ms_per_user", ".3f"),
    ("MariaDB", "mariadb_cpu_ms_per_user", ".3f"),
    ("peak MB", "peak_memory_mb", ",.0f"),
    ("other load", "other_load", ".0%"),
)


def summarise(turns: Sequence[Turn]) -> dict[str, dict[str, float]]:
    """The median of each column over a contender's turns, the fastest contender first."""
    by_name: dict[str, list[Turn]] = {}
    for turn in turns:
        by_name.setdefault(turn.contender, []).append(turn)
    medians = {
        name: {field: median(getattr(turn, field) for turn in group) for _, field, _ in COLUMNS}
        for name, group in by_name.items()
    }
    return dict(sorted(medians.items(), key=lambda item: -item[1]["users_per_second"]))


def format_table(turns: Sequence[Turn]) -> str:
    """A plain table with a line a contender."""
    lines = _make_lines(turns)
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if index == 0 else cell.rjust(width) for index, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    )


def format_markdown(turns: Sequence[Turn], machine: Mapping[str, str], latency_ms: float) -> str:
    """The page of docs/reference: machine, table, how to read it."""
    head, *lines = _make_lines(turns)
    table = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    users = max(turn.users for turn in turns)
    rounds = max(sum(1 for turn in turns if turn.contender == name) for name in {turn.contender for turn in turns})
    return "\n".join(
        [
            "# Measured side by side",
            "",
            f"{users:,} users, {latency_ms:g} ms of API latency, {rounds} round(s) in alternation, medians.",
            f"Written by `{machine['command']}`; every row of every turn was compared with the API's last answers.",
            "",
            *(f"| {' | '.join(cells)} |" for cells in table),
            "",
            "![users a second, CPU a user, memory](bench.svg)",
            "",
            "CPU and memory are those of the contender's own process tree (memory: proportional set size, sampled).",
            "The partner API and MariaDB serve all contenders and are told apart. *CPU ms/user* is spent during the",
            "run, *with set-up* from the program's start to its end. *Other load* is the share of the cores that",
            "programs outside the bench used meanwhile. The bare script keeps no ledger and loses its work when it",
            "dies.",
            "",
            "| machine | |",
            "| --- | --- |",
            *(f"| {name} | {value} |" for name, value in machine.items()),
            "",
        ]
    )


def write_report(folder: Path, turns: Sequence[Turn], machine: Mapping[str, str], latency_ms: float) -> None:
    """bench.json and bench.md in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine,
        "latency_ms": latency_ms,
        "medians": summarise(turns),
        "turns": [asdict(turn) for turn in turns],
    }
    (folder / "bench.json").write_text(json.dumps(document, indent=2) + "\n")
    (folder / "bench.md").write_text(format_markdown(turns, machine, latency_ms))


def find_title(name: str) -> str:
    """A contender's name in tables and plots."""
    return next(contender.title for contender in CONTENDERS if contender.name == name)


def _make_lines(turns: Sequence[Turn]) -> list[list[str]]:
    lines = [["", *(title for title, _, _ in COLUMNS)]]
    for name, values in summarise(turns).items():
        lines.append([find_title(name), *(format(values[field], form) for _, field, form in COLUMNS)])
    return lines
