"""How far a run is, in one line of a terminal: a bar, and the users by what became of them."""

from rich.table import Table
from rich.text import Text

CELLS = 30


def make_progress_line(*, listed: int, synced: int, written: int, failed: int, more: list[str]) -> Table:
    """The line; `more` stands behind the counts."""
    # A slice that was tried twice may count twice.
    done = min(1.0, (synced + failed) / listed) if listed else 0.0
    filled = int(CELLS * done)
    line = Table.grid(padding=(0, 2))
    line.add_row(
        Text("█" * filled + "░" * (CELLS - filled), style="cyan"),
        f"listed {listed:,}",
        f"synced {synced:,}",
        f"written {written:,}",
        Text(f"failed {failed:,}", style="yellow" if failed else ""),
        *more,
    )
    return line
