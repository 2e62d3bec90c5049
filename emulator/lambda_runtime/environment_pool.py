"""The environments of one function version: who is idle, who is busy, which invocations wait."""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from emulator.errors import AwsError
from emulator.faults.plan import FaultPlan
from emulator.lambda_runtime.completion import Completion
from emulator.lambda_runtime.environment import Environment, Phase
from emulator.lambda_runtime.environment_spec import EnvironmentSpec
from emulator.lambda_runtime.invocation import Invocation
from emulator.lambda_runtime.zygote_client import ZygoteClient


class Room(Protocol):
    """The fleet, as a pool sees it."""

    def make_room(self, pool: "EnvironmentPool") -> bool: ...
    def is_crowded(self) -> bool: ...
    def on_room(self) -> None: ...


class EnvironmentPool:
    """Starts an environment for each invocation that finds none idle; a freed one takes the oldest that waits."""

    def __init__(
        self,
        spec: EnvironmentSpec,
        room: Room,
        zygote: ZygoteClient,
        completion: Completion,
        work_dir: Path,
        on_cold_start: Callable[[str], None],
        faults: FaultPlan | None = None,
    ) -> None:
        self.spec = spec
        self.environments: set[Environment] = set()
        self.idle: list[Environment] = []
        self.waiting: deque[Invocation] = deque()
        self.starting = 0  # environments in their INIT phase
        self._coming = 0  # environments that start, or have answered and not yet asked for more
        self._retired = False
        self._room = room
        self._zygote = zygote
        self._completion = completion
        self._work_dir = work_dir
        self._on_cold_start = on_cold_start
        self._faults = faults
        self._starts: set[asyncio.Task[None]] = set()

    def submit(self, invocation: Invocation) -> None:
        """Run the invocation as soon as an environment can take it."""
        if self.idle:
            self.idle.pop().run(invocation)
        else:
            self.waiting.append(invocation)
            self.grow()

    def grow(self) -> None:
        """Start environments for those who wait, as far as there is room."""
        while not self._retired and self._coming < len(self.waiting) and self._room.make_room(self):
            self._on_cold_start(self.spec.function_name)
            self._start(None)

    def evict_idle(self) -> bool:
        """End the environment that was idle longest; False when none is idle."""
        if not self.idle:
            return False
        victim = self.idle.pop(0)
        self.environments.discard(victim)
        victim.stop()
        return True

    def renew(self) -> None:
        """End idle environments now and busy ones after their invocation; others take their place when needed."""
        while self.evict_idle():
            pass
        for environment in self.environments:
            environment.is_outdated = True

    def evict_idle_before(self, moment: float) -> None:
        """End the environments that have been idle since before `moment`."""
        while self.idle and self.idle[0].idle_since < moment:
            self.evict_idle()

    def retire(self) -> list[Invocation]:
        """End idle environments now and busy ones after their invocation; gives back the invocations that wait."""
        self._retired = True
        while self.evict_idle():
            pass
        for environment in list(self.environments):
            if environment.phase is Phase.STARTING and not environment.is_bound:
                environment.stop()
        left = list(self.waiting)
        self.waiting.clear()
        return left

    @property
    def is_finished(self) -> bool:
        """Whether nothing will run here any more."""
        return self._retired and not self.environments

    async def wait_for_starts(self) -> None:
        """Return when no environment is being started."""
        while self._starts:
            await asyncio.gather(*self._starts)

    def fail_waiting(self, error: AwsError) -> None:
        """Answer those who wait with an error."""
        while self.waiting:
            invocation = self.waiting.popleft()
            if not invocation.answer.done():
                invocation.answer.set_exception(error)
            invocation.on_finished()

    def on_answered(self, environment: Environment) -> None:
        self._set_coming(environment, True)

    def on_ready(self, environment: Environment) -> None:
        self._set_coming(environment, False)
        has_room = self._count_start(environment)
        if self.waiting and not self._retired and not environment.is_outdated:
            environment.run(self.waiting.popleft())
        elif self._retired or environment.is_outdated or self._room.is_crowded():
            self.environments.discard(environment)
            environment.stop()
            has_room = True
        else:
            self.idle.append(environment)
            has_room = True
        if has_room:
            self._room.on_room()

    def on_init_failed(self, environment: Environment) -> None:
        """A failed INIT is repeated in the time of an invocation, which gets the error if it fails again."""
        if self.waiting and not self._retired:
            self._start(self.waiting.popleft())

    def on_gone(self, environment: Environment) -> None:
        self._set_coming(environment, False)
        self._count_start(environment)
        self.environments.discard(environment)
        if environment in self.idle:
            self.idle.remove(environment)
        self.grow()
        self._room.on_room()

    def _set_coming(self, environment: Environment, coming: bool) -> None:
        self._coming += coming - environment.is_coming
        environment.is_coming = coming

    def _count_start(self, environment: Environment) -> bool:
        """Note the end of INIT; False when it was noted before."""
        if not environment.is_starting:
            return False
        environment.is_starting = False
        self.starting -= 1
        return True

    def _start(self, bound: Invocation | None) -> None:
        environment = Environment(
            *(self.spec, self, self._zygote, self._completion, self._work_dir), bound=bound, faults=self._faults
        )
        self.environments.add(environment)
        self._set_coming(environment, bound is None)
        environment.is_starting = bound is None
        self.starting += environment.is_starting
        task = asyncio.get_running_loop().create_task(self._launch(environment, bound))
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _launch(self, environment: Environment, bound: Invocation | None) -> None:
        try:
            await environment.start()
        except OSError as error:
            # No descriptors, no memory, no zygote: the caller sees what the machine lacks.
            environment.release()
            failure = AwsError("ServiceException", f"An execution environment could not be started: {error}", 500)
            victims = [bound] if bound is not None else [self.waiting.popleft()] if self.waiting else []
            for invocation in victims:
                if not invocation.answer.done():
                    invocation.answer.set_exception(failure)
                invocation.on_finished()
            self.on_gone(environment)
