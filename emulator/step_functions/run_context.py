"""What all states of one execution share."""

import random
from dataclasses import dataclass
from typing import Any

from emulator.step_functions.clock import Clock, format_timestamp
from emulator.step_functions.document import MAX_BYTES, Document
from emulator.step_functions.failures import EvaluationError, StateFailedError, data_limit_exceeded
from emulator.step_functions.field_reader import invalid_path
from emulator.step_functions.history import History
from emulator.step_functions.jsonpath import JsonPath, PathNotFoundError, ReferencePath
from emulator.step_functions.lane import Lane
from emulator.step_functions.model import State
from emulator.step_functions.scope import Scope
from emulator.step_functions.task_runner import TaskRunner


@dataclass(slots=True)
class RunContext:
    """History, clock, chance and the context object of one execution."""

    history: History
    clock: Clock
    random: random.Random
    tasks: TaskRunner
    execution: dict[str, Any]  # the members Execution and StateMachine of the context object
    trace_header: str | None
    region: str

    def open_scope(self, state: State, data: Document, lane: Lane, retry_count: int = 0) -> Scope:
        """What the fields of `state` see; the context object is made only where the state can read it."""
        context: dict[str, Any] = {}
        if state.uses_context:
            entered = {"EnteredTime": format_timestamp(self.clock.now()), "Name": state.name}
            context = {**self.execution, "State": {**entered, "RetryCount": retry_count}}
            if lane.map_item is not None:
                context["Map"] = {"Item": lane.map_item}
        scope = Scope(data.value, context, lane.variables)
        if state.is_jsonata:
            return scope
        if state.input_path is None:
            return scope.with_input({})
        value = self.read(state.input_path, scope)
        return scope if value is scope.input else scope.with_input(value)

    def read(self, path: JsonPath, scope: Scope) -> Any:
        """What a path leads to; raises EvaluationError where that is nothing."""
        try:
            return path.read(scope)
        except PathNotFoundError as error:
            raise invalid_path(path) from error

    @staticmethod
    def place(path: ReferencePath | None, root: Any, value: Any) -> Any:
        """`root` with `value` where the path says, `root` itself for no path; raises EvaluationError."""
        if path is None:
            return root
        try:
            return path.write(root, value)
        except PathNotFoundError as error:
            raise invalid_path(path) from error

    def close_state(self, state: State, data: Document, lane: Lane, scope: Scope, result: Any) -> Document:
        """The state's output, after the result was reshaped and variables were set.

        `data` is the state's raw input, `scope` was opened for it, and `result` is what the state did.
        """
        if state.is_jsonata:
            scope.states["result"] = result
            output = state.output.evaluate(scope) if state.output else result
            assigned = state.assign.evaluate(scope) if state.assign else None
        else:
            if state.result_selector:
                result = state.result_selector.evaluate(scope.with_input(result))
            # In a JSONPath state `$` of Assign is the state's result.
            assigned = state.assign.evaluate(scope.with_input(result)) if state.assign else None
            output = self._place_result(state, data, scope, result)
        return self.exit_state(state, data, lane, output, assigned)

    def _place_result(self, state: State, data: Document, scope: Scope, result: Any) -> Any:
        # ResultPath combines the result with the raw input, whatever InputPath selected from it.
        # Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-example.html
        output = self.place(state.result_path, data.value, result)
        if state.output_path is None:
            return {}
        return self.read(state.output_path, scope.with_input(output))

    def exit_state(
        self, state: State, data: Document, lane: Lane, output: Any, assigned: dict[str, Any] | None
    ) -> Document:
        """Records the exit, sets the variables and gives the output; raises where these are too large."""
        document = data if output is data.value else Document(output)
        if document.exceeds():
            raise data_limit_exceeded(state.name)
        details: dict[str, Any] = {"name": state.name, "output": document}
        if assigned:
            details["assignedVariables"] = self._check_assigned(state, assigned)
            lane.assign(assigned)
        lane.previous = self.history.add(f"{kind_of(state)}StateExited", lane.previous, state.name, details)
        return document

    @staticmethod
    def _check_assigned(state: State, assigned: dict[str, Any]) -> dict[str, str]:
        # Source: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
        # "The maximum combined size for all of the variables in a single Assign field is 256 KiB."
        documents = {name: Document(value) for name, value in assigned.items()}
        if sum(len(document.text.encode()) for document in documents.values()) > MAX_BYTES:
            raise data_limit_exceeded(state.name)
        return {name: document.text for name, document in documents.items()}


def kind_of(state: State) -> str:
    """The state's type, as the history's event types begin."""
    return type(state).__name__.removesuffix("State")


def locate(error: EvaluationError, state: State, entered_id: int) -> StateFailedError:
    """The failure that an evaluation error becomes, in AWS's words."""
    return StateFailedError(
        error.error,
        f"An error occurred while executing the state '{state.name}' (entered at the event id #{entered_id}). "
        f"{error.detail}",
    )
