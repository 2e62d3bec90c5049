"""Stopping the calls of a slice: none begins any more, waits for a repeat are broken off, calls in flight end."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from express_batch.errors import StoppedError
from express_batch.job_contract import PartnerApi


class Switch(Protocol):
    """Whether calls are to stop (stop_switch.py)."""

    def is_on(self) -> bool:
        """As it was a second ago at most."""
        ...

    async def wait_until_on(self) -> None:
        """Return when it is put on."""
        ...


class Stopping:
    """What the callers of one slice share: each asks before it begins anything."""

    def __init__(self, *, is_stopped: bool = False) -> None:
        self._stopped = asyncio.Event()
        if is_stopped:
            self._stopped.set()

    async def follow(self, switch: Switch) -> None:
        """Stop when the switch is put on."""
        await switch.wait_until_on()
        self._stopped.set()

    def check(self) -> None:
        """Raises StoppedError when nothing may begin any more."""
        if self._stopped.is_set():
            raise StoppedError("calls were stopped by an operator before this user's began: redrive the run")

    async def sleep(self, seconds: float) -> None:
        """Sleep before a repeat. Raises StoppedError as soon as calls are stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise StoppedError("calls were stopped by an operator before this user's was repeated: redrive the run")


class StoppableApi:
    """The PartnerApi of a slice. A job may send several requests for a user: none begins after the stop."""

    def __init__(self, api: PartnerApi, stopping: Stopping) -> None:
        self._api = api
        self._stopping = stopping

    async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """What the partner answers. Raises StoppedError where nothing may begin any more."""
        self._stopping.check()
        return await self._api.get_json(path, headers)
