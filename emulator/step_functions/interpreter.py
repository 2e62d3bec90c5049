"""Runs the states of an execution, one after the other, until its branch ends or fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from emulator.step_functions.document import Document
from emulator.step_functions.failures import NO_CHOICE_MATCHED, EvaluationError, StateFailedError, data_limit_exceeded
from emulator.step_functions.fan_out import run_map, run_parallel
from emulator.step_functions.lane import Lane
from emulator.step_functions.model import (
    Branch,
    Catcher,
    ChoiceState,
    FailState,
    GuardedState,
    MapState,
    ParallelState,
    PassState,
    State,
    SucceedState,
    TaskState,
    WaitState,
)
from emulator.step_functions.retry import RetryBudget, matches
from emulator.step_functions.run_context import RunContext, kind_of, locate
from emulator.step_functions.scope import Scope
from emulator.step_functions.task_state import run_task
from emulator.step_functions.waiting import seconds_to_wait

# The next state's name, None at the end of the branch, and the output.
Outcome = tuple[str | None, Document]


class Interpreter:
    """Runs branches of one execution."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._handlers: dict[type[State], Callable[[Any, Document, Lane, int], Awaitable[Outcome]]] = {
            TaskState: self._guarded(self._task),
            ParallelState: self._guarded(self._parallel),
            MapState: self._guarded(self._map),
            PassState: self._pass,
            ChoiceState: self._choice,
            WaitState: self._wait,
            SucceedState: self._succeed,
            FailState: self._fail,
        }

    async def run_branch(self, branch: Branch, data: Document, lane: Lane) -> Document:
        """The output of the branch's last state; raises StateFailedError where a state's error is not caught."""
        history = self._run.history
        name: str | None = branch.start_at
        while name is not None:
            state = branch.states[name]
            kind = kind_of(state)
            entered = history.add(f"{kind}StateEntered", lane.previous, name, {"name": name, "input": data})
            lane.previous = entered
            span = lane.span = None if lane.parent_span is None else lane.parent_span.enter_state(name)
            try:
                name, data = await self._handlers[type(state)](state, data, lane, entered)
            except EvaluationError as error:
                failure = self._evaluation_failed(error, state, lane, entered)
                if span is not None:
                    span.end(failure.error)
                raise failure from error
            except StateFailedError as failure:
                if span is not None:
                    span.end(failure.error or "")
                raise
            except asyncio.CancelledError:
                if span is not None:
                    span.end("Aborted")
                # A Map or Parallel that failed elsewhere, or the execution's end, stops this state.
                if kind in ("Task", "Map", "Parallel", "Wait"):
                    lane.previous = history.add_last(f"{kind}StateAborted", lane.previous, None)
                raise
            if span is not None:
                span.end()
        return data

    def _evaluation_failed(self, error: EvaluationError, state: State, lane: Lane, entered: int) -> StateFailedError:
        failure = locate(error, state, entered)
        if state.is_jsonata:
            details = {"error": failure.error, "cause": failure.cause, "state": state.name}
            lane.previous = self._run.history.add("EvaluationFailed", lane.previous, state.name, details)
        return failure

    # Retry and Catch

    def _guarded(
        self, attempt: Callable[[Any, Document, Lane, int], Awaitable[Document]]
    ) -> Callable[[Any, Document, Lane, int], Awaitable[Outcome]]:
        async def run(state: GuardedState, data: Document, lane: Lane, entered: int) -> Outcome:
            budget: RetryBudget | None = None
            while True:
                try:
                    return state.next, await attempt(state, data, lane, budget.total if budget else 0)
                except EvaluationError as error:
                    failure = self._evaluation_failed(error, state, lane, entered)
                except StateFailedError as error:
                    failure = error
                budget = budget or RetryBudget(state.retriers)
                delay = budget.next_delay(failure.error, self._run.random)
                if delay is None:
                    self._record_failure(state, lane)
                    return self._catch(state, data, lane, failure, budget.total)
                await self._run.clock.sleep(delay)

        return run

    def _record_failure(self, state: GuardedState, lane: Lane) -> None:
        # AWS tells MapStateFailed and ParallelStateFailed once no retry is left; a Task has events of its own.
        if not isinstance(state, TaskState):
            lane.previous = self._run.history.add(f"{kind_of(state)}StateFailed", lane.previous, state.name)

    def _catch(
        self, state: GuardedState, data: Document, lane: Lane, failure: StateFailedError, retry_count: int
    ) -> Outcome:
        for catcher in state.catchers:
            if matches(catcher.error_equals, failure.error):
                return catcher.next, self._apply_catcher(catcher, state, data, lane, failure, retry_count)
        raise failure

    def _apply_catcher(
        self,
        catcher: Catcher,
        state: GuardedState,
        data: Document,
        lane: Lane,
        failure: StateFailedError,
        retry_count: int,
    ) -> Document:
        error_output: Any = failure.error_output()
        scope = self._run.open_scope(state, data, lane, retry_count)
        if state.is_jsonata:
            scope.states["errorOutput"] = error_output
            output = catcher.output.evaluate(scope) if catcher.output else error_output
            assigned = catcher.assign.evaluate(scope) if catcher.assign else None
        else:
            output = self._run.place(catcher.result_path, data.value, error_output)
            assigned = catcher.assign.evaluate(scope.with_input(error_output)) if catcher.assign else None
        return self._run.exit_state(state, data, lane, output, assigned)

    # States

    async def _task(self, state: TaskState, data: Document, lane: Lane, retry_count: int) -> Document:
        scope = self._run.open_scope(state, data, lane, retry_count)
        result = await run_task(self._run, state, lane, scope)
        return self._run.close_state(state, data, lane, scope, result.value)

    async def _parallel(self, state: ParallelState, data: Document, lane: Lane, retry_count: int) -> Document:
        scope = self._run.open_scope(state, data, lane, retry_count)
        result = await run_parallel(self._run, self.run_branch, state, lane, scope)
        return self._run.close_state(state, data, lane, scope, result)

    async def _map(self, state: MapState, data: Document, lane: Lane, retry_count: int) -> Document:
        scope = self._run.open_scope(state, data, lane, retry_count)
        result = await run_map(self._run, self.run_branch, state, lane, scope)
        return self._run.close_state(state, data, lane, scope, result)

    async def _pass(self, state: PassState, data: Document, lane: Lane, _entered: int) -> Outcome:
        scope = self._run.open_scope(state, data, lane)
        result = scope.input
        if state.has_result:
            result = state.result
        elif state.parameters is not None:
            result = state.parameters.evaluate(scope)
        return state.next, self._run.close_state(state, data, lane, scope, result)

    async def _succeed(self, state: SucceedState, data: Document, lane: Lane, _entered: int) -> Outcome:
        return None, self._close_plain(state, data, lane, self._run.open_scope(state, data, lane))

    async def _fail(self, state: FailState, data: Document, lane: Lane, _entered: int) -> Outcome:
        scope = self._run.open_scope(state, data, lane) if state.uses_context else Scope(data.value, {}, lane.variables)
        error = state.error(scope) if state.error else None
        cause = state.cause(scope) if state.cause else None
        raise StateFailedError(error, cause)

    async def _wait(self, state: WaitState, data: Document, lane: Lane, _entered: int) -> Outcome:
        scope = self._run.open_scope(state, data, lane)
        await self._run.clock.sleep(seconds_to_wait(state, scope, self._run.clock.now()))
        return state.next, self._close_plain(state, data, lane, scope)

    async def _choice(self, state: ChoiceState, data: Document, lane: Lane, _entered: int) -> Outcome:
        scope = self._run.open_scope(state, data, lane)
        for branch in state.branches:
            if branch.condition(scope) if branch.condition else branch.rule is not None and branch.rule(scope):
                chosen, output, assign = branch.next, branch.output, branch.assign
                break
        else:
            if state.default is None:
                raise EvaluationError(NO_CHOICE_MATCHED, "Failed to transition out of the state.")
            chosen, output, assign = state.default, state.output, state.assign
        value = self._plain_output(state, scope)
        if output is not None:
            value = output.evaluate(scope)
        assigned = assign.evaluate(scope) if assign else None
        return chosen, self._run.exit_state(state, data, lane, value, assigned)

    def _plain_output(self, state: State, scope: Scope) -> Any:
        if state.is_jsonata:
            return scope.input
        return {} if state.output_path is None else self._run.read(state.output_path, scope)

    def _close_plain(self, state: State, data: Document, lane: Lane, scope: Scope) -> Document:
        """The output of a state that has no result of its own."""
        value = state.output.evaluate(scope) if state.output else self._plain_output(state, scope)
        assigned = state.assign.evaluate(scope) if state.assign else None
        return self._run.exit_state(state, data, lane, value, assigned)


def check_input(data: Document, what: str) -> None:
    """Raises States.DataLimitExceeded for data that may not enter a state."""
    if data.exceeds():
        raise data_limit_exceeded(what)
