"""How late the partner is at its own calls: what waited for a busy machine is counted together, in a later second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

TICK_SECONDS = 0.02


async def watch_lateness(note: Callable[[float], None]) -> None:
    """Tell again and again, for as long as the loop runs, how much later than wanted it came to do something."""
    while True:
        due = time.monotonic() + TICK_SECONDS  # uvloop's own clock stands still within a round of the loop
        await asyncio.sleep(TICK_SECONDS)
        note(time.monotonic() - due)
