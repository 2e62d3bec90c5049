"""An event loop whose clock jumps to the next timer, so that a test of long waits takes no time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Looks at sockets without waiting, and adds the time that it would have waited to `waited`."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("the loop would wait for ever: no timer is set and nothing is ready")
        self.waited += max(0.0, timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """time() begins at 0 and advances by sleeps alone. For coroutines without threads and sockets."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.waited


def run_virtually(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """What `work` returns, and the virtual seconds that it took."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        result = runner.run(work)
        return result, runner.get_loop().time()


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns."""
    return run_virtually(work)[0]
