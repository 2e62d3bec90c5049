"""Filter patterns for messages that are JSON: `{ $.run_id = "r1" && $.users > 10 }`.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from emulator.errors import AwsError
from emulator.services.json_needles import is_needle

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<operator>&&|\|\||[()]|!=|<=|>=|=|<|>)
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<selector>\$[^\s=!<>&|()]*)
    |(?P<word>[^\s=!<>&|()"]+)
    )""",
    re.VERBOSE,
)
_SELECTOR = re.compile(r"\$(?:\.[\w-]+|\[\d+\]|\['[^']+'\])+")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\['([^']+)'\]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MISSING = object()


class Condition(Protocol):
    """A part of a pattern."""

    def holds(self, document: Any) -> bool:
        """Whether the parsed message satisfies it."""
        ...

    def needles(self) -> list[str] | None:
        """Texts of which a message that satisfies it holds one; None where nothing can be said."""
        ...


@dataclass(frozen=True, slots=True)
class JsonPattern:
    """A whole pattern."""

    condition: Condition

    def matches(self, message: str) -> bool:
        """Whether the message is JSON and satisfies the condition."""
        if not message.startswith(("{", "[")):
            return False
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return self.condition.holds(document)

    def needles(self) -> list[str] | None:
        """Texts of which a message that matches holds one, but for escapes; None where nothing can be said."""
        return self.condition.needles()


@dataclass(frozen=True, slots=True)
class _All:
    parts: list[Condition]

    def holds(self, document: Any) -> bool:
        return all(part.holds(document) for part in self.parts)

    def needles(self) -> list[str] | None:
        known = [found for part in self.parts if (found := part.needles()) is not None]
        # The rarest is the best one; the longest is a fair guess.
        return max(known, key=lambda texts: min(map(len, texts)), default=None)


@dataclass(frozen=True, slots=True)
class _Any:
    parts: list[Condition]

    def holds(self, document: Any) -> bool:
        return any(part.holds(document) for part in self.parts)

    def needles(self) -> list[str] | None:
        texts: list[str] = []
        for part in self.parts:
            found = part.needles()
            if found is None:
                return None
            texts += found
        return texts


@dataclass(frozen=True, slots=True)
class _Test:
    """One selector with what is asked of its value; a value that is not there satisfies only NOT EXISTS."""

    path: tuple[str | int, ...]
    test: Callable[[Any], bool]
    needle: str | None = None

    def holds(self, document: Any) -> bool:
        return self.test(_select(document, self.path))

    def needles(self) -> list[str] | None:
        return None if self.needle is None else [self.needle]


def parse_json_pattern(text: str) -> JsonPattern:
    """The pattern in braces; InvalidParameterException for what is wrong, or not emulated, by name."""
    if not text.endswith("}"):
        raise _invalid(f"the filter pattern {text} has no closing brace")
    parser = _Parser(_split(text[1:-1].rstrip()))
    condition = parser.parse_any()
    parser.expect_end()
    return JsonPattern(condition)


class _Parser:
    """Conditions joined by && and ||, && binding tighter."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._next = 0

    def parse_any(self) -> Condition:
        parts = [self._parse_all()]
        while self._take_operator("||"):
            parts.append(self._parse_all())
        return parts[0] if len(parts) == 1 else _Any(parts)

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            raise _invalid(f"the filter pattern cannot be read from '{self._tokens[self._next][1]}'")

    def _parse_all(self) -> Condition:
        parts = [self._parse_one()]
        while self._take_operator("&&"):
            parts.append(self._parse_one())
        return parts[0] if len(parts) == 1 else _All(parts)

    def _parse_one(self) -> Condition:
        if self._take_operator("("):
            inner = self.parse_any()
            if not self._take_operator(")"):
                raise _invalid("the filter pattern has no closing parenthesis")
            return inner
        kind, selector = self._take()
        if kind != "selector":
            raise _invalid(f"a selector such as $.run_id was expected where the filter pattern has '{selector}'")
        path = _read_selector(selector)
        kind, text = self._take()
        if kind == "word":
            return self._parse_words(path, text.upper())
        if kind == "operator" and (text in _ORDERS or text in ("=", "!=")):
            return _compare(path, text, *self._take())
        raise _invalid(f"a comparison was expected where the filter pattern has '{text}'")

    def _parse_words(self, path: tuple[str | int, ...], word: str) -> Condition:
        what = f"{word} {self._take()[1].upper()}"
        tests: dict[str, Callable[[Any], bool]] = {
            "IS NULL": lambda value: value is None,
            "IS TRUE": lambda value: value is True,
            "IS FALSE": lambda value: value is False,
            "NOT EXISTS": lambda value: value is _MISSING,
        }
        if what not in tests:
            raise _invalid(f"{what} in filter patterns is not emulated")
        return _Test(path, tests[what])

    def _take(self) -> tuple[str, str]:
        if self._next == len(self._tokens):
            raise _invalid("the filter pattern ends too early")
        self._next += 1
        return self._tokens[self._next - 1]

    def _take_operator(self, text: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == ("operator", text):
            self._next += 1
            return True
        return False


def _split(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _invalid(f"the filter pattern cannot be read from '{text[position:]}'")
        position = found.end()
        assert found.lastgroup is not None
        tokens.append((found.lastgroup, found[found.lastgroup]))
    return tokens


def _read_selector(text: str) -> tuple[str | int, ...]:
    if not _SELECTOR.fullmatch(text):
        raise _invalid(f"the selector {text} is not emulated: $.name, $.list[0] and $['name'] are")
    return tuple(int(index) if index else name or quoted for name, index, quoted in _STEP.findall(text))


def _compare(path: tuple[str | int, ...], comparison: str, kind: str, text: str) -> Condition:
    if kind == "word" and text.startswith("%"):
        raise _invalid("regular expressions (%...%) in filter patterns are not emulated")
    if kind not in ("word", "quoted"):
        raise _invalid(f"a value was expected where the filter pattern has '{text}'")
    if kind == "word" and _NUMBER.fullmatch(text):
        return _Test(path, _number_test(comparison, float(text)))
    if comparison in _ORDERS:
        raise _invalid(f"{comparison} compares with a number, and {text} is none")
    wanted = re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "quoted" else text
    expression = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL)
    if comparison == "!=":
        return _Test(
            path, lambda value: value is not _MISSING and not (isinstance(value, str) and expression.fullmatch(value))
        )
    longest = max(wanted.split("*"), key=len)
    return _Test(
        path,
        lambda value: isinstance(value, str) and expression.fullmatch(value) is not None,
        longest if is_needle(longest) else None,
    )


def _number_test(comparison: str, wanted: float) -> Callable[[Any], bool]:
    if comparison == "!=":
        return lambda value: value is not _MISSING and not (_is_number(value) and value == wanted)
    if comparison == "=":
        return lambda value: _is_number(value) and value == wanted
    order = _ORDERS[comparison]
    return lambda value: _is_number(value) and order(value, wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _select(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(step, str):
            is_there = isinstance(document, dict) and step in document
        else:
            is_there = isinstance(document, list) and step < len(document)
        if not is_there:
            return _MISSING
        document = document[step]
    return document


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
