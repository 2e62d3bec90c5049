"""The table for a terminal and the page docs/reference/soak.md."""

import os
from pathlib import Path

from rich.table import Table

from chaos.soak.faults import CALM, EXCLUDED
from chaos.soak.growth import Growth, Kind
from chaos.soak.soaking import BETWEEN_RUNS, KEPT, NEEDS, SoakResult

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "soak.md"
FEW = 5
BOUNDS = {
    "kept_executions": "executions",
    "kept_trace_documents": "trace documents",
    "kept_log_lines": "log lines of a function in memory",
}
COLUMNS = ("first sample", "middle third", "last third", "by 100 runs", "allowed rise", "grows")


def make_table(result: SoakResult) -> Table:
    """A line for each measure."""
    table = Table()
    table.add_column("measure", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for growth in result.growths():
        table.add_row(growth.measure.name, *_cells(growth), style="red" if growth.grows else "")
    return table


def tell_faults(result: SoakResult) -> str:
    """One line of what the runs met."""
    faults = {name: count for name, count in result.met.items() if name != CALM.name}
    struck = sum(result.struck[name] for name in faults)
    return (
        f"{result.runs} runs of {result.options.users:,} users, {result.seconds / 60:.0f} min,"
        f" seed {result.options.seed}: "
        f"{result.met[CALM.name]} without a fault, {sum(faults.values())} with one of {len(faults)} ({struck} struck), "
        f"{result.redriven} made whole by a redrive or the next run, {len(result.problems)} problems"
    )


def _cells(growth: Growth) -> tuple[str, ...]:
    said = {None: "-", True: "GROWS", False: "no"}[growth.grows]
    kind = growth.measure.kind
    first = growth.measure.samples[0][1]
    if kind.limit is not None:
        return (_show(first, kind), _show(growth.middle, kind), _show(growth.last, kind), "", "0 at any time", said)
    values = (first, growth.middle, growth.last)
    return (*(_show(value, kind) for value in values), f"{growth.slope:+,.1f}", _show(growth.allowed, kind), said)


def _show(value: float, kind: Kind) -> str:
    text = f"{value:,.1f}" if kind.unit or value % 1 else f"{value:,.0f}"
    return f"{text} {kind.unit}".rstrip()


HEAD = """\
# Runs in a row, and nothing that grows

Written by `make soak`; do not edit. One stack is kept up, and run after run is started on it, {hours:.0f} h of its
calendar after the one before. Three of four meet a fault of [faults.md](faults.md), in the order of a seed, each before
any comes again. After each run everything is judged as there: written + failed + missing = listed, rows equal to the
partner's last answers, failed users named; what is left is redriven. Every {every} runs all that may grow is measured,
when what is due has gone and nobody works.

What is kept for days is kept for one ({parameters}),
and what the emulator keeps by number is bounded low ({kept}),
so that the first third of the runs fills everything up ([ADR 0018](../adr/0018-retention.md),
[what is kept](local-run.md#what-is-kept-and-for-how-long)). A measure *grows* when the median of the last third is
above that of the middle third by more than is allowed, and the trend through all samples of both, the median of all
slopes, says the same. Of several environments of a function the largest counts.

"""


def write_page(path: Path, result: SoakResult) -> None:
    """The page, from what has just been measured."""
    parameters = ", ".join(f"`{name}={value}`" for name, value in NEEDS.parameters.items() if "Retention" in name)
    kept = ", ".join(f"{getattr(KEPT, name):,} {what}" for name, what in BOUNDS.items())
    hours = BETWEEN_RUNS.total_seconds() / 3600
    head = HEAD.format(hours=hours, every=result.options.sample_every, parameters=parameters, kept=kept)
    growths = result.growths()
    lines = [head + f"| measure | {' | '.join(COLUMNS)} |", f"| --- |{' ---: |' * len(COLUMNS)}"]
    lines += [f"| {growth.measure.name} | {' | '.join(_cells(growth))} |" for growth in growths]
    growing = sum(growth.grows is not False for growth in growths)
    cores = len(os.sched_getaffinity(0))
    lines += ["", f"{tell_faults(result)}; {growing} of {len(growths)} measures grow, on {cores} cores.", ""]
    lines += [f"- {problem}" for problem in result.problems]
    lines += ["## What is allowed, and why", "", "| measures in | allowed rise | because |", "| --- | --- | --- |"]
    for kind in dict.fromkeys(growth.measure.kind for growth in growths):
        names = _describe_names([growth for growth in growths if growth.measure.kind == kind])
        allowed = "none" if kind.limit is not None else _show(kind.least, kind)
        if kind.share:
            allowed += f" or {kind.share * 100:g}%, whichever is more"
        lines.append(f"| {names} | {allowed} | {kind.why} |")
    lines += ["", "## Faults, and how often", "", "| fault | runs | struck |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {count} | {result.struck[name]} |" for name, count in sorted(result.met.items())]
    lines += ["", "Left out, because a stack that lives on cannot do without their harm:", ""]
    lines += [f"- {name}: {reason}" for name, reason in EXCLUDED.items()]
    path.write_text("\n".join(lines) + "\n")


def _describe_names(growths: list[Growth]) -> str:
    """The measures of a kind, where they are many by what they are of, such as: sockets, threads, rows."""
    if len(growths) <= FEW:
        return ", ".join(growth.measure.name for growth in growths)
    return ", ".join(dict.fromkeys(growth.measure.name.split(" of ")[0].split(" under ")[0] for growth in growths))
