"""The table for a terminal and the page docs/reference/faults.md."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from chaos.scenario import Scenario
from chaos.verdict import Verdict

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "faults.md"


def make_table(verdicts: Sequence[Verdict]) -> Table:
    """Fault / users / rows right / missing / duplicates / recovered in s, and what the runs said."""
    table = Table()
    table.add_column("fault", no_wrap=True)
    for name in ("users", "rows right", "missing", "duplicates", "recovered in s"):
        table.add_column(name, justify="right")
    table.add_column("the run under it said", overflow="fold")
    table.add_column("made whole by", overflow="fold")
    for verdict in verdicts:
        table.add_row(*_cells(verdict), style="" if verdict.is_green else "red")
    return table


def _cells(verdict: Verdict) -> tuple[str, ...]:
    return (
        verdict.scenario,
        f"{verdict.users:,}",
        f"{verdict.rows_right:,}",
        f"{verdict.missing:,}",
        f"{verdict.duplicates:,}",
        f"{verdict.recovered_seconds:.1f}",
        "; ".join(verdict.runs),
        verdict.made_whole_by,
    )


HEAD = """\
# Faults, injected and survived

Written by `make chaos`; do not edit. Each fault is let loose on whole runs of the real template in the emulator
([how-to](../how-to/break-it-on-purpose.md), [ADR 0014](../adr/0014-fault-port.md)). A line is green when

- each row equals the partner API's last answer for its user, as the stand-in has counted it: at the end of a run that
  says COMPLETE or PARTIAL for all users but those that it lists as failed, and for everybody in the end;
- written + failed + missing = listed, the ledger's masks hold what the run says, failure records name whoever failed;
- the run comes to its end and closes its account, and says what is expected of it under that fault: COMPLETE, unless
  users or the database are not to be had;
- a run with missing users says INCOMPLETE and fails, and a redrive, or the next run, makes it whole;
- no row is an older answer's, no user is counted twice;
- the processes are those of before, Lambda's own environments aside, and all have ended with the stack;
- the fault has really struck.

*Missing* counts users without their last answer in the end. *Recovered* is the time from the first blow until the rows
equal the model, the rest of the run, its waits and the redrive included. Every user had a row before, and each good
answer differs from the one before.

"""
TABLE_HEAD = """\
| fault | users | rows right | missing | duplicates | recovered in s | the run under it said | made whole by |
| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |"""
CARRIERS_HEAD = """
## What goes wrong, and what carries it

| fault | what goes wrong | what carries it |
| --- | --- | --- |"""


def write_page(
    path: Path, verdicts: Sequence[Verdict], scenarios: Sequence[Scenario], seed: int, seconds: float
) -> None:
    """The page, from what has just been measured."""
    green = sum(verdict.is_green for verdict in verdicts)
    cores = len(os.sched_getaffinity(0))
    lines = [HEAD + TABLE_HEAD]
    lines += [f"| {' | '.join(_cells(verdict))} |" for verdict in verdicts]
    lines += ["", f"{green} of {len(verdicts)} green, seed {seed}, {seconds:.0f} s on {cores} cores.", ""]
    lines += [f"- {verdict.scenario}: {problem}" for verdict in verdicts for problem in verdict.problems]
    lines.append(CARRIERS_HEAD.lstrip() if lines[-1] == "" else CARRIERS_HEAD)
    lines += [f"| {scenario.name} | {scenario.what} | {scenario.survives} |" for scenario in scenarios]
    path.write_text("\n".join(lines) + "\n")
