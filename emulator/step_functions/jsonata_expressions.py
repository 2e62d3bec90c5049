"""JSONata expressions as Step Functions evaluates them: `{% ... %}` as the whole string.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

from emulator.step_functions.document import encode_json
from emulator.step_functions.failures import QUERY_EVALUATION_ERROR, EvaluationError
from emulator.step_functions.jsonata_functions import SERVICE_FUNCTIONS

_MISSING: Final = object()
_PLAIN_PATH = re.compile(r"\s*\$([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)\s*\Z", re.ASCII)
_LITERALS = frozenset({"true", "false", "null", "and", "or", "in", "function"})
# What the library lets through from Python where JSONata has an error of its own (1/0, a wrong operand ...).
_PYTHON_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
JSON_TYPES: Final = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}


class ExpressionSyntaxError(ValueError):
    """An expression that does not parse."""


def is_expression(text: str) -> bool:
    """Whether a string of a JSONata state is an expression: the delimiters enclose the whole string."""
    return text.startswith("{%") and text.endswith("%}") and len(text) >= 4


class JsonataExpression:
    """One expression of one field; `evaluate` gives its JSON value."""

    __slots__ = ("_name", "_program", "_steps", "field", "source")

    def __init__(self, text: str, field: str) -> None:
        """Parses `text` (delimiters included); raises ExpressionSyntaxError."""
        self.source = text[2:-2].strip()
        self.field = field
        self._program = parse_program(self.source)
        plain = _PLAIN_PATH.match(self.source)
        steps = tuple(plain[2].split(".")[1:]) if plain else ()
        # A path of names through objects needs no evaluator: it is what most fields of a state machine are.
        self._name = plain[1] if plain and not _LITERALS.intersection(steps) else None
        self._steps = steps

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """The value with `bindings` as variables; raises EvaluationError for an error and for undefined."""
        if self._name is not None:
            value = bindings.get(self._name, _MISSING)
            for step in self._steps:
                if type(value) is not dict:
                    break
                value = value.get(step, _MISSING)
            else:
                if value is _MISSING:
                    raise self._failed("returned nothing (undefined).")
                return value
        return self._evaluate_program(bindings)

    def _evaluate_program(self, bindings: Mapping[str, Any]) -> Any:
        program = self._program
        # The library keeps one evaluator per thread; $now, $millis and regular expressions read it.
        Jsonata.CURRENT.jsonata = program
        frame = {name: Utils.NULL_VALUE if value is None else value for name, value in bindings.items()}
        try:
            result = program.evaluate(None, frame)
            if result is None:
                raise self._failed("returned nothing (undefined).")
            return _to_json(result)
        except JException as error:
            raise self._failed(f"threw an error during evaluation. {error.error}: {error}") from error
        except _UnsupportedResultError as error:
            raise self._failed("returned an unsupported result type.") from error
        except _PYTHON_ERRORS as error:
            raise self._failed(f"threw an error during evaluation. {error}") from error

    def _failed(self, what: str) -> EvaluationError:
        return EvaluationError(
            QUERY_EVALUATION_ERROR,
            f"The JSONata expression '{self.source}' specified for the field '{self.field}' {what}",
        )

    def unexpected_type(self, expected: str, value: Any) -> EvaluationError:
        """The failure of a field that wants a value of type `expected`."""
        return self._failed(
            f"returned an unexpected result type. Expected '{expected}', but was '{JSON_TYPES[type(value)]}' "
            f"for value: {encode_json(value)}"
        )


class _UnsupportedResultError(Exception):
    pass


@lru_cache(maxsize=4096)
def parse_program(source: str) -> Any:
    """The parsed expression, shared by all that have the same text; raises ExpressionSyntaxError."""
    try:
        program = Jsonata(source)
    except (JException, *_PYTHON_ERRORS) as error:
        raise ExpressionSyntaxError(f"{error}") from error
    # Step Functions gives no input document (`$` is undefined), and null must stay apart from undefined.
    program.set_validate_input(False)
    program.set_output_convert_nulls(False)
    for name, function in SERVICE_FUNCTIONS.items():
        program.register_function(name, function)
    return program


def _to_json(value: Any) -> Any:
    """`value` with the library's own lists and null replaced by plain ones."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float and math.isfinite(value):
        return value
    if isinstance(value, dict):
        return {key: _to_json(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if value is Utils.NULL_VALUE:
        return None
    raise _UnsupportedResultError
