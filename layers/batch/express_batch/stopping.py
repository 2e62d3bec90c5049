"""Stopping the calls of a slice: none begins any more, waits for a repeat are broken off, calls in flight end."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from express_batch.errors import CircuitOpenError, PartnerApiError, StoppedError
from express_batch.job_contract import PartnerApi

# What has stopped the calls, for the records of whoever was not called for.
REASONS: Mapping[type[PartnerApiError], str] = {
    StoppedError: "calls were stopped by an operator",
    CircuitOpenError: "the partner was found down for everybody",
}


class Switch(Protocol):
    """Whether calls are to stop (stop_switch.py)."""

    def is_on(self) -> bool:
        """As it was a second ago at most."""
        ...

    async def wait_until_on(self) -> None:
        """Return when it is put on."""
        ...


class Circuit(Protocol):
    """Whether the partner is down (partner_circuit.py)."""

    def note(self, user_id: str, called_at: float, ended: float, error: PartnerApiError | None) -> bool:
        """Count a call that has ended; the user's first began at `called_at`. True when no other may begin."""
        ...

    async def wait_until_open(self) -> None:
        """Return when the circuit is opened, here or elsewhere."""
        ...


class Stopping:
    """What the callers of one slice share: each asks before it begins anything. The first reason to stop stays."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()
        self._error: type[PartnerApiError] = StoppedError

    def stop(self, error: type[PartnerApiError]) -> None:
        """Let nothing begin any more; `error` is one of REASONS."""
        if not self._stopped.is_set():
            self._error = error
            self._stopped.set()

    async def follow_switch(self, switch: Switch) -> None:
        """Stop when the switch is put on."""
        await switch.wait_until_on()
        self.stop(StoppedError)

    async def follow_circuit(self, circuit: Circuit) -> None:
        """Stop when the circuit is opened."""
        await circuit.wait_until_open()
        self.stop(CircuitOpenError)

    def check(self) -> None:
        """Raises StoppedError or CircuitOpenError when nothing may begin any more."""
        if self._stopped.is_set():
            raise self._error(f"{REASONS[self._error]} before this user's call began: redrive the run")

    async def wait_for(self, future: "asyncio.Future[None]", seconds: float) -> None:
        """Return when it is done or the time is over. Raises StoppedError or CircuitOpenError as `sleep` does."""
        stopped = asyncio.ensure_future(self._stopped.wait())
        either: set[asyncio.Future[Any]] = {stopped, future}
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        self.check()

    async def sleep(self, seconds: float) -> None:
        """Sleep before a repeat. Raises StoppedError or CircuitOpenError as soon as calls are stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise self._error(f"{REASONS[self._error]} before this user's call was repeated: redrive the run")


class StoppableApi:
    """The PartnerApi of a slice. A job may send several requests for a user: none begins after the stop."""

    def __init__(self, api: PartnerApi, stopping: Stopping) -> None:
        self._api = api
        self._stopping = stopping

    async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """What the partner answers. Raises StoppedError or CircuitOpenError where nothing may begin any more."""
        self._stopping.check()
        return await self._api.get_json(path, headers)
