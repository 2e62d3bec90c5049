"""The live view of a run: listed, synced, written, failed, users a second."""

import time
from dataclasses import dataclass, field
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from batchctl.console import Console
from emulator.step_functions import ExecutionEvent


@dataclass
class RunProgress:
    """Counts of a run in flight, as they become known."""

    started: float = field(default_factory=time.monotonic)
    users_listed: int = 0
    synced: int = 0
    failed: int = 0
    written: int = 0

    def take_event(self, event: ExecutionEvent) -> None:
        """Count what a Lambda function answered to its Task state."""
        if event.type != "TaskSucceeded" or event.state_name not in ("ListUsers", "SyncUsers"):
            return
        payload: dict[str, Any] = event.output["Payload"]
        if event.state_name == "ListUsers":
            # A run that is stopped, or that another one keeps out, lists nobody and says so without a count.
            self.users_listed = payload.get("users_listed", 0)
        else:
            # Under a shared rate an invocation may come to no more than the time to wait until.
            self.synced += payload.get("synced", 0)
            self.failed += payload.get("failed", 0)

    @property
    def seconds(self) -> float:
        """Since the run was started."""
        return time.monotonic() - self.started

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        done = (self.synced + self.failed) / self.users_listed if self.users_listed else 0.0
        filled = int(30 * done)
        table.add_row(
            Text("█" * filled + "░" * (30 - filled), style="cyan"),
            f"listed {self.users_listed:,}",
            f"synced {self.synced:,}",
            f"written {self.written:,}",
            Text(f"failed {self.failed:,}", style="yellow" if self.failed else ""),
            f"{(self.synced + self.failed) / max(self.seconds, 0.001):,.0f} users/s",
            f"{self.seconds:.1f} s",
        )
        return table


def show_progress(progress: RunProgress, console: Console) -> Live:
    """A context in which the counts are drawn, four times a second; nothing where there is no terminal."""
    return Live(progress, console=console, refresh_per_second=4, transient=True, auto_refresh=console.is_terminal)
