"""Reads one state of a definition, by its type."""

from collections.abc import Callable
from typing import Any

from emulator.step_functions.choice_rules import compile_rule
from emulator.step_functions.field_reader import NOTHING, RESULT, FieldReader
from emulator.step_functions.guard_fields import read_catchers, read_retriers
from emulator.step_functions.jsonata_expressions import is_expression
from emulator.step_functions.jsonpath_parser import PathError
from emulator.step_functions.map_fields import read_map
from emulator.step_functions.model import (
    Branch,
    ChoiceBranch,
    ChoiceState,
    FailState,
    ParallelState,
    PassState,
    QueryLanguage,
    State,
    SucceedState,
    TaskState,
    WaitState,
)
from emulator.step_functions.resources import ResourceError, parse_resource
from emulator.step_functions.state_fields import ALLOWED, NOT_IMPLEMENTED, STATE_TYPES
from emulator.step_functions.templates import Evaluate
from emulator.step_functions.timestamps import parse_timestamp

ReadBranch = Callable[[Any, str, frozenset[str], QueryLanguage], Branch]
_CHOICE_FIELDS = frozenset({"Condition", "Next", "Assign", "Output", "Comment"})


class StateReader:
    """Reads states of one machine; `read_branch` reads the branches that are inside them."""

    def __init__(self, machine_type: str, read_branch: ReadBranch) -> None:
        self._machine_type = machine_type
        self._read_branch = read_branch

    def read(self, name: str, source: dict[str, Any], location: str, inherited: QueryLanguage) -> State:
        """The state; raises DefinitionError."""
        language = _query_language(source, location, inherited)
        reader = FieldReader(source, location, language)
        kind = source.get("Type")
        if kind not in STATE_TYPES:
            raise reader.problem(
                f"The field 'Type' should have one of these values: [{', '.join(STATE_TYPES)}]", "Type"
            )
        reader.refuse_unknown(ALLOWED[language][kind], NOT_IMPLEMENTED)
        state: State = getattr(self, f"_read_{kind.lower()}")(name, reader)
        state.next = _next(reader, kind)
        state.uses_context = reader.uses_context()
        if kind != "Fail":
            self._read_data_flow(state, reader, kind)
        return state

    def _read_data_flow(self, state: State, reader: FieldReader, kind: str) -> None:
        has_result = kind in ("Task", "Parallel", "Map")
        available = RESULT if has_result else NOTHING
        if "Assign" in ALLOWED[reader.language][kind]:
            state.assign = reader.assign(available)
        if reader.is_jsonata:
            state.output = reader.template("Output", available)
            if has_result and kind != "Map":
                state.parameters = reader.template("Arguments")
            return
        state.input_path = reader.path("InputPath")
        state.output_path = reader.path("OutputPath")
        if has_result or kind == "Pass":
            state.result_path = reader.reference_path("ResultPath")
            state.result_selector = reader.template("ResultSelector")
            if kind != "Map":
                state.parameters = reader.template("Parameters")

    def _read_task(self, name: str, reader: FieldReader) -> TaskState:
        text = reader.required_text("Resource")
        try:
            resource = parse_resource(text, self._machine_type)
        except ResourceError as problem:
            raise reader.problem(str(problem), "Resource") from problem
        timeout, heartbeat = reader.source.get("TimeoutSeconds"), reader.source.get("HeartbeatSeconds")
        if isinstance(timeout, int) and isinstance(heartbeat, int) and heartbeat >= timeout:
            raise reader.problem("'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'", "HeartbeatSeconds")
        payload = reader.source.get("Arguments" if reader.is_jsonata else "Parameters", {})
        if resource.kind == "lambda_invoke":
            _refuse_invocation_type(reader, payload)
        return TaskState(
            name,
            reader.language,
            retriers=read_retriers(reader),
            catchers=read_catchers(reader),
            resource=resource,
            timeout_seconds=reader.whole_number("TimeoutSeconds", least=1),
            heartbeat_seconds=reader.whole_number("HeartbeatSeconds", least=1),
        )

    def _read_pass(self, name: str, reader: FieldReader) -> PassState:
        return PassState(
            name, reader.language, result=reader.source.get("Result"), has_result="Result" in reader.source
        )

    def _read_succeed(self, name: str, reader: FieldReader) -> SucceedState:
        return SucceedState(name, reader.language)

    def _read_fail(self, name: str, reader: FieldReader) -> FailState:
        return FailState(
            name,
            reader.language,
            error=reader.text_or_expression("Error"),
            cause=reader.text_or_expression("Cause"),
        )

    def _read_wait(self, name: str, reader: FieldReader) -> WaitState:
        given = [f for f in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if f in reader.source]
        if len(given) != 1:
            raise reader.problem("Exactly one of [Seconds, SecondsPath, Timestamp, TimestampPath] is required")
        field = given[0]
        if field.startswith("Seconds"):
            seconds = reader.whole_number("Seconds", least=0)
            return WaitState(name, reader.language, seconds=seconds)
        fixed = reader.source.get("Timestamp")
        if isinstance(fixed, str) and not is_expression(fixed) and parse_timestamp(fixed) is None:
            raise reader.problem("String does not match RFC3339 timestamp", "Timestamp")
        timestamp: Evaluate | None = reader.text_or_expression("Timestamp")
        return WaitState(name, reader.language, timestamp=timestamp, timestamp_field=field)

    def _read_choice(self, name: str, reader: FieldReader) -> ChoiceState:
        reader.require("Choices")
        choices = reader.source["Choices"]
        if not isinstance(choices, list) or not choices:
            raise reader.problem("Value cannot be empty", "Choices")
        readers = [FieldReader(c, f"{reader.at('Choices')}[{i}]", reader.language) for i, c in enumerate(choices)]
        return ChoiceState(
            name,
            reader.language,
            branches=tuple(_read_choice_branch(entry) for entry in readers),
            default=reader.text("Default"),
        )

    def _read_parallel(self, name: str, reader: FieldReader) -> ParallelState:
        reader.require("Branches")
        branches = reader.source["Branches"]
        if not isinstance(branches, list) or not branches:
            raise reader.problem("Value cannot be empty", "Branches")
        return ParallelState(
            name,
            reader.language,
            retriers=read_retriers(reader),
            catchers=read_catchers(reader),
            branches=tuple(
                self._inner_branch(inner, f"{reader.at('Branches')}[{index}]", reader)
                for index, inner in enumerate(branches)
            ),
        )

    def _read_map(self, name: str, reader: FieldReader) -> State:
        return read_map(name, reader, self._machine_type, self._inner_branch)

    def _inner_branch(
        self, source: Any, location: str, reader: FieldReader, fields: frozenset[str] = NOTHING
    ) -> Branch:
        return self._read_branch(source, location, fields, reader.language)


