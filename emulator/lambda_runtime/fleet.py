"""All environments on this machine: the cap on their number, idle time, memory, shutdown."""

import asyncio
from pathlib import Path

from emulator.errors import AwsError
from emulator.faults.plan import FaultPlan
from emulator.lambda_runtime.completion import Completion
from emulator.lambda_runtime.environment_pool import EnvironmentPool
from emulator.lambda_runtime.environment_spec import EnvironmentSpec
from emulator.lambda_runtime.statistics import Statistics
from emulator.lambda_runtime.zygote_client import ZygoteClient

WATCH_SECONDS = 0.05


class Fleet:
    """Makes pools and shares the machine among them.

    `max_starting` bounds those in their INIT phase at one time: INIT is work for the processor, and a hundred at once
    would all run into its time limit. `max_environments` is the machine's own limit, which AWS does not have: beyond it
    an invocation waits for an environment instead of starting one. Idle environments of other functions make way, and
    a function that has none may always start one, so that functions that call each other cannot lock each other out.
    """

    def __init__(
        self,
        zygote: ZygoteClient,
        completion: Completion,
        statistics: Statistics,
        work_dir: Path,
        *,
        max_environments: int | None,
        max_starting: int,
        idle_seconds: float | None,
        faults: FaultPlan | None = None,
    ) -> None:
        self.pools: set[EnvironmentPool] = set()
        self._zygote = zygote
        self._completion = completion
        self._statistics = statistics
        self._work_dir = work_dir
        self._max_environments = max_environments
        self._max_starting = max_starting
        self._idle_seconds = idle_seconds
        self._faults = faults
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch memory and idle time."""
        self._watch = asyncio.get_running_loop().create_task(self._watch_environments())

    def make_pool(self, spec: EnvironmentSpec) -> EnvironmentPool:
        """A pool without environments, for one function version."""
        pool = EnvironmentPool(
            spec, self, self._zygote, self._completion, self._work_dir, self._count_cold_start, self._faults
        )
        self.pools.add(pool)
        return pool

    def retire(self, pool: EnvironmentPool, successor: EnvironmentPool | None, error: AwsError | None = None) -> None:
        """Let a pool end; its waiting invocations go to `successor`, or fail with `error`."""
        if successor is None and error is not None:
            pool.fail_waiting(error)
        for invocation in pool.retire():
            if successor is not None:
                successor.submit(invocation)
        self.on_room()

    def make_room(self, pool: EnvironmentPool) -> bool:
        if not pool.environments:
            # Others make way where they can; where they cannot, the one is started all the same.
            if self._max_environments is not None and self.count() >= self._max_environments:
                self._evict_idle(pool)
            return True
        if sum(other.starting for other in self.pools) >= self._max_starting:
            return False
        if self._max_environments is None or self.count() < self._max_environments:
            return True
        return self._evict_idle(pool)

    def is_crowded(self) -> bool:
        return self._max_environments is not None and self.count() > self._max_environments

    def on_room(self) -> None:
        for pool in list(self.pools):
            if pool.is_finished:
                self.pools.discard(pool)
            elif pool.waiting:
                pool.grow()

    def renew(self) -> None:
        """End every environment, a busy one after its invocation."""
        for pool in self.pools:
            pool.renew()

    def count(self) -> int:
        """Environments that exist, starting ones included."""
        return sum(len(pool.environments) for pool in self.pools)

    def environment_pids(self) -> list[int]:
        """Process ids of all environments."""
        return [environment.pid for pool in self.pools for environment in pool.environments if environment.pid]

    def pids_by_function(self) -> dict[str, list[int]]:
        """The same by the functions' names."""
        pids: dict[str, list[int]] = {}
        for pool in self.pools:
            pids.setdefault(pool.spec.function_name, []).extend(each.pid for each in pool.environments if each.pid)
        return pids

    def task_roots(self) -> set[Path]:
        """Where the code of the environments lies that there are."""
        return {environment.spec.task_root for pool in self.pools for environment in pool.environments}

    async def close(self) -> None:
        """End every environment."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        closing = AwsError("ServiceException", "The emulator's Lambda service is closing.", 500)
        for pool in list(self.pools):
            self.retire(pool, None, closing)
        await self._zygote.close()
        for pool in list(self.pools):
            await pool.wait_for_starts()

    def _evict_idle(self, beneficiary: EnvironmentPool) -> bool:
        return any(pool.evict_idle() for pool in self.pools if pool is not beneficiary)

    def _count_cold_start(self, function_name: str) -> None:
        self._statistics.of(function_name).cold_starts += 1

    async def _watch_environments(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for pool in list(self.pools):
                for environment in list(pool.environments):
                    environment.check_memory()
                if self._idle_seconds is not None:
                    pool.evict_idle_before(loop.time() - self._idle_seconds)
