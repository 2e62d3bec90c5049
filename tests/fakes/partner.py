"""A PartnerApi whose answers a test writes down."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from express_batch.job_contract import PartnerApi

from tests.fakes.virtual_time import VirtualTimeLoop

T = TypeVar("T")
Outcome = Any  # an answer, or an exception to raise


class ScriptedPartner:
    """Each path's outcomes in their order; the last one goes on for ever. `latency` seconds for each call."""

    def __init__(self, script: Mapping[str, list[Outcome]], *, latency: float = 0.1) -> None:
        self._script = script
        self._latency = latency
        self.calls: dict[str, int] = defaultdict(int)
        self.call_times: dict[str, list[float]] = defaultdict(list)
        self.in_flight = 0
        self.most_in_flight = 0

    async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        outcomes = self._script[path]
        outcome = outcomes[min(self.calls[path], len(outcomes) - 1)]
        self.calls[path] += 1
        self.call_times[path].append(asyncio.get_running_loop().time())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self._latency)
        finally:
            self.in_flight -= 1
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class VirtualRunner:
    """A PartnerApiRunner that runs the calls in virtual time."""

    def __init__(self, api: PartnerApi) -> None:
        self._api = api

    def run(self, work: Callable[[PartnerApi], Coroutine[Any, Any, T]]) -> T:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(work(self._api))