def _query_language(source: dict[str, Any], location: str, inherited: QueryLanguage) -> QueryLanguage:
    own = source.get("QueryLanguage", inherited)
    reader = FieldReader(source, location, inherited)
    if own not in ("JSONata", "JSONPath"):
        raise reader.problem("The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]")
    if inherited == "JSONata" and own == "JSONPath":
        raise reader.problem("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
    language: QueryLanguage = own
    return language


def _next(reader: FieldReader, kind: str) -> str | None:
    if kind in ("Choice", "Succeed", "Fail"):
        return None
    target, end = reader.text("Next"), reader.source.get("End", False)
    if not isinstance(end, bool):
        raise reader.problem("The field 'End' must be true or false", "End")
    if (target is None) != end:
        raise reader.problem("Exactly one of these fields is required: [Next, End]")
    return target


def _refuse_invocation_type(reader: FieldReader, payload: Any) -> None:
    kind = payload.get("InvocationType", "RequestResponse") if isinstance(payload, dict) else "RequestResponse"
    if kind != "RequestResponse":
        raise reader.problem(f"not implemented by this emulator: lambda:invoke with InvocationType '{kind}'")


def _read_choice_branch(reader: FieldReader) -> ChoiceBranch:
    target = reader.required_text("Next")
    if not reader.is_jsonata:
        try:
            return ChoiceBranch(target, rule=compile_rule(reader.source), assign=reader.assign())
        except PathError as problem:
            raise reader.problem(str(problem)) from problem
    reader.refuse_unknown(_CHOICE_FIELDS, {})
    reader.require("Condition")
    condition = reader.source["Condition"]
    if isinstance(condition, bool):
        return _jsonata_branch(reader, target, lambda _scope: condition)
    if not isinstance(condition, str) or not is_expression(condition):
        raise reader.problem("The field 'Condition' must be a JSONata expression or a boolean", "Condition")
    expression = reader.expression("Condition")
    return _jsonata_branch(reader, target, lambda scope: _truth(expression, scope))


def _jsonata_branch(reader: FieldReader, target: str, condition: Evaluate) -> ChoiceBranch:
    return ChoiceBranch(
        target,
        condition=condition,
        assign=reader.assign(),
        output=reader.template("Output"),
    )


def _truth(expression: Any, scope: Any) -> bool:
    value = expression.evaluate(scope.bindings)
    if not isinstance(value, bool):
        raise expression.unexpected_type("boolean", value)
    return value
