"""The live view of a run: listed, synced, written, failed, users a second."""

import time
from dataclasses import dataclass, field
from typing import Any

from rich.live import Live
from rich.table import Table

from batchctl.console import Console
from batchctl.progress_line import make_progress_line
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
        rate = (self.synced + self.failed) / max(self.seconds, 0.001)
        return make_progress_line(
            listed=self.users_listed,
            synced=self.synced,
            written=self.written,
            failed=self.failed,
            more=[f"{rate:,.0f} users/s", f"{self.seconds:.1f} s"],
        )


def show_progress(progress: RunProgress, console: Console) -> Live:
    """A context in which the counts are drawn, four times a second; nothing where there is no terminal."""
    return Live(progress, console=console, refresh_per_second=4, transient=True, auto_refresh=console.is_terminal)
