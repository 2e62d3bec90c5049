"""Reads and writes JSON by path, for states whose query language is JSONPath.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from emulator.step_functions.jsonpath_parser import (
    Descend,
    Filter,
    Indexes,
    Names,
    PathError,
    Slice,
    Step,
    is_definite,
    normalize,
    parse_steps,
)
from emulator.step_functions.scope import Scope

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")


class PathNotFoundError(LookupError):
    """The path leads to nothing."""


class JsonPath:
    """A path that starts at the input (`$`), the context object (`$$`) or a variable (`$name`)."""

    __slots__ = ("_definite", "_root", "_steps", "_variable", "text")

    def __init__(self, text: str) -> None:
        """Parses `text`; raises PathError."""
        self.text = text
        self._variable = ""
        variable = _VARIABLE.match(text)
        if text.startswith("$$"):
            self._root, start = "context", 2
        elif variable:
            self._root, start = "variable", variable.end()
            self._variable = variable[1]
        elif text.startswith("$"):
            self._root, start = "input", 1
        else:
            raise PathError(f"a path must start with '$': '{text}'")
        self._steps = parse_steps(text, start=start)
        self._definite = is_definite(self._steps)

    @property
    def normalized(self) -> str:
        """The path in bracket form, as AWS's messages have it."""
        return normalize(self._steps, self.text)

    def read(self, scope: Scope) -> Any:
        """The node, or the list of nodes where the path may name several; raises PathNotFoundError."""
        if self._root == "input":
            root = scope.input
        elif self._root == "context":
            root = scope.context
        elif self._variable in scope.variables:
            root = scope.variables[self._variable]
        else:
            raise PathNotFoundError(self.text)
        return read_steps(root, self._steps, definite=self._definite, text=self.text)


def read_steps(root: Any, steps: tuple[Step, ...], *, definite: bool, text: str) -> Any:
    """The node or nodes that `steps` lead to; raises PathNotFoundError for a definite path that leads nowhere."""
    if not definite:
        return list(_walk(root, steps))
    node = root
    for step in steps:
        if isinstance(step, Names):
            assert step.names is not None
            if not isinstance(node, dict) or step.names[0] not in node:
                raise PathNotFoundError(text)
            node = node[step.names[0]]
        elif isinstance(step, Indexes):
            index = step.indexes[0]
            if not isinstance(node, list) or not -len(node) <= index < len(node):
                raise PathNotFoundError(text)
            node = node[index]
    return node


def _walk(node: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    if not steps:
        yield node
        return
    first, rest = steps[0], steps[1:]
    if isinstance(first, Descend):
        yield from _walk(node, rest)
        for child in _children(node):
            yield from _walk(child, steps)
        return
    for child in _select(node, first):
        yield from _walk(child, rest)


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _select(node: Any, step: Step) -> list[Any]:
    match step:
        case Names(names=None):
            return _children(node)
        case Names(names=tuple() as names):
            return [node[name] for name in names if isinstance(node, dict) and name in node]
        case Indexes(indexes=indexes) if isinstance(node, list):
            return [node[index] for index in indexes if -len(node) <= index < len(node)]
        case Slice(start=start, stop=stop) if isinstance(node, list):
            return node[start:stop]
        case Filter(test=test):
            candidates = node if isinstance(node, list) else [node]
            return [candidate for candidate in candidates if _passes(candidate, test)]
        case _:
            return []


_MISSING: Final = object()
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _passes(node: Any, test: tuple[Any, ...]) -> bool:
    match test:
        case ("or", first, second):
            return _passes(node, first) or _passes(node, second)
        case ("and", first, second):
            return _passes(node, first) and _passes(node, second)
        case ("not", inner):
            return not _passes(node, inner)
        case ("exists", steps):
            return _operand(node, ("path", steps)) is not _MISSING
        case (operator, first, second):
            return _compare(operator, _operand(node, first), _operand(node, second))
    raise AssertionError(test)


def _compare(operator: str, left: Any, right: Any) -> bool:
    if left is _MISSING or right is _MISSING:
        return False
    if operator == "=~":
        return isinstance(left, str) and isinstance(right, re.Pattern) and right.fullmatch(left) is not None
    if operator in ("==", "!="):
        equal = left == right and isinstance(left, bool) == isinstance(right, bool)
        return equal == (operator == "==")
    comparable = (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))
    return comparable and _COMPARISONS[operator](left, right)


def _operand(node: Any, operand: tuple[Any, ...]) -> Any:
    kind, content = operand
    if kind != "path":
        return content
    try:
        return read_steps(node, content, definite=is_definite(content), text="@")
    except PathNotFoundError:
        return _MISSING


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class ReferencePath:
    """A path to one place, which ResultPath writes: `.name`, `['name']` and `[index]` only."""

    __slots__ = ("_steps", "text")

    def __init__(self, text: str) -> None:
        """Parses `text`; raises PathError for a path that may name several places or is no path of the input."""
        self.text = text
        if not text.startswith("$") or text.startswith("$$"):
            raise PathError(f"a reference path must start with '$': '{text}'")
        steps = parse_steps(text)
        if not is_definite(steps):
            raise PathError(f"a reference path must name one place: '{text}'")
        self._steps = steps

    @property
    def normalized(self) -> str:
        """The path in bracket form, as AWS's messages have it."""
        return normalize(self._steps, self.text)

    def write(self, root: Any, value: Any) -> Any:
        """A copy of `root` with `value` in its place; objects on the way are made, `root` itself is not changed.

        Raises PathNotFoundError where the way leads through something that is no object or list.
        """
        return self._write(root, self._steps, value)

    def _write(self, node: Any, steps: tuple[Step, ...], value: Any) -> Any:
        if not steps:
            return value
        step, rest = steps[0], steps[1:]
        if isinstance(step, Names):
            assert step.names is not None
            if node is not None and not isinstance(node, dict):
                raise PathNotFoundError(self.text)
            copy = dict(node or {})
            copy[step.names[0]] = self._write(copy.get(step.names[0]), rest, value)
            return copy
        assert isinstance(step, Indexes)
        index = step.indexes[0]
        if not isinstance(node, list) or not 0 <= index < len(node):
            raise PathNotFoundError(self.text)
        items = list(node)
        items[index] = self._write(items[index], rest, value)
        return items
