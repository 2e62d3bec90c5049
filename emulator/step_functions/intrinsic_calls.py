"""Parses a call such as `States.Format('{} of {}', $.name, States.ArrayLength($.items))` and evaluates it."""

import json
import re
from dataclasses import dataclass
from typing import Any

from emulator.step_functions.failures import INTRINSIC_FAILURE, EvaluationError
from emulator.step_functions.intrinsics import INTRINSICS, IntrinsicError
from emulator.step_functions.jsonpath import JsonPath
from emulator.step_functions.jsonpath_parser import PathError
from emulator.step_functions.scope import Scope

# Source: https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html ("nest up to 10")
_MAX_NESTING = 10
_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_LITERAL = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_ESCAPES = {"'": "'", "\\": "\\", "{": "\ue000", "}": "\ue001"}


@dataclass(frozen=True, slots=True)
class Literal:
    """An argument that stands as it is."""

    value: Any


@dataclass(frozen=True, slots=True)
class IntrinsicCall:
    """A call with its arguments."""

    name: str
    arguments: tuple["Literal | JsonPath | IntrinsicCall", ...]

    def evaluate(self, scope: Scope) -> Any:
        """The function's value; raises EvaluationError with States.IntrinsicFailure, PathNotFoundError."""
        values = [_evaluate(argument, scope) for argument in self.arguments]
        function = INTRINSICS[self.name][0]
        try:
            return function(*values)
        except (IntrinsicError, ValueError) as error:
            raise EvaluationError(INTRINSIC_FAILURE, f"The function '{self.name}' failed: {error}.") from error


def _evaluate(argument: "Literal | JsonPath | IntrinsicCall", scope: Scope) -> Any:
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, JsonPath):
        return argument.read(scope)
    return argument.evaluate(scope)


def _plain_braces(argument: "Literal | JsonPath | IntrinsicCall") -> "Literal | JsonPath | IntrinsicCall":
    if isinstance(argument, Literal) and isinstance(argument.value, str):
        return Literal(argument.value.replace("\ue000", "{").replace("\ue001", "}"))
    return argument


def parse_call(text: str) -> IntrinsicCall:
    """The call that `text` holds; raises PathError for an unknown function and for bad syntax."""
    parser = _Parser(text)
    call = parser.call(1)
    parser.blanks()
    if parser.position != len(text):
        raise PathError(f"unexpected '{text[parser.position :]}' after '{call.name}(...)'")
    return call


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def _take(self, token: str) -> bool:
        self.blanks()
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def call(self, depth: int) -> IntrinsicCall:
        if depth > _MAX_NESTING:
            raise PathError(f"more than {_MAX_NESTING} nested intrinsic functions")
        name = _NAME.match(self.text, self.position)
        if not name or name[0] not in INTRINSICS:
            raise PathError(f"unknown intrinsic function in '{self.text}'")
        self.position = name.end()
        if not self._take("("):
            raise PathError(f"expected '(' after '{name[0]}'")
        arguments: list[Literal | JsonPath | IntrinsicCall] = []
        while not self._take(")"):
            if arguments and not self._take(","):
                raise PathError(f"expected ',' or ')' at position {self.position} of '{self.text}'")
            arguments.append(self._argument(depth))
        _function, least, most = INTRINSICS[name[0]]
        if len(arguments) < least or (most is not None and len(arguments) > most):
            raise PathError(f"'{name[0]}' does not take {len(arguments)} arguments")
        # Only the template of States.Format tells an escaped brace from a bare one.
        kept = 1 if name[0] == "States.Format" else 0
        return IntrinsicCall(name[0], (*arguments[:kept], *map(_plain_braces, arguments[kept:])))

    def _argument(self, depth: int) -> "Literal | JsonPath | IntrinsicCall":
        self.blanks()
        string = _STRING.match(self.text, self.position)
        if string:
            self.position = string.end()
            return Literal(re.sub(r"\\(.)", self._unescape, string[1], flags=re.DOTALL))
        literal = _LITERAL.match(self.text, self.position)
        if literal:
            self.position = literal.end()
            return Literal(json.loads(literal[0]))
        if self.text.startswith("$", self.position):
            return JsonPath(self._path_text())
        return self.call(depth + 1)

    @staticmethod
    def _unescape(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            raise PathError(f"unsupported escape '\\{found[1]}'")
        return _ESCAPES[found[1]]

    def _path_text(self) -> str:
        start, depth, quote = self.position, 0, ""
        while self.position < len(self.text):
            character = self.text[self.position]
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            elif character in "[(":
                depth += 1
            elif character in "])":
                if depth == 0:
                    break
                depth -= 1
            elif character == "," and depth == 0:
                break
            self.position += 1
        return self.text[start : self.position].rstrip()
