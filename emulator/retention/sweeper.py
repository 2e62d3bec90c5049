"""Goes round once an hour: objects by the rules of their buckets, log lines and stream records by their retention, and
the code of what was deleted."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from emulator.errors import AwsError
from emulator.retention.calendar import Calendar
from emulator.retention.lifecycle import LifecycleSweeper
from emulator.services.kinesis import KinesisService
from emulator.services.logs import LogsService

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """What went."""

    objects: int
    log_bytes: int
    records: int
    packages: int = 0


class RetentionSweeper:
    """`sweep` does one round; `start` does one at an interval until `close`."""

    def __init__(
        self,
        lifecycle: LifecycleSweeper,
        logs: LogsService,
        kinesis: KinesisService,
        calendar: Calendar,
        *,
        drop_packages: Callable[[], int] = lambda: 0,
    ) -> None:
        """`drop_packages` removes code that no function has any more and says how much of it there was."""
        self._lifecycle = lifecycle
        self._logs = logs
        self._kinesis = kinesis
        self._calendar = calendar
        self._drop_packages = drop_packages
        self._task: asyncio.Task[None] | None = None

    async def sweep(self) -> Swept:
        """One round. Raises AwsError."""
        objects = await self._lifecycle.sweep()
        log_bytes = await self._logs.expire(self._calendar)
        return Swept(objects, log_bytes, self._kinesis.expire(self._calendar), self._drop_packages())

    def start(self, interval_seconds: float) -> None:
        """Sweep now and then, beside everything else."""
        self._task = asyncio.get_running_loop().create_task(self._sweep_at(interval_seconds))

    async def close(self) -> None:
        """Return when no round is under way."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _sweep_at(self, interval_seconds: float) -> None:
        while True:
            await asyncio.sleep(interval_seconds)
            try:
                await self.sweep()
            except AwsError:  # a service that is just being restarted; the next round takes what is left
                _logger.warning("a round of the retention failed", exc_info=True)
