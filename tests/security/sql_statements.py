"""Which statements the code sends to the database, and of what their texts are made."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.template.project_template import ROOT

Function = ast.FunctionDef | ast.AsyncFunctionDef

FOLDERS = ("layers", "functions", "batchctl")
# Methods whose first argument is SQL: PyMySQL's cursor, the platform's Transaction, yoyo's backend.
SINKS = frozenset({"execute", "executemany", "execute_many", "query"})
# What turns a name into an identifier that may stand in SQL, or refuses it.
QUOTING = frozenset({"quote_name", "quote_identifier"})
# The one function that makes a statement out of names, each of which goes through quote_name.
BUILDERS = frozenset({"build_upsert"})


@dataclass(frozen=True)
class Sent:
    """A statement that is handed to the database, or to a function that hands it on."""

    file: str
    line: int
    sink: str
    statement: ast.expr
    functions: tuple[Function, ...]  # in which it stands, the innermost first

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sink}({ast.unparse(self.statement)[:80]})"


def list_files() -> list[Path]:
    """Every module that may reach a database."""
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def find_sent(files: list[Path]) -> tuple[list[Sent], dict[str, int]]:
    """All statements sent, and the functions that hand one on: {name: which argument}.

    A function that takes a statement as an argument is a sink too, so whoever calls it is looked at.
    """
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    sinks = dict.fromkeys(SINKS, 0)
    while True:
        sent = [item for path, tree in trees.items() for item in _walk(path, tree, sinks)]
        known = len(sinks)
        for item in sent:
            if isinstance(item.statement, ast.Name):
                for function in item.functions:
                    names = [argument.arg for argument in function.args.args]
                    if item.statement.id in names:
                        at = names.index(item.statement.id) - (names[0] in ("self", "cls"))
                        sinks.setdefault(function.name, at)
        if len(sinks) == known:
            return sent, {name: at for name, at in sinks.items() if name not in SINKS}


def find_impurity(sent: Sent, handed_on: dict[str, int]) -> str | None:
    """What in the statement is neither written in the code nor a checked name; None where there is nothing."""
    return _find_impure(sent.statement, sent.functions, handed_on)


def _walk(path: Path, tree: ast.AST, sinks: dict[str, int], functions: tuple[Function, ...] = ()) -> Iterator[Sent]:
    for node in ast.iter_child_nodes(tree):
        inside = (node, *functions) if isinstance(node, Function) else functions
        if isinstance(node, ast.Call):
            name = _name_of(node.func)
            statements = [item.value for item in node.keywords if item.arg == "init_command"]
            at = sinks.get(name)
            if at is not None and len(node.args) > at:
                statements.append(node.args[at])
            for statement in statements:
                yield Sent(str(path.relative_to(ROOT)), node.lineno, name, statement, functions)
        yield from _walk(path, node, sinks, inside)


def _name_of(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _find_impure(node: ast.expr, functions: tuple[Function, ...], handed_on: dict[str, int]) -> str | None:
    if _is_written(node):
        return None
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return _find_first(parts, functions, handed_on)
    if isinstance(node, ast.Name):
        for function in functions:
            if node.id in [argument.arg for argument in function.args.args]:
                return None if function.name in handed_on or function.name in SINKS else f"the argument {node.id}"
            values = list(_assigned(function, node.id))
            if values:
                return _find_first(values, functions, handed_on)
    return ast.unparse(node)


def _find_first(nodes: list[ast.expr], functions: tuple[Function, ...], handed_on: dict[str, int]) -> str | None:
    return next((found for node in nodes if (found := _find_impure(node, functions, handed_on))), None)


def _is_written(node: ast.expr) -> bool:
    """Whether it stands in the code: a literal, a constant (_CREATE, job.SELECT_USERS), or what a checker returns."""
    if isinstance(node, ast.Call):
        return _name_of(node.func) in QUOTING | BUILDERS
    return (isinstance(node, ast.Constant) and isinstance(node.value, str)) or _is_constant(_name_of(node))


def _is_constant(name: str) -> bool:
    return name.lstrip("_").isupper()


def _assigned(function: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(
            isinstance(item, ast.Name) and item.id == name for item in node.targets
        ):
            yield node.value
