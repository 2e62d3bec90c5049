"""Reads the fields of one state from its JSON, compiling what is to be evaluated."""

import json
import re
from typing import Any

from emulator.step_functions.diagnostics import DefinitionError
from emulator.step_functions.document import encode_json
from emulator.step_functions.failures import RUNTIME, EvaluationError
from emulator.step_functions.jsonata_expressions import ExpressionSyntaxError, JsonataExpression, is_expression
from emulator.step_functions.jsonpath import JsonPath, PathNotFoundError, ReferencePath
from emulator.step_functions.jsonpath_parser import PathError
from emulator.step_functions.model import QueryLanguage
from emulator.step_functions.scope import Scope
from emulator.step_functions.templates import (
    Evaluate,
    Template,
    TemplateError,
    compile_jsonata,
    compile_path_or_call,
    compile_payload,
)

RESULT = frozenset({"result"})
ERROR_OUTPUT = frozenset({"errorOutput"})
NOTHING: frozenset[str] = frozenset()

# `$states` alone, or any member but these, may show the context object; so may `$$` in a JSONPath state.
_CONTEXT_USE = re.compile(r"\$states(?!\s*\.\s*(?:input|result|errorOutput)\b)|\$\$")


class FieldReader:
    """The fields of one JSON object (a state, a catcher, a choice); raises DefinitionError for a bad one."""

    def __init__(self, source: dict[str, Any], location: str, language: QueryLanguage) -> None:
        self.source = source
        self.location = location
        self.language = language
        self.is_jsonata = language == "JSONata"

    def at(self, field: str) -> str:
        """The location of a field."""
        return f"{self.location}/{field}"

    def problem(self, message: str, field: str | None = None) -> DefinitionError:
        """A finding at a field, or at the object itself."""
        return DefinitionError(message, self.at(field) if field else self.location)

    def uses_context(self) -> bool:
        """Whether any field may read the context object."""
        return _CONTEXT_USE.search(json.dumps(self.source)) is not None

    def refuse_unknown(self, allowed: frozenset[str], not_implemented: dict[str, str]) -> None:
        """Raises for a field that the object does not have on AWS, or that this emulator does not implement."""
        for name in self.source:
            if name not in allowed:
                raise self.problem(f"The field '{name}' is not supported by Step Functions", name)
            if name in not_implemented:
                raise self.problem(f"not implemented by this emulator: '{name}', {not_implemented[name]}", name)

    def require(self, *names: str) -> None:
        """Raises for a field that is absent."""
        missing = [name for name in names if name not in self.source]
        if missing:
            raise self.problem(f"These fields are required: [{', '.join(missing)}]")

    def text(self, name: str) -> str | None:
        """A string that stands as it is."""
        value = self.source.get(name)
        if value is not None and not isinstance(value, str):
            raise self.problem(f"The field '{name}' must be a string", name)
        return value

    def required_text(self, name: str) -> str:
        """A string that must be there and not be empty."""
        self.require(name)
        value = self.text(name)
        if not value:
            raise self.problem(f"The field '{name}' must be a string that is not empty", name)
        return value

    def integer(self, name: str, default: int, *, least: int, most: int = 99_999_999) -> int:
        """A whole number within its range."""
        value = self.source.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.problem(f"The field '{name}' must be an integer between {least} and {most}", name)
        return value

    def path(self, name: str) -> JsonPath | None:
        """A path of a JSONPath state; absent means the whole, null drops the data (None)."""
        value = self.source.get(name, "$")
        if value is None:
            return None
        return self._parse_path(name, value)

    def _parse_path(self, name: str, value: Any) -> JsonPath:
        if not isinstance(value, str):
            raise self.problem(f"The value for the field '{name}' must be a valid JSONPath", name)
        try:
            return JsonPath(value)
        except PathError as error:
            raise self.problem(f"The value for the field '{name}' must be a valid JSONPath: {error}", name) from error

    def reference_path(self, name: str) -> ReferencePath | None:
        """Where a result goes; absent means that it replaces the input, null drops it (None)."""
        value = self.source.get(name, "$")
        if value is None:
            return None
        try:
            return ReferencePath(str(value))
        except PathError as error:
            raise self.problem(f"The value for the field '{name}' must be a valid ReferencePath: {error}", name) from (
                error
            )

    def template(self, name: str, available: frozenset[str] = NOTHING) -> Template | None:
        """A payload template in the state's query language, None where the field is absent."""
        if name not in self.source:
            return None
        try:
            if self.is_jsonata:
                return compile_jsonata(self.source[name], name, available=available)
            return compile_payload(self.source[name], name)
        except TemplateError as problem:
            raise self.problem(str(problem), problem.field) from problem

    def assign(self, available: frozenset[str] = NOTHING) -> Template | None:
        """The variables that are set, None where there are none."""
        if "Assign" not in self.source:
            return None
        variables = self.source["Assign"]
        if not isinstance(variables, dict):
            raise self.problem("The field 'Assign' must be an object", "Assign")
        for name in variables:
            plain = name.removesuffix(".$") if not self.is_jsonata else name
            # Source: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html (naming, limits)
            if not plain.isidentifier() or len(plain) > 80 or plain == "states":
                raise self.problem(f"'{plain}' is not a valid variable name", "Assign")
        return self.template("Assign", available)

    def text_or_expression(self, name: str) -> Evaluate | None:
        """A string: fixed, a JSONata expression, or `<name>Path` in a JSONPath state."""
        if not self.is_jsonata and f"{name}Path" in self.source:
            if name in self.source:
                raise self.problem(f"You cannot specify both '{name}' and '{name}Path'")
            value = self.required_text(f"{name}Path")
            try:
                return compile_path_or_call(value, f"{name}Path", f"{name}Path")
            except TemplateError as problem:
                raise self.problem(str(problem), f"{name}Path") from problem
        fixed = self.text(name)
        if fixed is None:
            return None
        template = self.template(name) if self.is_jsonata else None
        return template.evaluate if template else lambda _scope: fixed

    def whole_number(self, name: str, *, least: int, most: int = 99_999_999) -> Evaluate | None:
        """A whole number: fixed, a JSONata expression, or `<name>Path` in a JSONPath state; checked when evaluated."""
        path_name = f"{name}Path"
        if not self.is_jsonata and path_name in self.source:
            if name in self.source:
                raise self.problem(f"You cannot specify both '{name}' and '{path_name}'")
            return _whole_number_at(self._parse_path(path_name, self.source[path_name]), path_name, least)
        value = self.source.get(name)
        if value is None and name not in self.source:
            return None
        if self.is_jsonata and isinstance(value, str) and is_expression(value):
            return _whole_number_of(self.expression(name), least)
        number = self.integer(name, 0, least=least, most=most)
        return lambda _scope: number

    def expression(self, name: str) -> JsonataExpression:
        """The JSONata expression that is the whole of a field."""
        self.template(name)  # refuses $states.result where it is not accessible
        try:
            return JsonataExpression(self.source[name], name)
        except ExpressionSyntaxError as problem:
            raise self.problem(f"The JSONata expression is not valid: {problem}", name) from problem


def _whole_number_of(expression: JsonataExpression, least: int) -> Evaluate:
    def evaluate(scope: Scope) -> int:
        value = expression.evaluate(scope.bindings)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < least:
            raise expression.unexpected_type("integer", value)
        return int(value)

    return evaluate


def _whole_number_at(path: JsonPath, field: str, least: int) -> Evaluate:
    def evaluate(scope: Scope) -> int:
        try:
            value = path.read(scope)
        except PathNotFoundError as error:
            raise invalid_path(path) from error
        if isinstance(value, str) and value.isdecimal():
            value = int(value)  # AWS reads a number from a string here
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < least:
            raise EvaluationError(
                RUNTIME, f"The {field} field refers to value {encode_json(value)} which is not a valid integer"
            )
        return int(value)

    return evaluate


def invalid_path(path: JsonPath | ReferencePath) -> EvaluationError:
    """The failure of a path that leads nowhere."""
    return EvaluationError(RUNTIME, f"Invalid path '{path.text}' : No results for path: {path.normalized}")
