"""Parses the JsonPath dialect that Step Functions takes (Jayway's) into steps.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
"""

import json
import re
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[^\s.\[\]()?@'\",*]+")
_INTEGER = re.compile(r"-?\d+")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_OPERATOR = re.compile(r"==|!=|<=|>=|=~|<|>")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/(i?)")


class PathError(ValueError):
    """A path that does not parse, or that this emulator does not implement."""


@dataclass(frozen=True, slots=True)
class Names:
    """`.name`, `['a','b']`; None stands for every member or item."""

    names: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Indexes:
    """`[0]`, `[0,2]`, `[-1]`."""

    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1:3]`."""

    start: int | None
    stop: int | None


@dataclass(frozen=True, slots=True)
class Descend:
    """`..`: the next step is applied at every depth."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(...)]`; `test` is a tree of ("or"|"and", a, b), ("not", a), ("exists", steps), (operator, left, right)."""

    test: tuple[Any, ...]


Step = Names | Indexes | Slice | Descend | Filter


def parse_steps(path: str, *, start: int = 1) -> tuple[Step, ...]:
    """The steps of `path` after its root (`$`, `$$` or `$name`), which ends at `start`; raises PathError."""
    parser = _Parser(path, start)
    steps = parser.steps()
    if parser.position != len(path):
        raise PathError(f"unexpected '{path[parser.position :]}' in path '{path}'")
    return steps


def is_definite(steps: tuple[Step, ...]) -> bool:
    """Whether the path names at most one node, so that its result is that node and not a list."""
    return all(
        (isinstance(step, Names) and step.names is not None and len(step.names) == 1)
        or (isinstance(step, Indexes) and len(step.indexes) == 1)
        for step in steps
    )


def normalize(steps: tuple[Step, ...], text: str) -> str:
    """The path in the bracket form of AWS's messages, `text` where it may name several nodes."""
    if not is_definite(steps):
        return text
    parts = [f"['{step.names[0]}']" if isinstance(step, Names) and step.names else "" for step in steps]
    indexes = [f"[{step.indexes[0]}]" if isinstance(step, Indexes) else "" for step in steps]
    return "$" + "".join(name + index for name, index in zip(parts, indexes, strict=True))


class _Parser:
    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position

    def steps(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        while self.position < len(self.text):
            if self._take(".."):
                steps.append(Descend())
                if self._peek("["):
                    steps.append(self._bracket())
                else:
                    steps.append(self._name())
            elif self._take("."):
                steps.append(self._name())
            elif self._peek("["):
                steps.append(self._bracket())
            else:
                break
        return tuple(steps)

    def _peek(self, token: str) -> bool:
        return self.text.startswith(token, self.position)

    def _take(self, token: str) -> bool:
        if self._peek(token):
            self.position += len(token)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise PathError(f"expected '{token}' at position {self.position} of path '{self.text}'")

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    def _blanks(self) -> None:
        while self._take(" "):
            pass

    def _name(self) -> Step:
        if self._take("*"):
            return Names(None)
        found = self._match(_NAME)
        if not found:
            raise PathError(f"expected a name at position {self.position} of path '{self.text}'")
        if self._peek("("):
            raise PathError(f"not implemented by this emulator: the path function '{found[0]}()' in '{self.text}'")
        return Names((found[0],))

    def _bracket(self) -> Step:
        self._expect("[")
        self._blanks()
        step = self._bracket_content()
        self._blanks()
        self._expect("]")
        return step

    def _bracket_content(self) -> Step:
        if self._take("*"):
            return Names(None)
        if self._take("?"):
            self._expect("(")
            test = self._any_of()
            self._blanks()
            self._expect(")")
            return Filter(test)
        if self._peek("'") or self._peek('"'):
            names = [self._quoted()]
            while self._comma():
                names.append(self._quoted())
            return Names(tuple(names))
        first = self._match(_INTEGER)
        if self._take(":"):
            last = self._match(_INTEGER)
            return Slice(int(first[0]) if first else None, int(last[0]) if last else None)
        if not first:
            raise PathError(f"expected an index or a name at position {self.position} of path '{self.text}'")
        indexes = [int(first[0])]
        while self._comma():
            found = self._match(_INTEGER)
            if not found:
                raise PathError(f"expected an index at position {self.position} of path '{self.text}'")
            indexes.append(int(found[0]))
        return Indexes(tuple(indexes))

    def _comma(self) -> bool:
        self._blanks()
        taken = self._take(",")
        self._blanks()
        return taken

    def _quoted(self) -> str:
        found = self._match(_QUOTED)
        if not found:
            raise PathError(f"expected a quoted name at position {self.position} of path '{self.text}'")
        # Only the quote in use and the backslash itself can be escaped; AWS keeps any other backslash.
        quote, raw = ("'", found[1]) if found[1] is not None else ('"', found[2])
        return re.sub(rf"\\([\\{quote}])", r"\1", raw)

    def _any_of(self) -> tuple[Any, ...]:
        left = self._all_of()
        while self._operator("||"):
            left = ("or", left, self._all_of())
        return left

    def _all_of(self) -> tuple[Any, ...]:
        left = self._test()
        while self._operator("&&"):
            left = ("and", left, self._test())
        return left

    def _operator(self, token: str) -> bool:
        self._blanks()
        return self._take(token)

    def _test(self) -> tuple[Any, ...]:
        self._blanks()
        if self._take("!"):
            return ("not", self._test())
        if self._take("("):
            inner = self._any_of()
            self._blanks()
            self._expect(")")
            return inner
        left = self._operand()
        self._blanks()
        operator = self._match(_OPERATOR)
        if operator is None:
            if left[0] != "path":
                raise PathError(f"a filter must compare or name a path in '{self.text}'")
            return ("exists", left[1])
        self._blanks()
        return (operator[0], left, self._operand())

    def _operand(self) -> tuple[Any, ...]:
        if self._take("@"):
            return ("path", self.steps())
        if self._peek("'") or self._peek('"'):
            return ("value", self._quoted())
        pattern = self._match(_REGEX)
        if pattern:
            return ("regex", re.compile(pattern[1], re.IGNORECASE if pattern[2] else 0))
        word = self._match(re.compile(r"-?\d+(\.\d+)?|true|false|null"))
        if not word:
            raise PathError(f"expected a value at position {self.position} of path '{self.text}'")
        return ("value", json.loads(word[0]))
