"""The view of a release under way: a line a group."""

from rich.table import Table
from rich.text import Text

from batchctl.rehearse.release import GroupProgress, Release, Stage

STYLES = {Stage.RELEASED: "green", Stage.UNTOUCHED: "dim"}


def make_table(release: Release) -> Table:
    """Every group by wave, with its stage."""
    table = Table(title="release, wave by wave", title_justify="left")
    for name in ("wave", "group", "stack", "stage", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for wave, groups in release.waves.items():
        for group in groups:
            progress = release.progress[group.name]
            seconds = f"{progress.seconds:.1f}" if progress.seconds else ""
            table.add_row(str(wave), group.name, group.stack_name, _describe(progress), seconds)
    return table


def _describe(progress: GroupProgress) -> Text:
    if progress.problem is not None:
        return Text(f"failed in its {progress.stage}", "red")
    return Text(progress.stage, STYLES.get(progress.stage, "cyan"))
