"""Payload templates: JSON whose expressions or paths are replaced when a state runs."""

import re
from collections.abc import Callable
from typing import Any

from emulator.step_functions.document import encode_json
from emulator.step_functions.failures import RUNTIME, EvaluationError
from emulator.step_functions.intrinsic_calls import parse_call
from emulator.step_functions.jsonata_expressions import ExpressionSyntaxError, JsonataExpression, is_expression
from emulator.step_functions.jsonpath import JsonPath, PathNotFoundError
from emulator.step_functions.jsonpath_parser import PathError
from emulator.step_functions.scope import Scope

Evaluate = Callable[[Scope], Any]

_UNAVAILABLE = re.compile(r"\$states\s*\.\s*(result|errorOutput)\b")


class TemplateError(ValueError):
    """A template that cannot be compiled; `field` is the path of the offending field within the template."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class Template:
    """A compiled template with its source; one that holds nothing to evaluate gives its source."""

    __slots__ = ("evaluate", "source")

    def __init__(self, source: Any, evaluate: Evaluate | None) -> None:
        self.source = source
        self.evaluate: Evaluate = evaluate if evaluate is not None else lambda _scope: source


def compile_jsonata(source: Any, field: str, *, available: frozenset[str] = frozenset()) -> Template:
    """The template of a JSONata state; `available` are the members of $states it may use besides input and context.

    Raises TemplateError for an expression that does not parse or that names a member which is not there: AWS
    refuses `$states.result` outside Output and Assign when the machine is created.
    Source: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html (Reserved variable: $states)
    """
    return Template(source, _compile_jsonata(source, field, available))


def _compile_jsonata(source: Any, field: str, available: frozenset[str]) -> Evaluate | None:
    if isinstance(source, str):
        return _compile_expression(source, field, available) if is_expression(source) else None
    if isinstance(source, dict):
        return _object_of({k: _compile_jsonata(v, f"{field}/{k}", available) for k, v in source.items()}, source)
    if isinstance(source, list):
        return _list_of([_compile_jsonata(v, f"{field}[{i}]", available) for i, v in enumerate(source)], source)
    return None


def _compile_expression(source: str, field: str, available: frozenset[str]) -> Evaluate:
    for member in _UNAVAILABLE.findall(source):
        if member not in available:
            raise TemplateError(f"'$states.{member}' is not accessible in this field", field)
    try:
        evaluate = JsonataExpression(source, field).evaluate
    except ExpressionSyntaxError as problem:
        raise TemplateError(f"The JSONata expression '{source}' is not valid: {problem}", field) from problem
    return lambda scope: evaluate(scope.bindings)


def _object_of(members: dict[str, Evaluate | None], source: dict[str, Any]) -> Evaluate | None:
    computed = [(name, evaluate) for name, evaluate in members.items() if evaluate is not None]
    if not computed:
        return None

    def evaluate_object(scope: Scope) -> dict[str, Any]:
        result = dict(source)
        for name, evaluate in computed:
            result[name] = evaluate(scope)
        return result

    return evaluate_object


def _list_of(items: list[Evaluate | None], source: list[Any]) -> Evaluate | None:
    computed = [(index, evaluate) for index, evaluate in enumerate(items) if evaluate is not None]
    if not computed:
        return None

    def evaluate_list(scope: Scope) -> list[Any]:
        result = list(source)
        for index, evaluate in computed:
            result[index] = evaluate(scope)
        return result

    return evaluate_list


def compile_payload(source: Any, field: str) -> Template:
    """The payload template of a JSONPath state: members whose name ends in `.$` are paths or intrinsic calls.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
    """
    return Template(source, _compile_payload(source, field))


def _compile_payload(source: Any, field: str) -> Evaluate | None:
    if isinstance(source, list):
        return _list_of([_compile_payload(item, f"{field}[{i}]") for i, item in enumerate(source)], source)
    if not isinstance(source, dict):
        return None
    members: dict[str, Evaluate | None] = {}
    plain: dict[str, Any] = {}
    for name, value in source.items():
        if name.endswith(".$"):
            if not isinstance(value, str):
                raise _invalid_path(name, field)
            members[name[:-2]] = compile_path_or_call(value, name, field)
            plain[name[:-2]] = None
        else:
            members[name] = _compile_payload(value, f"{field}/{name}")
            plain[name] = value
    return _object_of(members, plain)


def _invalid_path(name: str, field: str) -> TemplateError:
    return TemplateError(
        f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call", field
    )


def compile_path_or_call(text: str, name: str, field: str) -> Evaluate:
    """What a `.$` member evaluates to; raises TemplateError."""
    try:
        if text.startswith("States."):
            return _located(parse_call(text).evaluate, text, name)
        return _located(JsonPath(text).read, text, name)
    except PathError as problem:
        if "not implemented" in str(problem):
            raise TemplateError(str(problem), field) from problem
        raise TemplateError(f"{_invalid_path(name, field)}: {problem}", field) from problem


def _located(read: Evaluate, text: str, name: str) -> Evaluate:
    def evaluate(scope: Scope) -> Any:
        try:
            return read(scope)
        except PathNotFoundError as error:
            raise EvaluationError(
                RUNTIME,
                f"The JSONPath '{text}' specified for the field '{name}' could not be found in the input "
                f"'{encode_json(scope.input)}'",
            ) from error

    return evaluate
