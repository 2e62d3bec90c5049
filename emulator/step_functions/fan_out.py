"""Runs Map and Parallel: several lanes at a time, all stopped by the first failure."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from emulator.step_functions.document import Document
from emulator.step_functions.failures import EvaluationError, StateFailedError, data_limit_exceeded
from emulator.step_functions.lane import Lane
from emulator.step_functions.model import Branch, MapState, ParallelState
from emulator.step_functions.run_context import RunContext
from emulator.step_functions.scope import Scope

RunBranch = Callable[[Branch, Document, Lane], Awaitable[Document]]

# "In this mode, the Map state supports up to 40 concurrent iterations."
# Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
MAX_INLINE_CONCURRENCY: Final = 40


async def run_parallel(
    run: RunContext, run_branch: RunBranch, state: ParallelState, lane: Lane, scope: Scope
) -> list[Any]:
    """The outputs of the branches in their order; raises the first branch's StateFailedError.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
    """
    data = Document(state.parameters.evaluate(scope) if state.parameters else scope.input)
    if data.exceeds():
        raise data_limit_exceeded(state.name)
    started = lane.previous = run.history.add("ParallelStateStarted", lane.previous, state.name)
    outputs: list[Any] = [None] * len(state.branches)
    lanes = [Lane(started, lane.variables, lane.map_item, lane.span) for _ in state.branches]

    async def run_one(index: int) -> None:
        outputs[index] = (await run_branch(state.branches[index], data, lanes[index])).value

    try:
        await _run_together([run_one(index) for index in range(len(lanes))])
    except StateFailedError:
        lane.previous = max(each.previous for each in lanes)
        raise
    lane.previous = max(each.previous for each in lanes)
    run.history.add("ParallelStateSucceeded", lane.previous, state.name)
    return outputs


async def run_map(run: RunContext, run_branch: RunBranch, state: MapState, lane: Lane, scope: Scope) -> list[Any]:
    """The outputs of the iterations in the order of the items; raises the first failure of an iteration."""
    assert state.items is not None
    items = state.items(scope)
    limit = state.max_concurrency(scope) if state.max_concurrency else 0
    details = {"length": len(items)}
    started = lane.previous = run.history.add("MapStateStarted", lane.previous, state.name, details)
    if not items:
        run.history.add("MapStateSucceeded", lane.previous, state.name)
        return []
    iterations = _Iterations(run, run_branch, state, scope, items)
    workers = min(limit or MAX_INLINE_CONCURRENCY, MAX_INLINE_CONCURRENCY, len(items))
    try:
        await _run_together([iterations.work(started, lane) for _ in range(workers)])
    except (StateFailedError, EvaluationError):
        lane.previous = iterations.last_event
        raise
    lane.previous = iterations.last_event
    run.history.add("MapStateSucceeded", lane.previous, state.name)
    return iterations.outputs


class _Iterations:
    """The items of one Map state, which its workers take one after the other."""

    def __init__(self, run: RunContext, run_branch: RunBranch, state: MapState, scope: Scope, items: list[Any]) -> None:
        self._run = run
        self._run_branch = run_branch
        self._state = state
        self._scope = scope
        self._remaining = deque(enumerate(items))
        self.outputs: list[Any] = [None] * len(items)
        self.last_event = 0

    async def work(self, started: int, outer: Lane) -> None:
        """Runs iterations until no item is left."""
        history, name = self._run.history, self._state.name
        previous = started
        while self._remaining:
            index, value = self._remaining.popleft()
            details = {"name": name, "index": index}
            item = {"Index": index, "Value": value}
            lane = Lane(history.add("MapIterationStarted", previous, name, details), outer.variables, item, outer.span)
            try:
                data = self._select(value, item)
                self.outputs[index] = (await self._run_branch(self._state.processor, data, lane)).value
            except StateFailedError:
                self._remaining.clear()  # before the other workers are told to stop they begin nothing new
                history.add("MapIterationFailed", lane.previous, name, details)
                raise
            except asyncio.CancelledError:
                history.add_last("MapIterationAborted", lane.previous, details)
                raise
            finally:
                self.last_event = previous = lane.previous
            self.last_event = history.add("MapIterationSucceeded", previous, name, details)

    def _select(self, value: Any, item: dict[str, Any]) -> Document:
        selector = self._state.item_selector
        if selector is not None:
            context = {**self._scope.context, "Map": {"Item": item}}
            value = selector.evaluate(Scope(self._scope.input, context, self._scope.variables))
        data = Document(value)
        if data.exceeds():
            raise data_limit_exceeded(self._state.name)
        return data


async def _run_together(lanes: list[Coroutine[Any, Any, None]]) -> None:
    """Runs lanes at the same time; the first failure stops the others and is raised once they have stopped."""
    if len(lanes) == 1:
        await lanes[0]
        return
    tasks = [asyncio.ensure_future(lane) for lane in lanes]
    first: BaseException | None = None
    try:
        pending: set[asyncio.Task[None]] = set(tasks)
        while pending and first is None:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
            # Of several that failed in the same turn of the loop the lowest lane counts, so that runs are repeatable.
            failed = (task.exception() for task in tasks if task in done and not task.cancelled())
            first = next((error for error in failed if error is not None), None)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if first is not None:
        raise first
